# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The cache is collected with the generations: what no seal names any more goes.

This module util is private to the collection.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import typing as t

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda import seal
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.engine_wheels import WHEELS
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.store import Store
from ansible_collections.lockstep.gpufleet.plugins.module_utils._files import names_in


def collect(store: Store) -> None:
    """Remove archives, unpacked packages and bytecode that none of the store's generations has; the lock is held.

    Nothing breaks if a generation's seal cannot be read: its files are links or copies of their own, and the next build
    fetches or makes again what it needs.
    """
    seals = {one: seal.read(store.generation(one)) for one in names_in(store.generations)}
    archives = {sha256 for wheels in WHEELS.values() for _path, sha256 in wheels}
    stems: set[str] = set()
    for known in seals.values():
        for package in known.packages if known else ():
            archives.add(package.sha256)
            stems.add(f"{package.name}-{package.version}-{package.build}")
    for name in names_in(store.archives):
        path = f"{store.archives}/{name}"
        if os.path.islink(path):  # another name, by md5, of the archive with the sha256 that it leads to
            if os.path.basename(os.readlink(path)) not in archives:
                os.unlink(path)
        elif name not in archives:
            shutil.rmtree(path)
    _collect_packages(store.packages, stems, archives)
    _collect_bytecode(store.bytecode, store, [one for one, known in seals.items() if known])


def warn_of_copies(store: Store) -> list[str]:
    """Return a warning where the cache is on another filesystem than the generations, so that no file can be a link."""
    if _device(store.packages) == _device(store.generations):
        return []
    return [
        f"{os.path.dirname(store.packages)} is on another filesystem than {store.generations}: files are copied instead of "
        "linked, so every generation needs its full size on disk (else only what differs), and building it takes longer."
    ]


def _device(path: str) -> int:
    """Return the filesystem on which ``path`` is, or would be made."""
    while not os.path.exists(path):
        path = os.path.dirname(path)
    return os.stat(path).st_dev


def _collect_packages(directory: str, stems: t.Collection[str], archives: t.Collection[str]) -> None:
    """Remove unpacked packages; the engine's note beside each ends with the sha256 of its archive (32 bytes)."""
    for name in names_in(directory):
        path = f"{directory}/{name}"
        if name.startswith(".") or not os.path.isdir(path):
            continue
        try:
            with open(path + ".lock", "rb") as file:
                sha256 = file.read()[8:].hex()
        except OSError:
            sha256 = ""
        if name not in stems or (sha256 and sha256 not in archives):
            shutil.rmtree(path)
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path + ".lock")


def _collect_bytecode(directory: str, store: Store, generations: t.Iterable[str]) -> None:
    """Remove compiled files; an entry's name ends with the sha256 of its content, and trees name those."""
    entries = [
        (f"{parent}/{name}", name.rpartition(".")[2]) for parent, _folders, names in os.walk(directory) for name in names
    ]
    if not entries:
        return
    contents: set[str] = set()
    for generation in generations:
        with contextlib.suppress(OSError, ValueError):
            with open(f"{store.generation(generation)}/tree.json", "rb") as file:
                contents.update(row[4] for row in json.loads(file.read()) if row[0].endswith(".pyc"))
    for path, sha256 in entries:
        if sha256 not in contents:
            os.unlink(path)
            with contextlib.suppress(OSError):
                os.rmdir(os.path.dirname(path))
