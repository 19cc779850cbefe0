# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Files that belong together: all of them are written, or none.

This plugin util is private to the collection.
"""

from __future__ import annotations

import contextlib
import os
import typing as t

from ansible_collections.lockstep.gpufleet.plugins.module_utils._files import read_or_none, sync_directory
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem

#: Permissions of files that are not there yet.
_MODE = 0o644


def check(paths: t.Sequence[str], inputs: t.Collection[str] = ()) -> None:
    """Raise Problem, before anything is written, if a path cannot be written, is there twice, or is one of ``inputs``."""
    read = {os.path.realpath(path): path for path in inputs}
    seen: dict[str, str] = {}
    for path in paths:
        place = os.path.realpath(path)
        if place in read:
            raise Problem(f"{path} would be overwritten, but it is what is read{_same(path, read[place])}. Name another lock (the option lock).")
        if place in seen:
            raise Problem(f"{path} would be written twice{_same(path, seen[place])}. Give each lock a directory of its own.")
        seen[place] = path
        if reason := _unwritable(place):
            raise Problem(f"{path} cannot be written: {reason}.")


def write(texts: t.Mapping[str, str]) -> None:
    """Write ``texts`` by their paths; an error leaves all files as they were. Raises Problem.

    All that needs space is written beside the files first; then each is renamed, in order, or what was renamed is taken back.
    Links stay, and the files that they point to are written. Whoever is killed between two renames leaves complete files
    behind, and the last one as it was: it has to be the one that says that all others are up to date.
    """
    places = {os.path.realpath(path): path for path in texts}
    staged: list[str] = []
    renamed: list[str] = []
    path = ""
    try:
        for place, path in places.items():
            os.makedirs(os.path.dirname(place), exist_ok=True)
            mode = os.stat(place).st_mode & 0o7777 if os.path.exists(place) else _MODE
            if (before := read_or_none(place)) is not None:
                staged.append(_stage(_old(place), before, mode))
            staged.append(_stage(_new(place), texts[path].encode(), mode))
        for place, path in places.items():
            os.rename(_new(place), place)
            renamed.append(place)
        for folder in dict.fromkeys(map(os.path.dirname, places)):
            sync_directory(folder)
    except BaseException as error:
        for place in reversed(renamed):
            _take_back(place)
        if isinstance(error, OSError):
            raise Problem(f"{path} cannot be written: {error.strerror}. All files are as they were.") from None
        raise
    finally:
        for one in staged:
            with contextlib.suppress(OSError):
                os.unlink(one)


def _same(path: str, other: str) -> str:
    return "" if path == other else f" (as {other})"


def _unwritable(place: str) -> str:
    """Say why nothing can be renamed to ``place``, or nothing."""
    if os.path.isdir(place):
        return "it is a directory; name a file in it"
    if os.path.exists(place) and not os.path.isfile(place):
        return "it is no file"
    if os.path.islink(place):
        return "it is a link that points to itself"
    if os.path.exists(place) and not os.access(place, os.R_OK):
        return "who runs Ansible may not read what is there"
    folder = os.path.dirname(place)
    while not os.path.lexists(folder):
        folder = os.path.dirname(folder)
    if not os.path.isdir(folder):
        return f"{folder} is no directory"
    if not os.access(folder, os.W_OK | os.X_OK):
        return f"nothing can be written into {folder} by who runs Ansible"
    return ""


# Names that are known, so that what a killed run has left is overwritten by the next.
def _new(place: str) -> str:
    return os.path.join(os.path.dirname(place), f".{os.path.basename(place)}.new")


def _old(place: str) -> str:
    return os.path.join(os.path.dirname(place), f".{os.path.basename(place)}.old")


def _stage(path: str, content: bytes, mode: int) -> str:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)  # a link that somebody has put there is not followed
    try:
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
            os.fchmod(file.fileno(), mode)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(path)
        raise
    return path


def _take_back(place: str) -> None:
    with contextlib.suppress(OSError):
        if os.path.exists(_old(place)):
            os.rename(_old(place), place)
        else:
            os.unlink(place)
