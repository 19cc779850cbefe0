# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Drift: how an environment differs from its seal. Reads only.

This module util is private to the collection.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda import seal
from ansible_collections.lockstep.gpufleet.plugins.module_utils._files import file_sha256


@dataclasses.dataclass(frozen=True)
class Drift:
    """One path that is not as sealed. ``kind``: added, removed, modified, type or permissions."""

    path: str
    kind: str
    uid: int | None = None
    mtime: float | None = None

    def __str__(self) -> str:
        return f"{self.kind} {self.path}"


def find_drift(directory: str, prefix: str, sealed: seal.Seal) -> list[Drift]:
    """Compare the environment with its seal, path by path, and return what differs, sorted by path.

    Level ``paths``: type, mode, owner, size, modification time and inode of every path, and paths that do not belong.
    A file whose times or inode differ is hashed; if its content is the sealed one, it is no drift.
    """
    try:
        found = seal.walk(prefix)
    except FileNotFoundError:
        return [Drift(".", "removed")]
    try:
        with open(f"{directory}/fingerprint", encoding="ascii") as file:
            if file.read() == seal.fingerprint(found):
                return []
        with open(f"{directory}/tree.json", "rb") as file:
            tree = file.read()
        with open(f"{directory}/stamps.json", "rb") as file:
            stamps = json.loads(file.read())
    except (OSError, ValueError):
        return [Drift("../../stamps.json", "removed")]
    if hashlib.sha256(tree).hexdigest() != sealed.tree:
        return [Drift("../../tree.json", "modified")]
    rows: dict[str, seal.Row] = {row[0]: row for row in json.loads(tree)}
    result = []
    for path in sorted(rows.keys() | found.keys()):
        if _below_reported(path, result):
            continue
        row, status = rows.get(path), found.get(path)
        if status is None:
            result.append(Drift(path, "removed"))
            continue
        if row is None:
            kind: str | None = "added"
        else:
            kind = _difference(prefix, row, status, stamps.get(path))
        if kind:
            result.append(Drift(path, kind, status[5], status[3] / 1e9))
    return result


def _below_reported(path: str, result: list[Drift]) -> bool:
    """Tell whether a directory above ``path`` was just reported as added or removed as a whole."""
    return bool(result) and result[-1].kind in ("added", "removed") and path.startswith(result[-1].path + "/")


def _difference(prefix: str, row: seal.Row, status: seal.Status, stamp: list[int] | None) -> str | None:
    path, kind, mode, size, content = row
    if status[0] != kind:
        return "type"
    if kind == "l":
        return None if os.readlink(f"{prefix}/{path}") == content else "modified"
    if kind == "f" and (status[2] != size or (list(status[3:5]) != (stamp or [])[:2])):
        if status[2] != size or file_sha256(f"{prefix}/{path}") != content:
            return "modified"
    if status[1] != mode or stamp is None or list(status[5:7]) != stamp[2:]:
        return "permissions"
    return None
