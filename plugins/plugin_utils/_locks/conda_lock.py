# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""``conda-lock.yml`` of version 1 (CEP 37).

This plugin util is private to the collection.
"""

from __future__ import annotations

import dataclasses
import typing as t
from urllib.parse import urldefrag

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.packages import Package
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.urls import directory_name, file_name
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locks import addresses, normal_form

#: The category of entries that name none. Packages of others (such as dev) are for those who develop, not for servers.
CATEGORY = "main"

_REMEDY = "Lock again with a tool that writes sha256 for every package."
_COMPLETING = "This locks again, with sha256 hashes: conda-lock lock --file environment.yml --lockfile LOCK."
_WHEEL_REMEDY = (
    "Only wheels are installed, since building a package would run its code as root. Build the wheel once "
    "(pip wheel --no-deps PACKAGE), serve it, and lock its URL with its sha256."
)


def is_conda_lock(data: t.Any) -> bool:
    """Tell whether parsed YAML is meant as such a lock."""
    return isinstance(data, dict) and "package" in data and "metadata" in data


def parse(data: dict[str, t.Any], path: str, categories: t.Collection[str] = (CATEGORY,)) -> normal_form.NormalForm:
    """Return the packages of ``categories``; raises one Problem that lists every entry of these that is not accepted.

    ``data``: as ``strict_yaml.load`` returns it, all scalars text. A package of several categories has an entry in each.
    """
    version = data.get("version") or "1"
    if version != "1":
        raise Problem(f"{path}: is a conda-lock file of version {version}; version 1 is supported.")
    entries = data["package"]
    if not isinstance(entries, list) or not entries:
        raise Problem(f"{path}: names no packages.")
    wrong: list[str] = []
    no_hash: list[str] = []
    no_wheel: list[str] = []
    there: set[str] = set()
    platforms: dict[str, dict[tuple[str, str, str], Package]] = {}
    for number, entry in enumerate(entries, 1):
        where = f"entry {number}"
        if not isinstance(entry, dict):
            wrong.append(f"{where} is no mapping")
            continue
        missing = [key for key in ("name", "version", "manager", "platform", "url") if not _text(entry, key)]
        if missing:
            wrong.append(f"{where} ({_text(entry, 'name') or 'no name'}) lacks {', '.join(missing)}")
            continue
        category = _text(entry, "category") or CATEGORY
        there.add(category)
        if category not in categories:
            continue
        where = f"{entry['name']} ({entry['platform']})"
        package = _package(entry, where, wrong, no_hash, no_wheel)
        if package:
            key = (package.manager, normal_form.canonical(package.name), package.md5 or package.sha256)
            platforms.setdefault(entry["platform"], {})[key] = package
    if wrong:
        raise Problem(normal_form.listing(f"{path} has entries that cannot be installed from", wrong))
    unknown = sorted(set(categories) - there)
    if unknown:
        raise Problem(f"{path}: has no category {' and no '.join(unknown)}; there are {', '.join(sorted(there))}.")
    if no_wheel:
        raise Problem(normal_form.listing(f"{path} has pip packages that are no wheels", no_wheel, _WHEEL_REMEDY))
    if no_hash:
        raise Problem(normal_form.listing(f"{path} has entries without a sha256", no_hash, _REMEDY))
    return normal_form.make(path, {name: list(packages.values()) for name, packages in platforms.items()}, _COMPLETING)


def _package(
    entry: dict[str, t.Any], where: str, wrong: list[str], no_hash: list[str], no_wheel: list[str]
) -> Package | None:
    """Return the package of one entry, or None after adding to the list of what is wrong with it."""
    manager, name, version, platform = (entry[key] for key in ("manager", "name", "version", "platform"))
    written = urldefrag(entry["url"])[0]
    source = entry.get("source")
    if manager == "pip" and (reason := _no_wheel(written, source)):
        no_wheel.append(f"{where}: {reason}")
        return None
    if manager not in ("conda", "pip"):
        wrong.append(f"{where}: the manager {manager} is unknown")
        return None
    try:
        address = addresses.read(written)
    except ValueError as error:
        wrong.append(f"{where}: {error}")
        return None
    archive = file_name(address.url)
    hashes = entry.get("hash") if isinstance(entry.get("hash"), dict) else {}
    sha256, md5 = (str(hashes.get(kind) or "").lower() for kind in ("sha256", "md5"))
    if sha256 and normal_form.is_sha256(sha256):
        md5 = ""
    elif sha256 or not normal_form.is_md5(md5):
        no_hash.append(f"{where}: {archive} (no valid hash)")
        return None
    needs = entry.get("dependencies")
    depends = tuple(f"{need} {spec or ''}".strip() for need, spec in needs.items()) if isinstance(needs, dict) else ()
    package = Package("pip", normal_form.canonical(name), version, "", "", address.url, sha256, depends, md5, address.source)
    if manager == "pip":
        return package
    parts = normal_form.split_conda_name(archive)
    if parts is None:
        wrong.append(f"{where}: {archive} is no .conda or .tar.bz2 package")
        return None
    if parts[:2] != (name, version):
        wrong.append(f"{where}: says version {version}, but its archive is {archive}")
        return None
    subdir = directory_name(address.url)
    if subdir in normal_form.SUBDIRS and subdir not in (platform, "noarch"):
        wrong.append(f"{where}: its archive is for {subdir}")
        return None
    subdir = subdir if subdir in normal_form.SUBDIRS else ""
    return dataclasses.replace(package, manager="conda", name=name, build=parts[2], subdir=subdir)


def _no_wheel(url: str, source: t.Any) -> str | None:
    """Say why a pip entry is no wheel, or None if it is one."""
    scheme = url.partition("://")[0] if "://" in url else ""
    if "+" in scheme:
        return f"a checkout ({scheme.partition('+')[0]})"
    archive = file_name(url)
    if normal_form.split_wheel_name(archive):
        return None
    if archive.endswith((".tar.gz", ".tar.bz2", ".tar.xz", ".zip", ".tgz")):
        return f"a source archive ({archive})"
    kind = source.get("type") if isinstance(source, dict) else None
    return f"an editable or local checkout ({kind or 'path'})" if not scheme or scheme == "file" else f"not a wheel ({archive})"


def _text(entry: dict[str, t.Any], key: str) -> str:
    value = entry.get(key)
    return value if isinstance(value, str) else ""
