# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prints what py-rattler's ``LockFile`` reads from the locks that are named, in a process of its own (it leaves threads).

Standard output, for each: ``{environment: {platform: {"subdir": ..., "virtual": [...], "packages": [...]}}}``.
"""

from __future__ import annotations

import json
import os
import sys
import typing as t

from rattler import LockFile
from rattler.lock import CondaLockedSourcePackage, PypiLockedPackage


def describe(package: t.Any) -> dict[str, t.Any]:
    """Return what both readers say of a package."""
    hashes = {}
    for kind in ("sha256", "md5"):
        try:
            hashes[kind] = (getattr(package.hashes, kind) or b"").hex()
        except AttributeError:  # py-rattler 0.28 stumbles over a package without any
            hashes[kind] = ""
    said = {"name": str(package.name), "location": str(package.location), **hashes}
    if isinstance(package, PypiLockedPackage):
        requires = bool(package.requires_python)  # py-rattler writes specifiers and requirements in its own way
        depends = len(package.requires_dist)
        return {**said, "version": str(package.version), "manager": "pip", "depends": depends, "requires_python": requires}
    if isinstance(package, CondaLockedSourcePackage):
        return {**said, "manager": "source"}
    record = package.package_record
    timestamp = record.timestamp
    return {
        **said,
        "name": record.name.source,
        "manager": "conda",
        "build": str(record.build),
        "subdir": record.subdir,
        "build_number": record.build_number,
        "size": record.size,
        "timestamp": timestamp and round(timestamp.timestamp() * 1000),
        "noarch": "python" if record.noarch.python else "generic" if record.noarch.generic else "",
        "depends": list(record.depends),
        "constrains": list(record.constrains),
        "track_features": list(record.track_features),
        "license": record.license or "",
        "license_family": record.license_family or "",
        "python_site_packages_path": record.python_site_packages_path or "",
    }


def read(path: str) -> dict[str, t.Any]:
    """Return what stands in the lock."""
    result: dict[str, t.Any] = {}
    for name, environment in LockFile.from_path(path).environments():
        result[name] = {
            platform.name: {
                "subdir": str(platform.subdir),
                "virtual": list(platform.virtual_packages),
                "channels": [str(channel) for channel in environment.channels()],
                "packages": [describe(package) for package in environment.packages(platform) or []],
            }
            for platform in environment.platforms()
        }
    return result


try:
    sys.stdout.write(json.dumps([read(path) for path in sys.argv[1:]]))
    sys.stdout.flush()
except BaseException as error:
    sys.stderr.write(f"{type(error).__name__}: {error}")
    sys.stderr.flush()
    os._exit(1)
os._exit(0)
