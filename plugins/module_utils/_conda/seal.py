# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The seal: written last, it says that a generation is complete and what every path of it must be.

Beside the environment of a generation lie

- ``seal.json``: what was asked for (lock digest, packages, engine, options) and the digest of ``tree.json``;
- ``tree.json``: every path with type, mode, size and sha256 or target, equal on all hosts;
- ``stamps.json``: modification time, inode and owner of every path on this host, which no other host shares;
- ``fingerprint``: one digest over what ``lstat`` says of all paths, so that the usual answer, nothing changed, is cheap;
- ``records-fingerprint``: the same over the records of conda and pip alone (``records.py``), for the level ``records``.

This module util is private to the collection.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import stat
import typing as t

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.packages import Package, from_data, to_data
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.records import is_record
from ansible_collections.lockstep.gpufleet.plugins.module_utils._files import (
    file_sha256,
    sync_filesystem,
    write_atomically,
)
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem

FORMAT = 1

#: What lstat says: kind (f, d, l or o for other), mode, size, mtime in ns, inode, uid, gid.
Status = t.Tuple[str, int, int, int, int, int, int]

#: A row of the tree: path, kind, mode, size, sha256 (of a file) or target (of a link) or None (of a directory).
Row = t.Tuple[str, str, int, int, t.Optional[str]]


@dataclasses.dataclass(frozen=True)
class Seal:
    """The content of ``seal.json``."""

    generation: str
    environment: str
    platform: str
    lock: str
    engine: dict[str, str]
    options: dict[str, t.Any]
    packages: tuple[Package, ...]
    tree: str
    files: int


def walk(prefix: str) -> dict[str, Status]:
    """Return what lstat(2) says of every path below ``prefix``, keyed by the path relative to it.

    Directories are read through descriptors: the kernel then looks up one name for each path, not the whole prefix,
    which is a third of the time of a run that has nothing to do.
    """
    found: dict[str, Status] = {}
    pending = [""]
    while pending:
        parent = pending.pop()
        descriptor = os.open(f"{prefix}/{parent}", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            with os.scandir(descriptor) as entries:
                for entry in entries:
                    status = entry.stat(follow_symlinks=False)
                    path = parent + entry.name
                    mode = status.st_mode
                    if stat.S_ISREG(mode):
                        kind = "f"
                    elif stat.S_ISDIR(mode):
                        kind = "d"
                        pending.append(path + "/")
                    else:
                        kind = "l" if stat.S_ISLNK(mode) else "o"
                    found[path] = (
                        *(kind, mode & 0o7777, status.st_size, status.st_mtime_ns),
                        *(status.st_ino, status.st_uid, status.st_gid),
                    )
        finally:
            os.close(descriptor)
    return found


def status_of(status: os.stat_result) -> Status:
    """Return what ``walk`` keeps of one path; ``walk`` itself does without the call, for tens of thousands of paths."""
    mode = status.st_mode
    kind = "f" if stat.S_ISREG(mode) else "d" if stat.S_ISDIR(mode) else "l" if stat.S_ISLNK(mode) else "o"
    return (
        *(kind, mode & 0o7777, status.st_size, status.st_mtime_ns),
        *(status.st_ino, status.st_uid, status.st_gid),
    )


def fingerprint(found: dict[str, Status]) -> str:
    """Return one digest over all of ``found``.

    Of directories only mode and owner count: their size and times change without their content.
    """
    lines = []
    for path, (kind, mode, size, mtime, inode, uid, gid) in found.items():
        if kind == "d":
            lines.append(f"{path}\0d{mode} {uid} {gid}")
        else:
            lines.append(f"{path}\0{kind}{mode} {size} {mtime} {inode} {uid} {gid}")
    lines.sort()
    return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


def make_tree(prefix: str, found: dict[str, Status], known: t.Mapping[str, str]) -> list[Row]:
    """Return the rows of ``found``, sorted by path.

    ``known``: sha256 of files that were verified in this very run, by path; the others are hashed here.
    """
    rows: list[Row] = []
    for path in sorted(found):
        kind, mode, size = found[path][:3]
        if kind == "f":
            rows.append((path, kind, mode, size, known.get(path) or file_sha256(f"{prefix}/{path}")))
        elif kind == "l":
            rows.append((path, kind, 0o777, 0, os.readlink(f"{prefix}/{path}")))
        else:
            rows.append((path, kind, mode, 0, None))
    return rows


def check_unedited(prefix: str, found: dict[str, Status], known: t.Mapping[str, str], begun: int) -> None:
    """Raise Problem if a file of a package was edited while the generation was built.

    Its other hard links lie in the generations that people use, and between its verification and the seal some time
    passes. ``known``: the sha256 that was verified, by path. ``begun``: time of a file that was made before, in ns; what is
    older was not edited since, and is not hashed again.
    """
    for path, digest in known.items():
        if path in found and found[path][3] >= begun and file_sha256(f"{prefix}/{path}") != digest:
            raise Problem(
                f"{prefix}/{path} was edited while the generation was built, in place, through another hard link of it (in "
                "the active generation, or in the cache). The new generation is thrown away. Run again: the file is made anew."
            )


def write(directory: str, seal: Seal, rows: list[Row], found: dict[str, Status]) -> None:
    """Seal the generation at ``directory``; ``seal.json`` appears last, by one rename, after all else is on disk: the
    generation too, by one sync of its filesystem instead of one for each file.

    ``seal.tree`` and ``seal.files`` are filled in here.
    """
    tree = _json(rows)
    stamps = {path: status[3:] for path, status in found.items()}
    records = {path: status for path, status in found.items() if is_record(path)}
    for name, content in (
        ("tree.json", tree),
        ("stamps.json", _json(stamps)),
        ("fingerprint", fingerprint(found).encode()),
        ("records-fingerprint", fingerprint(records).encode()),
    ):
        with open(f"{directory}/{name}", "wb") as file:
            file.write(content)
            os.fchmod(file.fileno(), 0o644)
    sync_filesystem(directory)
    data = dataclasses.asdict(seal)
    data.update(
        format=FORMAT,
        packages=[to_data(package) for package in seal.packages],
        tree=hashlib.sha256(tree).hexdigest(),
        files=sum(1 for row in rows if row[1] != "d"),
    )
    write_atomically(f"{directory}/seal.json", json.dumps(data, indent=1, sort_keys=True).encode() + b"\n")


def read(directory: str) -> Seal | None:
    """Return the seal of the generation at ``directory``, or None if it was never sealed or the seal is damaged."""
    try:
        with open(f"{directory}/seal.json", "rb") as file:
            data = json.loads(file.read())
        if data.pop("format") != FORMAT:
            return None
        data["packages"] = tuple(from_data(package) for package in data["packages"])
        return Seal(**data)
    except (OSError, ValueError, TypeError, KeyError):
        return None


def why_not(directory: str) -> str:
    """Return why ``read`` found no seal at ``directory``, as the end of a sentence."""
    try:
        with open(f"{directory}/seal.json", "rb") as file:
            data = json.loads(file.read())
    except FileNotFoundError:
        return "without a seal: a run is building it, was interrupted, or somebody removed seal.json"
    except OSError as error:
        return f"unreadable: seal.json: {error.strerror}"
    except ValueError:
        return "damaged: seal.json is no JSON"
    if isinstance(data, dict) and data.get("format") not in (None, FORMAT):
        return f"of another version of this collection: seal.json has format {data['format']}"
    return "damaged: seal.json is incomplete or belongs to another generation"


def _json(data: t.Any) -> bytes:
    return json.dumps(data, separators=(",", ":"), sort_keys=True).encode()
