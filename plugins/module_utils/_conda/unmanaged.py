# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A directory that stands where an environment's link belongs: what is in it, and how it makes way.

This module util is private to the collection.
"""

from __future__ import annotations

import ctypes
import dataclasses
import glob
import json
import os
import platform
import re
import tempfile
import typing as t

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda import processes
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.packages import Package
from ansible_collections.lockstep.gpufleet.plugins.module_utils._files import sync_directory
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem

#: The name beside, which is a link of ours until the exchange and the directory afterwards.
_BESIDE = re.compile(r"^(?P<name>.+)\.before-[0-9]{8}T[0-9]{6}Z$")

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2
_NUMBERS = {"x86_64": 316, "aarch64": 276}
_DIST_INFO = re.compile(r"(?P<name>[^/]+?)-(?P<version>[^-/]+)\.dist-info$")


@dataclasses.dataclass(frozen=True)
class Directory:
    """``packages``: what its records name, None if it is no conda environment. ``users``: processes that use it."""

    packages: tuple[Package, ...] | None
    users: tuple[str, ...] = ()


def read(path: str) -> Directory:
    """Read the records of the environment at ``path``, and what uses it."""
    users = tuple(processes.describe(number) for number in processes.users_of([path]).get(path, []))
    if not os.path.isfile(f"{path}/conda-meta/history"):
        return Directory(None, users)
    found = []
    owned: set[str] = set()
    for record in sorted(glob.glob(f"{glob.escape(path)}/conda-meta/*.json")):
        try:
            with open(record, encoding="utf-8") as file:
                data = json.load(file)
            owned.update(data.get("files", ()))
            found.append(_package("conda", data["name"], data["version"], data["build"], data.get("sha256") or ""))
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            continue
    for directory in sorted(glob.glob(f"{glob.escape(path)}/lib/python3.*/site-packages/*.dist-info")):
        match = _DIST_INFO.search(directory)
        if match and f"{directory[len(path) + 1 :]}/METADATA" not in owned:
            found.append(_package("pip", match["name"], match["version"], "", ""))
    return Directory(tuple(found), users)


def compare(found: Directory, wanted: t.Sequence[Package]) -> str:
    """Return a sentence about ``found`` in terms of the lock: by version and build, and by sha256 where records have it."""
    if found.packages is None:
        return "It is no conda environment."
    ours = {_key(package): package for package in wanted}
    theirs = {_key(package): package for package in found.packages}
    differences = []
    for key in sorted(ours.keys() | theirs.keys()):
        right, have = ours.get(key), theirs.get(key)
        if right is None and have is not None:
            differences.append(f"{have.label} is not in the lock")
        elif have is None and right is not None:
            differences.append(f"{right.label} is missing")
        elif have is not None and right is not None and not _same(have, right):
            other = have.label if have.label != right.label else "one of the same name with another hash"
            differences.append(f"{other} instead of {right.label}")
    if not differences:
        return "It has the packages of the lock."
    some = "; ".join(differences[:5]) + (f"; and {len(differences) - 5} more" if len(differences) > 5 else "")
    return f"It differs from the lock in {len(differences)} packages: {some}."


def check_unused(name: str, path: str, users: t.Sequence[str]) -> None:
    """Raise Problem if a process uses the directory, which must not change under it."""
    if users:
        some = ", ".join(users[:10]) + (f" and {len(users) - 10} more" if len(users) > 10 else "")
        raise Problem(f"{name}: the directory {path} is not exchanged while it is used by {some}. End them, then run again.")


def exchange(path: str, target: str, beside: str) -> None:
    """Make ``path``, a directory, a link to ``target`` and keep the directory as ``beside``, all by one rename.

    If the caller is killed before, ``beside`` is a left-over link; afterwards all is done. Raises Problem.
    """
    os.symlink(target, beside)
    try:
        _swap(beside, path)
    except OSError as error:
        os.unlink(beside)
        raise Problem(f"{path}: cannot be exchanged in one step: {error.strerror}. It is left untouched.") from None
    sync_directory(os.path.dirname(path))


def check_exchange(directory: str) -> None:
    """Raise Problem unless the filesystem of ``directory`` can exchange a link and a directory; tried before a build."""
    folder = tempfile.mkdtemp(prefix=".exchange.", dir=directory)
    link, other = f"{folder}/link", f"{folder}/directory"
    try:
        os.symlink("/", link)
        os.mkdir(other)
        _swap(link, other)
    except OSError as error:
        raise Problem(
            f"The filesystem of {directory} cannot exchange two names in one step (renameat2: {error.strerror}): "
            "rename the directory yourself while nobody uses it, then run again."
        ) from None
    finally:
        discard_folder(folder)


def is_left_over(link: str, generations: str) -> bool:
    """Tell whether ``link`` is what a run left that was killed before its exchange: it leads to the name's own environment."""
    match = _BESIDE.fullmatch(os.path.basename(link))
    target = os.readlink(link)
    return match is not None and target.startswith(generations + "/") and os.path.basename(target) == match["name"]


def discard_folder(folder: str) -> None:
    """Remove a folder of links and empty folders, which is all that a run ever makes beside environments."""
    for entry in os.scandir(folder):
        if entry.is_symlink():
            os.unlink(entry.path)
        elif entry.is_dir() and not os.listdir(entry.path):
            os.rmdir(entry.path)
    if not os.listdir(folder):
        os.rmdir(folder)


def _swap(one: str, other: str) -> None:
    """Exchange two names by renameat2(2); raises OSError."""
    library = ctypes.CDLL(None, use_errno=True)
    arguments = (_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), ctypes.c_uint(_RENAME_EXCHANGE))
    try:
        answer = library.renameat2(*arguments)
    except AttributeError:  # a C library before 2.28
        answer = library.syscall(ctypes.c_long(_NUMBERS[platform.machine()]), *arguments)
    if answer != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), one, None, other)


def _package(manager: str, name: str, version: str, build: str, sha256: str) -> Package:
    return Package(manager, str(name), str(version), str(build), "", "", str(sha256))


def _key(package: Package) -> tuple[str, str]:
    name = package.name.lower()
    return package.manager, re.sub(r"[-_.]+", "-", name) if package.manager == "pip" else name


def _same(have: Package, right: Package) -> bool:
    known = bool(have.sha256 and right.sha256)
    return (have.version, have.build) == (right.version, right.build) and (not known or have.sha256 == right.sha256)
