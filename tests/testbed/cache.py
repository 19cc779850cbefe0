# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Things that are built once and kept under the user's cache directory, named by what they were built from.

An entry is a directory ``<cache>/<subject>/<name>-<key>``. It is built in a sibling with another name and published
by one rename, so an entry that exists is complete: a build that was killed leaves only a sibling that nobody reads
and that the next build of the same subject removes.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import pathlib
import shutil
import typing as t

_BUILDING = ".building-"


def cache_root() -> pathlib.Path:
    """Return ``${XDG_CACHE_HOME:-~/.cache}/lockstep-gpufleet``; it is created when absent."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    root = pathlib.Path(base).absolute() / "lockstep-gpufleet"
    root.mkdir(parents=True, exist_ok=True)
    return root


def content_key(*inputs: str | bytes | pathlib.Path) -> str:
    """Return 16 hex digits that depend on every input, on their order and on their borders.

    A path stands for its content: a file for its bytes and its executable bit, a directory for the relative names and
    contents of all files below it (bytecode left out). Raises ``OSError`` when a path cannot be read.
    """
    digest = hashlib.sha256()
    for item in inputs:
        for label, content in _parts(item):
            digest.update(b"%d:%s%d:" % (len(label), label, len(content)))
            digest.update(content)
    return digest.hexdigest()[:16]


def _parts(item: str | bytes | pathlib.Path) -> t.Iterator[tuple[bytes, bytes]]:
    if isinstance(item, str):
        yield b"text", item.encode()
    elif isinstance(item, bytes):
        yield b"bytes", item
    elif item.is_dir():
        for path in sorted(item.rglob("*")):
            if path.is_file() and path.suffix != ".pyc":
                executable = b"x" if os.access(path, os.X_OK) else b"-"
                yield executable + str(path.relative_to(item)).encode(), path.read_bytes()
    else:
        yield b"x" if os.access(item, os.X_OK) else b"-", item.read_bytes()


@contextlib.contextmanager
def locked(name: str) -> t.Iterator[None]:
    """Hold the lock ``<cache>/locks/<name>``, after waiting for its holder. The kernel frees it however we end."""
    folder = cache_root() / "locks"
    folder.mkdir(exist_ok=True)
    with open(folder / name, "a", encoding="ascii") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def built(subject: str, name: str, key: str, build: t.Callable[[pathlib.Path], None]) -> pathlib.Path:
    """Return the cache entry ``<subject>/<name>-<key>``; when it is absent, ``build(directory)`` fills it first.

    Two processes that want the same entry build it once. ``build`` gets an empty directory; when it raises, nothing is
    published and the error goes to the caller.
    """
    folder = cache_root() / subject
    entry = folder / f"{name}-{key}"
    if entry.is_dir():
        return entry
    with locked(f"{subject}-{name}"):
        if entry.is_dir():
            return entry
        folder.mkdir(exist_ok=True)
        for left_over in folder.glob(f"{name}-*{_BUILDING}*"):
            shutil.rmtree(left_over, ignore_errors=True)
        draft = folder / f"{name}-{key}{_BUILDING}{os.getpid()}"
        draft.mkdir()
        try:
            build(draft)
            _sync(draft)
            draft.rename(entry)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    return entry


def write_atomically(path: pathlib.Path, content: str, mode: int = 0o644) -> None:
    """Make ``path`` a file with this content in one step; readers see the old or the new file, never a part."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        draft.write_text(content, encoding="utf-8")
        draft.chmod(mode)
        draft.rename(path)
    finally:
        draft.unlink(missing_ok=True)


def link_atomically(path: pathlib.Path, target: pathlib.Path | str) -> None:
    """Make ``path`` a symbolic link to ``target`` in one step. A directory at ``path`` is an error of the caller."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    path.parent.mkdir(parents=True, exist_ok=True)
    draft.unlink(missing_ok=True)
    draft.symlink_to(target)
    draft.rename(path)


def _sync(directory: pathlib.Path) -> None:
    """Flush the files below ``directory`` to disk, so that a published entry is whole even after a power cut."""
    for path in directory.rglob("*"):
        if path.is_file() and not path.is_symlink():
            with open(path, "rb") as handle:
                os.fsync(handle.fileno())
