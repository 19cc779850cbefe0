# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Kernel directories on the host: read, written and removed so that Jupyter never sees half of one.

This module util is private to the collection.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import os
import pwd
import shutil
import stat
import typing as t

from ansible_collections.lockstep.gpufleet.plugins.module_utils._files import (
    read_or_none,
    sync_directory,
    write_atomically,
)
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem

# The first entry of jupyter_core's SYSTEM_JUPYTER_PATH (jupyter_core/paths.py).
SYSTEM_DATA = "/usr/local/share/jupyter"
# Beside the folder "kernels", not in it: Jupyter lists every folder there that holds a kernel.json.
_STAGING = ".lockstep-staging"
_DIRECTORY_MODE = 0o755
_FILE_MODE = 0o644


@dataclasses.dataclass(frozen=True)
class Found:
    """What lies at the path of a kernel. ``files`` is None where nothing does."""

    path: str
    files: t.Mapping[str, bytes] | None = None
    odd: tuple[str, ...] = ()
    kind: str = "absent"


def data_directory(user: str | None) -> str:
    """Return Jupyter's data directory, of the system or of ``user``.

    A user's is ~/.local/share/jupyter (jupyter_core/paths.py, jupyter_data_dir); JUPYTER_DATA_DIR and XDG_DATA_HOME in
    the user's own start-up files are not known here. Raises Problem for an unknown user.
    """
    if user is None:
        return SYSTEM_DATA
    try:
        home = pwd.getpwnam(user).pw_dir
    except KeyError:
        raise Problem(f"user: there is no account {user!r} on this host. Create it with the role accounts first.") from None
    return os.path.join(home, ".local", "share", "jupyter")


def look(path: str) -> Found:
    """Read the kernel directory at ``path``: its files, and what is odd about modes (sentences)."""
    try:
        status = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return Found(path)
    if not stat.S_ISDIR(status.st_mode):
        return Found(path, kind="link" if stat.S_ISLNK(status.st_mode) else "file")
    odd = []
    if stat.S_IMODE(status.st_mode) != _DIRECTORY_MODE:
        odd.append(f"{path}: mode {stat.S_IMODE(status.st_mode):04o} instead of {_DIRECTORY_MODE:04o}")
    files: dict[str, bytes] = {}
    for name in sorted(os.listdir(path)):
        full = os.path.join(path, name)
        status = os.lstat(full)
        if not stat.S_ISREG(status.st_mode):
            odd.append(f"{full}: not a plain file")
            continue
        if stat.S_IMODE(status.st_mode) != _FILE_MODE:
            odd.append(f"{full}: mode {stat.S_IMODE(status.st_mode):04o} instead of {_FILE_MODE:04o}")
        files[name] = read_or_none(full) or b""
    return Found(path, files, tuple(odd), "directory")


def _staging(path: str) -> str:
    return os.path.join(os.path.dirname(os.path.dirname(path)), _STAGING)


def has_leftovers(data: str) -> bool:
    """Say whether an interrupted run left its staging folder behind."""
    return os.path.lexists(os.path.join(data, _STAGING))


@contextlib.contextmanager
def staging_area(data: str) -> t.Iterator[str]:
    """Hold Jupyter's data directory for writing; yields an empty folder on its filesystem, which is removed at the end.

    Creates missing parents with mode 755 whatever the umask. A lock on the data directory keeps two runs apart.
    """
    _make_parents(os.path.join(data, "kernels"))
    descriptor = os.open(data, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        folder = os.path.join(data, _STAGING)
        shutil.rmtree(folder, ignore_errors=True)
        os.mkdir(folder, 0o700)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(descriptor)


def _make_parents(path: str) -> None:
    missing = []
    while not os.path.isdir(path):
        missing.append(path)
        path = os.path.dirname(path)
    for folder in reversed(missing):
        os.mkdir(folder)
        os.chmod(folder, _DIRECTORY_MODE)
        sync_directory(os.path.dirname(folder))


def write(path: str, files: t.Mapping[str, bytes], staging: str) -> None:
    """Make the kernel directory at ``path`` hold exactly ``files``.

    A new directory is built in ``staging`` and renamed to its place; one that exists gets file after file by rename,
    kernel.json last: whoever reads meanwhile finds the old kernel or the new one. Whatever else lay at ``path`` goes.
    """
    if look(path).kind in ("link", "file"):
        os.unlink(path)
    if os.path.isdir(path):
        _update(path, files)
        return
    fresh = os.path.join(staging, os.path.basename(path))
    os.mkdir(fresh)
    _update(fresh, files)
    os.rename(fresh, path)
    sync_directory(os.path.dirname(path))


def _update(path: str, files: t.Mapping[str, bytes]) -> None:
    os.chmod(path, _DIRECTORY_MODE)
    for name in sorted(files, key=lambda name: (name == "kernel.json", name)):
        target = os.path.join(path, name)
        if os.path.isdir(target) and not os.path.islink(target):
            shutil.rmtree(target)
        write_atomically(target, files[name], mode=_FILE_MODE)
    for name in set(os.listdir(path)) - set(files):
        extra = os.path.join(path, name)
        if os.path.isdir(extra) and not os.path.islink(extra):
            shutil.rmtree(extra)
        else:
            os.unlink(extra)
    sync_directory(path)


def remove(path: str, staging: str) -> None:
    """Remove a kernel directory: first out of Jupyter's sight by one rename, then its files. A link goes, not its target."""
    if look(path).kind in ("link", "file"):
        os.unlink(path)
        sync_directory(os.path.dirname(path))
        return
    gone = os.path.join(staging, "removed-" + os.path.basename(path))
    os.rename(path, gone)
    sync_directory(os.path.dirname(path))
    shutil.rmtree(gone)
