# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""A conda channel on disk: a real index of archives that nobody opens."""

from __future__ import annotations

import hashlib
import json
import pathlib
import typing as t

#: Milliseconds since 1970 at which packages were built that say nothing else: 2026-01-01.
BUILT = 1767225600000


def write_channel(channel: pathlib.Path, *packages: tuple[str, str, t.Sequence[str]], **more: t.Any) -> None:
    """Write an index of ``packages`` (name, version, depends) for linux-64, with small files for archives.

    ``more``: goes into every record.
    """
    folder = channel / "linux-64"
    folder.mkdir(parents=True, exist_ok=True)
    records = {}
    for name, version, depends in packages:
        file = folder / f"{name}-{version}-h0_0.conda"
        file.write_bytes(f"{name} {version}".encode())
        records[file.name] = {
            "name": name,
            "version": version,
            "build": "h0_0",
            "build_number": 0,
            "subdir": "linux-64",
            "depends": list(depends),
            "md5": hashlib.md5(file.read_bytes()).hexdigest(),
            "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
            "size": file.stat().st_size,
            "timestamp": BUILT,
            **more,
        }
    for subdir, those in (("linux-64", records), ("noarch", {})):
        (channel / subdir).mkdir(exist_ok=True)
        index = {"info": {"subdir": subdir}, "packages": {}, "packages.conda": those, "repodata_version": 1}
        (channel / subdir / "repodata.json").write_text(json.dumps(index), encoding="utf-8")
