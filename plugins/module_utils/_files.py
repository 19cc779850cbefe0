# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Files and links that change all at once or not at all, and are on disk when the call returns.

This module util is private to the collection.
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import os
import tempfile


#: Bytes hashed at once.
_CHUNK = 1024 * 1024


def read_or_none(path: str) -> bytes | None:
    """Return the content of ``path``, or None where no such file exists."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except (FileNotFoundError, NotADirectoryError):
        return None


def names_in(directory: str) -> list[str]:
    """Return the names of what lies in ``directory``, in no order; nothing where there is no such directory."""
    try:
        return os.listdir(directory)
    except (FileNotFoundError, NotADirectoryError):
        return []


def file_sha256(path: str) -> str:
    """Return the sha256 of the file's content as hex digits, read in pieces. Raises OSError."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for chunk in iter(lambda: file.read(_CHUNK), b""):
            digest.update(chunk)
    return digest.hexdigest()


def sync_directory(path: str) -> None:
    """Make renames and creations inside ``path`` durable (fsync(2) of the directory)."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_filesystem(path: str) -> None:
    """Make all that was written on the filesystem of the directory ``path`` durable, by one syncfs(2)."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        library = ctypes.CDLL(None, use_errno=True)
        if library.syncfs(descriptor) != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), path)
    except AttributeError:  # a C library without it
        os.sync()
    finally:
        os.close(descriptor)


def write_atomically(
    path: str, content: bytes, mode: int = 0o644, owner: tuple[int, int] | None = None
) -> None:
    """Replace ``path`` by a synced file with ``content``; a crash leaves the old file or the new one.

    ``mode``: permission bits, set whatever the umask. ``owner``: (uid, gid), or None for the caller's own.
    The parent directory must exist. Raises OSError; then the old file is untouched and no litter is left.
    """
    directory = os.path.dirname(path)
    descriptor, temporary = tempfile.mkstemp(prefix="." + os.path.basename(path) + ".", dir=directory)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            if owner is not None:
                os.fchown(file.fileno(), *owner)
            os.fchmod(file.fileno(), mode)
            file.flush()
            os.fsync(file.fileno())
        os.rename(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    sync_directory(directory)


def replace_link(path: str, target: str) -> None:
    """Make ``path`` a symbolic link to ``target`` by one rename(2): readers see the old link or the new one."""
    directory = os.path.dirname(path)
    while True:
        temporary = os.path.join(directory, f".{os.path.basename(path)}.{os.urandom(6).hex()}")
        try:
            os.symlink(target, temporary)
            break
        except FileExistsError:
            continue
    try:
        os.rename(temporary, path)  # the last thing that is done: whoever is killed after it leaves nothing behind
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    sync_directory(directory)
