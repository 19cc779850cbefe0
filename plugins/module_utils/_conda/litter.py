# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What runs leave behind that were killed, cut off or out of disk; generations that were begun are the plan's business.

Everything that is not finished has a name of its own: it lies in the store's temporary folder, or its name begins with a
dot (of our own temporary files, and of the engine's), or it is a folder without content.
This module util is private to the collection.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda import unmanaged
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.store import Store, split_generation
from ansible_collections.lockstep.gpufleet.plugins.module_utils._files import names_in

#: The engine locks its cache with it; that it lies there means nothing.
_ENGINE_LOCK = ".cache.lock"

#: Links that ``replace_link`` makes beside environments before it renames them.
_OUR_LINK = re.compile(r"^\..+\.[0-9a-f]{12}$")

#: Folders that ``unmanaged.check_exchange`` makes there, by tempfile.
_OUR_FOLDER = re.compile(r"^\..+\.[a-z0-9_]{8}$")


def discard(store: Store) -> None:
    """Remove all litter below ``store``; the caller holds its lock, so nobody is at work. Raises OSError."""
    for name in names_in(store.temporary):
        remove(f"{store.temporary}/{name}")
    holds, histories = os.path.dirname(store.hold("x")), os.path.dirname(store.history("x"))
    for directory in (store.packages, store.archives, store.engines, holds, histories):
        _discard_hidden(directory)
    _discard_beside_environments(store)
    for interpreter in names_in(store.bytecode):
        for name in names_in(f"{store.bytecode}/{interpreter}"):
            _discard_hidden(f"{store.bytecode}/{interpreter}/{name}")
    for name in names_in(store.archives):
        _discard_hidden(f"{store.archives}/{name}")
        _remove_if_empty(f"{store.archives}/{name}")
    for name in names_in(store.generations):
        # Killed between making the folder and the environment in it, or between removing one and the other.
        if split_generation(name) is not None:
            _remove_if_empty(f"{store.generations}/{name}/envs")
            _remove_if_empty(f"{store.generations}/{name}")


def _discard_beside_environments(store: Store) -> None:
    """Remove our names among the environments, where users' own directories lie too: nothing but links and empty folders."""
    for name in names_in(store.environments):
        path = f"{store.environments}/{name}"
        if os.path.islink(path):
            ours = _OUR_LINK.fullmatch(name) and os.readlink(path).startswith(f"{store.generations}/")
            if ours or unmanaged.is_left_over(path, store.generations):
                os.unlink(path)
        elif os.path.isdir(path) and _OUR_FOLDER.fullmatch(name):
            unmanaged.discard_folder(path)


def remove(path: str) -> None:
    """Remove ``path``, whatever it is. Raises OSError."""
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    else:
        os.unlink(path)


def _discard_hidden(directory: str) -> None:
    for name in names_in(directory):
        if name.startswith(".") and name != _ENGINE_LOCK:
            remove(f"{directory}/{name}")


def _remove_if_empty(directory: str) -> None:
    if not names_in(directory):
        with contextlib.suppress(OSError):
            os.rmdir(directory)
