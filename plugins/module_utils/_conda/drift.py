# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Drift: how an environment differs from its seal. Reads only.

Three levels, each of which sees what the one before it sees:

- ``records``: what conda and pip believe is installed (``records.py``); sees packages that came, went or were replaced;
- ``paths``: every path with type, mode, owner, size, modification time and inode, and paths that do not belong.
  A file whose size is right but whose time or inode differs is hashed, so a mere ``touch`` is no drift;
- ``full``: hashes every file, so an edit in place that keeps size and time is seen too.

This module util is private to the collection.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import stat
import typing as t

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda import records, seal
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.ordering import canonical
from ansible_collections.lockstep.gpufleet.plugins.module_utils._files import file_sha256

#: Programs that install into an environment behind conda's back, as they call themselves in ``INSTALLER``.
_PIP_LIKE = ("pip", "uv")

#: Paths that a module's result lists for one environment.
DRIFT_RETURNED = 500


@dataclasses.dataclass(frozen=True)
class Drift:
    """One path that is not as sealed, relative to the prefix.

    ``kind``: added, removed, modified, type, permissions (mode or owner), clobbered (pip replaced or removed a
    ``package`` of the lock) or unreadable. ``uid`` and ``mtime``: owner and time of what lies there now.
    """

    path: str
    kind: str
    uid: int | None = None
    mtime: float | None = None
    package: str | None = None

    def __str__(self) -> str:
        if self.package is not None:
            return f"{self.kind} {self.package} ({printable(self.path)})"
        return f"{self.kind} {printable(self.path)}"


def printable(path: str) -> str:
    """Return ``path`` on one line: bytes that are no text, control characters and backslashes are escaped."""
    if path.isprintable() and "\\" not in path:
        return path
    text = path.replace("\\", "\\\\").encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode("ascii") for one in text)


def as_result(one: Drift) -> dict[str, t.Any]:
    """Return ``one`` as the modules do, with the owner's name where the host knows it."""
    result = {"path": printable(one.path), "kind": one.kind, "uid": one.uid, "owner": None, "mtime": one.mtime}
    if one.uid is not None:
        import pwd

        try:
            result["owner"] = pwd.getpwuid(one.uid).pw_name
        except KeyError:
            pass
    if one.package is not None:
        result["package"] = one.package
    return result


def find_drift(directory: str, prefix: str, sealed: seal.Seal, level: str = "paths") -> list[Drift]:
    """Compare the environment at ``prefix`` with the seal of the generation at ``directory``; return what differs.

    Clobbered packages come first, then paths in order. A directory that was added or removed stands for all below it.
    Where the seal's own files are damaged, they are what is returned: nothing else can be said then.
    """
    try:
        status = os.lstat(prefix)
    except FileNotFoundError:
        return [Drift(".", "removed")]
    if not stat.S_ISDIR(status.st_mode):
        return [Drift(".", "type", status.st_uid, status.st_mtime)]
    result = []
    if stat.S_IMODE(status.st_mode) != 0o755 or status.st_uid != os.lstat(directory).st_uid:
        result.append(Drift(".", "permissions", status.st_uid, status.st_mtime))
    found = walk_records(prefix) if level == "records" else seal.walk(prefix)
    name = "records-fingerprint" if level == "records" else "fingerprint"
    if level != "full" and _read(f"{directory}/{name}") == seal.fingerprint(found).encode():
        return result
    tree, stamps = _read(f"{directory}/tree.json"), _read(f"{directory}/stamps.json")
    if tree is None or hashlib.sha256(tree).hexdigest() != sealed.tree:
        return [_damage(directory, "tree.json")]
    rows: dict[str, seal.Row] = {row[0]: row for row in json.loads(tree)}
    known = _parse_stamps(stamps, rows)
    if known is None:
        return [_damage(directory, "stamps.json")]
    if level == "records":
        rows = {path: row for path, row in rows.items() if records.is_record(path)}
    result += _compare(prefix, rows, known, found, whole=level == "full")
    return _name_clobbered(prefix, result, rows, sealed)


def walk_records(prefix: str) -> dict[str, seal.Status]:
    """Return what ``seal.walk`` says of the records below ``prefix``, without looking at anything else."""
    found: dict[str, seal.Status] = {}
    for entry in _entries(prefix, "conda-meta"):
        found[f"conda-meta/{entry.name}"] = seal.status_of(entry.stat(follow_symlinks=False))
    for library in _entries(prefix, "lib"):
        # Not through links: conda packages bring lib/python3.1 -> python3.11.
        if not library.name.startswith("python3.") or not library.is_dir(follow_symlinks=False):
            continue
        site_packages = f"lib/{library.name}/site-packages"
        for entry in _entries(prefix, site_packages):
            path = f"{site_packages}/{entry.name}"
            if not records.is_record(path):
                continue
            found[path] = seal.status_of(entry.stat(follow_symlinks=False))
            if found[path][0] != "d":
                continue
            for name in records.NAMES:
                try:
                    found[f"{path}/{name}"] = seal.status_of(os.lstat(f"{entry.path}/{name}"))
                except FileNotFoundError:
                    continue
    return found


def _entries(prefix: str, directory: str) -> t.Iterator[os.DirEntry[str]]:
    path = f"{prefix}/{directory}"
    if os.path.islink(path):
        return
    try:
        with os.scandir(path) as entries:
            yield from entries
    except (FileNotFoundError, NotADirectoryError):
        return


def _compare(
    prefix: str,
    rows: t.Mapping[str, seal.Row],
    stamps: t.Mapping[str, list[int]],
    found: t.Mapping[str, seal.Status],
    whole: bool,
) -> list[Drift]:
    result: list[Drift] = []
    covered: set[str] = set()
    for path in sorted(rows.keys() | found.keys()):
        row, status = rows.get(path), found.get(path)
        if status is None:
            one = Drift(path, "removed")
        else:
            kind = "added" if row is None else _difference(prefix, row, status, stamps[path], whole)
            if kind is None:
                continue
            one = Drift(path, kind, status[5], status[3] / 1e9)
        if one.kind in ("added", "removed", "type"):
            if not covered.isdisjoint(_ancestors(path)):
                continue
            covered.add(path)
        result.append(one)
    return result


def _ancestors(path: str) -> t.Iterator[str]:
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path


def _difference(prefix: str, row: seal.Row, status: seal.Status, stamp: list[int], whole: bool) -> str | None:
    path, kind, mode, size, content = row
    if status[0] != kind:
        return "type"
    try:
        if kind == "l":
            if os.readlink(f"{prefix}/{path}") != content:
                return "modified"
        elif kind == "f":
            if status[2] != size:
                return "modified"
            if (whole or list(status[3:5]) != stamp[:2]) and file_sha256(f"{prefix}/{path}") != content:
                return "modified"
    except FileNotFoundError:
        return "removed"
    except OSError:
        return "unreadable"
    # The mode of a link means nothing.
    if (kind != "l" and status[1] != mode) or list(status[5:7]) != stamp[2:]:
        return "permissions"
    return None


def _name_clobbered(
    prefix: str, result: list[Drift], rows: t.Mapping[str, seal.Row], sealed: seal.Seal
) -> list[Drift]:
    """Find what pip did to packages of the lock: that one path says more than all the files it touched."""
    packages = {canonical(package.name): package for package in sealed.packages}
    names = {canonical(name): name for name in map(records.distribution_of, rows) if name}
    gone = {one.path for one in result if one.kind == "removed"}
    by_conda = any(one.path == "conda-meta/history" for one in result)
    clobbered: dict[str, Drift] = {}
    for one in result:
        directory = one.path[: -len("/INSTALLER")] if one.path.endswith("/INSTALLER") else one.path
        spelt = records.distribution_of(directory)
        name = canonical(spelt or "")
        if name not in names and name not in packages:
            continue
        package = packages.get(name)
        if one.kind in ("added", "modified"):
            blamed = records.installer_of(prefix, directory) in _PIP_LIKE
        else:
            # Nothing came instead. conda itself would have removed its record as well, and noted that in its history;
            # conda list just removes the record of what pip has taken away.
            blamed = (
                (one.kind == "removed" and directory == one.path and name not in clobbered)
                and (package is None or package.manager == "conda")
                and (not by_conda or package is None or records.path_of(package) not in gone)
            )
        if blamed:
            label = package.name if package else names[name]
            clobbered[name] = dataclasses.replace(one, kind="clobbered", package=label)
    places = {one.path for one in clobbered.values()}
    return [*clobbered.values(), *(one for one in result if one.path not in places)]


def _parse_stamps(text: bytes | None, rows: t.Mapping[str, seal.Row]) -> dict[str, list[int]] | None:
    """Return the stamps, or None where they are not one for each of ``rows``."""
    try:
        stamps = json.loads(text or b"")
    except ValueError:
        return None
    if not isinstance(stamps, dict) or stamps.keys() != rows.keys():
        return None
    return stamps if all(isinstance(one, list) and len(one) == 4 for one in stamps.values()) else None


def _damage(directory: str, name: str) -> Drift:
    try:
        status = os.lstat(f"{directory}/{name}")
    except OSError:
        return Drift(f"../../{name}", "removed")
    return Drift(f"../../{name}", "modified", status.st_uid, status.st_mtime)


def _read(path: str) -> bytes | None:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return None
