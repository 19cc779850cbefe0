# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Solves environments with py-rattler against a channel on disk.

Standard input: ``{"channel": folder, "jobs": [job, ...]}``, a job being
``{"specs": [...], "platform": ..., "virtual_packages": {name: [version, build]}}``.
Standard output: for each job a list of its packages, in link order.
"""

from __future__ import annotations

import asyncio
import json
import os
import pathlib
import sys
import tempfile
import typing as t

import rattler


async def solve(channel: str, jobs: list[dict[str, t.Any]]) -> list[list[dict[str, t.Any]]]:
    """Return the packages of each job."""
    with tempfile.TemporaryDirectory() as cache:
        gateway = rattler.Gateway(cache_dir=cache)
        return [await _solve_one(gateway, pathlib.Path(channel).as_uri(), job) for job in jobs]


async def _solve_one(gateway: rattler.Gateway, channel: str, job: dict[str, t.Any]) -> list[dict[str, t.Any]]:
    virtual = [
        rattler.GenericVirtualPackage(rattler.PackageName(name), rattler.Version(version), rattler.BuildString(build))
        for name, (version, build) in sorted(job["virtual_packages"].items())
    ]
    records = await rattler.solve(
        [rattler.Channel(channel)],
        [rattler.MatchSpec(spec, strict=False) for spec in job["specs"]],
        gateway=gateway,
        platforms=[job["platform"], "noarch"],
        virtual_packages=virtual,
    )
    by_name = {record.name.normalized: record for record in sorted(records, key=lambda record: record.name.normalized)}
    ordered = rattler.PackageRecord.sort_topologically(list(by_name.values()))
    return [_plain(by_name[record.name.normalized]) for record in ordered]


def _plain(record: rattler.RepoDataRecord) -> dict[str, t.Any]:
    """Return what a lock needs of a record."""
    return {
        "name": record.name.normalized,
        "version": str(record.version),
        "subdir": str(record.subdir),
        "file_name": str(record.file_name),
        "md5": record.md5.hex(),
        "sha256": record.sha256.hex(),
        "depends": [str(spec) for spec in record.depends],
    }


def main() -> None:
    """Answer the request."""
    request = json.load(sys.stdin)
    print(json.dumps(asyncio.run(solve(request["channel"], request["jobs"]))), flush=True)
    os._exit(0)  # py-rattler can crash while it is torn down


if __name__ == "__main__":
    main()
