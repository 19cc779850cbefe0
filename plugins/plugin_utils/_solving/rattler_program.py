# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The program that asks channels and solves, by py-rattler, in a process of its own: py-rattler has threads and has crashed
at exit, and Ansible forks.

Standard input: a JSON object with ``do`` (``solve`` or ``look_up``), ``cache`` (directory), ``timeout`` (seconds),
``channels`` (URLs to ask, highest priority first), ``headers`` (server to headers) and what the functions below say.
Standard output: ``{"answer": ...}``, or ``{"error": {"kind": ..., "text": ..., "about": ...}}``, about a spec or a platform.

This plugin util is private to the collection.
"""

from __future__ import annotations

import asyncio
import datetime
import json
import os
import sys

_OLDEST = "0.28"

#: What is being looked at: part of an error.
_about = ""


def main():
    """Answer one request and leave without taking py-rattler down, which may crash."""
    request = json.load(sys.stdin)
    try:
        answer = {"answer": asyncio.run(_answer(request))}
    except Exception as error:  # whatever it is, the caller makes a sentence of it
        answer = {"error": {"kind": type(error).__name__, "text": str(error), "about": _about}}
    sys.stdout.write(json.dumps(answer))
    sys.stdout.flush()
    os._exit(0)


async def _answer(request):
    import rattler  # only here: what the import may raise is part of the answer

    version = rattler.__version__
    if not version.startswith(_OLDEST + "."):
        raise ImportError(f"it has version {version}")
    return await {"solve": _solve, "look_up": _look_up, "names": _names, "describe": _describe}[request["do"]](rattler, request)


def _gateway(rattler, request):
    headers = request["headers"]
    middleware = rattler.networking.AddHeadersMiddleware(lambda host, path: headers.get(host))
    client = rattler.Client([middleware], timeout=request["timeout"])
    return rattler.Gateway(cache_dir=request["cache"], client=client)


async def _solve(rattler, request):
    """Return the records of each of ``jobs``: ``platform``, ``specs``, ``virtual_packages`` (name, version, build), ``keep``
    (file names, by package name). ``exclude_newer``: seconds since 1970, or null.
    """
    global _about
    gateway = _gateway(rattler, request)
    moment = request["exclude_newer"]
    answers = []
    for job in request["jobs"]:
        specs = []
        for spec in job["specs"]:
            _about = spec
            specs.append(rattler.MatchSpec(spec, strict=False))
        _about = job["platform"]
        platforms = [job["platform"], "noarch"]
        virtual = [
            rattler.GenericVirtualPackage(rattler.PackageName(name), rattler.Version(version), rattler.BuildString(build))
            for name, version, build in job["virtual_packages"]
        ]
        records = await rattler.solve(
            [rattler.Channel(url) for url in request["channels"]],
            specs,
            gateway=gateway,
            platforms=platforms,
            virtual_packages=virtual,
            locked_packages=await _kept(rattler, gateway, request["channels"], platforms, job["keep"]),
            exclude_newer=datetime.datetime.fromtimestamp(moment, datetime.timezone.utc) if moment is not None else None,
        )
        answers.append([_plain(record) for record in sorted(records, key=lambda record: record.name.normalized)])
    return answers


async def _kept(rattler, gateway, channels, platforms, keep):
    """Return the records of what is locked already, as far as channels still have them."""
    if not keep:
        return []
    found = await gateway.query(
        [rattler.Channel(url) for url in channels], platforms, list(keep), recursive=False
    )
    return [record for records in found for record in records if keep.get(record.name.normalized) == str(record.file_name)]


async def _look_up(rattler, request):
    """Return all builds of ``names`` for ``platforms``."""
    found = await _gateway(rattler, request).query(
        [rattler.Channel(url) for url in request["channels"]],
        request["platforms"],
        request["names"],
        recursive=False,
    )
    return [_plain(record) for records in found for record in records]


async def _names(rattler, request):
    """Return the names of all packages for ``platforms``."""
    found = await _gateway(rattler, request).names(
        [rattler.Channel(url) for url in request["channels"]], request["platforms"]
    )
    return sorted(name.normalized for name in found)


async def _describe(rattler, request):
    """Return what the archives at ``paths`` say of themselves."""
    answers = []
    for path in request["paths"]:
        index = rattler.IndexJson.from_package_archive(path)
        noarch = index.noarch
        answers.append(
            {
                "name": index.name.normalized,
                "version": str(index.version),
                "build": str(index.build),
                "build_number": index.build_number,
                "timestamp": int(index.timestamp.timestamp() * 1000) if index.timestamp else None,
                "noarch": "python" if noarch.python else "generic" if noarch.generic else "",
                "depends": list(index.depends),
                "constrains": list(index.constrains),
                "track_features": list(index.track_features),
                "license": index.license or "",
                "license_family": index.license_family or "",
                "purls": [],
                "python_site_packages_path": "",
            }
        )
    return answers


def _plain(record):
    """Return what is written down of a record; times are milliseconds since 1970."""
    noarch = record.noarch
    kind = "python" if noarch.python else "generic" if noarch.generic else ""
    return {
        "name": record.name.normalized,
        "version": str(record.version),
        "build": str(record.build),
        "build_number": record.build_number,
        "subdir": str(record.subdir),
        "url": record.url,
        "md5": record.md5.hex() if record.md5 else "",
        "sha256": record.sha256.hex() if record.sha256 else "",
        "size": record.size,
        "timestamp": int(record.timestamp.timestamp() * 1000) if record.timestamp else None,
        "noarch": kind,
        "depends": [str(spec) for spec in record.depends],
        "constrains": [str(spec) for spec in record.constrains],
        "track_features": list(record.track_features),
        "license": record.license or "",
        "license_family": record.license_family or "",
        "purls": json.loads(record.to_json()).get("purls") or [],
        "python_site_packages_path": record.python_site_packages_path or "",
    }


if __name__ == "__main__":
    main()
