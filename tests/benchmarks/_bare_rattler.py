# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs on the host: an explicit list into a prefix by py-rattler alone, as its documentation shows.

usage: _bare_rattler.py LIST CACHE PREFIX
"""

from __future__ import annotations

import asyncio
import glob
import os
import sys

sys.path.insert(0, glob.glob("/opt/lockstep/engine/*/")[0])

from rattler import PackageRecord, RepoDataRecord, install  # noqa: E402
from rattler.package import BuildString  # noqa: E402


def records(path: str) -> list[RepoDataRecord]:
    """Return the records of the list, without dependencies, which an explicit list does not hold."""
    result = []
    with open(path, encoding="utf-8") as file:
        for line in file:
            url, _hash, digest = line.strip().partition("#")
            if not digest or not url:
                continue
            channel, subdir, name = url.rsplit("/", 2)
            package, version, build = name.removesuffix(".conda").rsplit("-", 2)
            noarch = "python" if subdir == "noarch" else None
            record = PackageRecord(
                package, version, BuildString(build), 0, subdir, noarch=noarch, sha256=bytes.fromhex(digest)
            )
            result.append(RepoDataRecord(record, name, url, channel))
    return result


async def main() -> None:
    wanted, cache, prefix = sys.argv[1:]
    await install(records(wanted), prefix, cache_dir=cache, show_progress=False)


asyncio.run(main())
os._exit(0)
