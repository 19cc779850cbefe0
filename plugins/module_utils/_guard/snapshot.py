# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Taking the snapshot: copies of paths, the text of tables, the state of units, all on disk when the call returns.

This module util is private to the collection.
"""

from __future__ import annotations

import dataclasses
import os
import shutil
import stat
import subprocess

from .._files import sync_directory, write_atomically
from .restore import SavedPath, SavedTable, SavedUnit, Snapshot, table_file


@dataclasses.dataclass(frozen=True)
class Cover:
    """What a guard covers: absolute paths, nftables tables (``inet lockstep``), and systemd units."""

    paths: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    units: tuple[str, ...] = ()


def take(cover: Cover, directory: str, first: int = 0) -> Snapshot:
    """Copy everything in ``cover`` below ``directory``, synced. Raises OSError; the caller removes ``directory``.

    ``first``: number of the first copy, for a second snapshot beside another one.
    """
    paths = tuple(_save_path(path, directory, f"path-{number}") for number, path in enumerate(cover.paths, first))
    tables = tuple(_save_table(name, directory, f"table-{number}") for number, name in enumerate(cover.tables, first))
    units = tuple(SavedUnit(name, is_active(name)) for name in cover.units)
    sync_directory(directory)
    return Snapshot(paths, tables, units)


def _save_path(path: str, directory: str, copy: str) -> SavedPath:
    target = os.path.join(directory, copy)
    try:
        status = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return SavedPath(path, "absent")
    if stat.S_ISLNK(status.st_mode):
        os.symlink(os.readlink(path), target)
        return SavedPath(path, "link", copy)
    if stat.S_ISDIR(status.st_mode):
        shutil.copytree(path, target, symlinks=True, copy_function=_copy_file)
        _copy_owner(path, target)
        for folder, _folders, _files in os.walk(target):
            source = os.path.join(path, os.path.relpath(folder, target))
            _copy_owner(source, folder)
            sync_directory(folder)
        return SavedPath(path, "directory", copy)
    if not stat.S_ISREG(status.st_mode):
        raise OSError(f"{path} is neither a file, a link nor a directory")
    _copy_file(path, target)
    return SavedPath(path, "file", copy)


def _copy_file(source: str, target: str, *, follow_symlinks: bool = True) -> str:
    """Copy content, mode, times and extended attributes (SELinux), then owner; synced."""
    shutil.copy2(source, target, follow_symlinks=follow_symlinks)
    _copy_owner(source, target)
    if not os.path.islink(target):
        descriptor = os.open(target, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    return target


def _copy_owner(source: str, target: str) -> None:
    status = os.lstat(source)
    os.lchown(target, status.st_uid, status.st_gid)


def _save_table(name: str, directory: str, copy: str) -> SavedTable:
    text = list_table(name)
    path = os.path.join(directory, copy)
    write_atomically(path, table_file(name, text).encode(), mode=0o600)
    write_atomically(path + ".text", (text or "").encode(), mode=0o600)
    return SavedTable(name, copy)


def list_table(name: str) -> str | None:
    """Return the text of an nftables table without its counters, or None where there is no such table."""
    try:
        done = subprocess.run(
            ["nft", "-s", "list", "table", *name.split()], capture_output=True, text=True, timeout=30, check=False
        )
    except FileNotFoundError:
        return None
    return done.stdout if done.returncode == 0 else None


def is_active(unit: str) -> bool:
    """Return whether systemd runs ``unit`` now."""
    done = subprocess.run(["systemctl", "is-active", "--quiet", unit], timeout=30, check=False)
    return done.returncode == 0
