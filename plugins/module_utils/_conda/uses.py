# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What uses a generation: processes, Jupyter kernels and systemd units. Reads only, and only when somebody asks.

This module util is private to the collection.
"""

from __future__ import annotations

import glob
import os
import pwd
import re
import stat
import typing as t

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda import processes
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.store import Store

_UNITS = ("/etc/systemd", "/run/systemd", "/usr/local/lib/systemd")
_KERNELS = ("/usr/local/share/jupyter/kernels", "/usr/share/jupyter/kernels")
_HOMES = "/home/*"
_OF_A_USER = (
    *((".local/share/jupyter/kernels", "kernel"), (".config/systemd/user", "unit")),
    (".local/share/systemd/user", "unit"),
)

#: Kernelspecs and units are small; what is larger is neither.
_LARGEST = 1024 * 1024


def uses_of(store: Store, generations: t.Collection[str]) -> dict[str, list[str]]:
    """Return, for each of ``generations`` that something uses, what that is."""
    result: dict[str, list[str]] = {}
    if not generations:
        return result
    paths = {store.generation(generation): generation for generation in generations}
    for path, ids in processes.users_of(paths).items():
        result[paths[path]] = [processes.describe(number) for number in ids]
    for generation, files in names_of(store, generations).items():
        result.setdefault(generation, []).extend(files)
    return result


def names_of(store: Store, generations: t.Collection[str]) -> dict[str, list[str]]:
    """Return, for each of ``generations`` that a kernel or unit names, kind and path of these."""
    result: dict[str, list[str]] = {}
    # Accounts of a directory service are often not listed, but their homes are there.
    homes = {*glob.glob(_HOMES), *(account.pw_dir for account in pwd.getpwall())}
    for kind, directory in _places(homes):
        for path in _files(directory, kind):
            for generation in sorted(named_in(path, store.root) & set(generations)):
                result.setdefault(generation, []).append(f"{kind} {path}")
    return result


def named_in(path: str, root: str) -> set[str]:
    """Return the generations of the store at ``root`` that the text file ``path`` names; none if it cannot be read."""
    roots = "|".join(re.escape(one) for one in sorted({root, os.path.realpath(root)}))
    pattern = re.compile(rf"(?:{roots})/generations/([0-9a-f]{{16}}(?:-[0-9]+)?)")
    return set(pattern.findall(_read(path).replace("\\/", "/")))


def _places(homes: t.Collection[str]) -> t.Iterator[tuple[str, str]]:
    """Yield kind and directory of every place where something may name a generation."""
    for directory in _UNITS:
        yield "unit", directory
    for directory in _KERNELS:
        yield "kernel", directory
    for home in sorted(homes):
        for below, kind in _OF_A_USER:
            yield kind, os.path.join(home, below)


def _files(directory: str, kind: str) -> t.Iterator[str]:
    if kind == "kernel":
        yield from sorted(glob.glob(f"{glob.escape(directory)}/*/kernel.json"))
        return
    for parent, _folders, names in os.walk(directory):
        for name in sorted(names):
            yield f"{parent}/{name}"


def _read(path: str) -> str:
    """Return the text of a small regular file, else nothing: users put here what they like, pipes for instance."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_size > _LARGEST:
            return ""
        return os.read(descriptor, _LARGEST).decode("utf-8", "replace")
    except OSError:
        return ""
    finally:
        os.close(descriptor)
