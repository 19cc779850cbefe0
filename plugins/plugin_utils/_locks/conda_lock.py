# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""``conda-lock.yml`` of version 1 (CEP 37), read.

This plugin util is private to the collection.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import typing as t
from urllib.parse import urldefrag

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.ordering import canonical
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.ordering import key as key_of
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.packages import Package
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.urls import directory_name, file_name, public_url
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locks import addresses, normal_form
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locks.document import CATEGORY, Document, Entry

#: The fact of ``custom_metadata`` that holds ``digest`` of the entries as ``conda_lock_text`` wrote them.
WRITTEN = "lockstep.packages"

#: What a host of a platform must have, where another format stated that: a list of match specs, as JSON.
REQUIRED = "lockstep.requires."

#: What to do about entries without a hash, and about pip packages that are no wheels.
REMEDY = (
    "Lock again what it was made from, which writes a sha256 for every package: "
    f"{normal_form.locking('environment.yml')}."
)
WHEEL_REMEDY = (
    "Only wheels are installed, since building a package would run its code as root. Build the wheel once "
    "(pip wheel --no-deps PACKAGE), serve it, and lock its URL with its sha256."
)


def is_conda_lock(data: t.Any) -> bool:
    """Tell whether parsed YAML is meant as such a lock."""
    return isinstance(data, dict) and "package" in data and "metadata" in data


def digest(entries: t.Iterable[t.Any]) -> str:
    """Return the sha256 over entries as ``strict_yaml`` reads them; neither their order nor YAML's ways to write them count."""
    lines = sorted(json.dumps(entry, sort_keys=True) for entry in entries)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def document(data: dict[str, t.Any], path: str, categories: t.Collection[str] | None = None) -> Document:
    """Return the lock with the entries of ``categories`` (None: of all).

    ``data``: as ``strict_yaml.load`` returns it, all scalars text. Raises one Problem that lists every entry that is not
    accepted; those of other categories are not looked at. A package of several categories has an entry in each.
    """
    version = data.get("version") or "1"
    if version != "1":
        raise Problem(f"{path}: is a conda-lock file of version {version}; version 1 is supported.")
    written = data["package"]
    if not isinstance(written, list) or not written:
        raise Problem(f"{path}: names no packages.")
    metadata = data["metadata"] if isinstance(data["metadata"], dict) else {}
    custom = _texts(metadata, "custom_metadata", path)
    platforms: dict[str, list[Entry]] = {name: [] for name in _names(metadata, "platforms", path)}
    for platform, entries in _entries(written, path, categories).items():
        platforms.setdefault(platform, []).extend(entries)
    said = custom.pop(WRITTEN, "")
    required = {key.removeprefix(REQUIRED): _specs(custom.pop(key), key, path) for key in sorted(custom) if key.startswith(REQUIRED)}
    return Document(
        {platform: tuple(entries) for platform, entries in platforms.items()},
        channels=tuple(public_url(one) if "://" in one else one for one in _names(metadata, "channels", path, "url")),
        virtual_packages=required,
        content_hash=_texts(metadata, "content_hash", path),
        sources=_names(metadata, "sources", path),
        custom=custom,
        edited=bool(said) and said != digest(written),
    )


def _names(metadata: dict[str, t.Any], key: str, path: str, inner: str = "") -> tuple[str, ...]:
    """Return a list of texts; an item may be a mapping with the text under ``inner``."""
    items = metadata.get(key) or []
    if isinstance(items, list):
        names = tuple(item.get(inner) if inner and isinstance(item, dict) else item for item in items)
        if all(isinstance(name, str) for name in names):
            return names
    raise Problem(f"{path}: metadata.{key} is no list of {key}.")


def _texts(metadata: dict[str, t.Any], key: str, path: str) -> dict[str, str]:
    items = metadata.get(key) or {}
    if isinstance(items, dict) and not any(isinstance(value, (dict, list)) for value in items.values()):
        return {name: value or "" for name, value in items.items()}
    raise Problem(f"{path}: metadata.{key} is no mapping of names to texts.")


def _specs(text: str, key: str, path: str) -> tuple[str, ...]:
    with contextlib.suppress(ValueError):
        specs = json.loads(text)
        if isinstance(specs, list) and all(isinstance(one, str) for one in specs):
            return tuple(specs)
    raise Problem(f"{path}: {key} is no list of match specs.")


def _entries(written: list[t.Any], path: str, categories: t.Collection[str] | None) -> dict[str, list[Entry]]:
    """Return the entries of ``categories`` by platform, in the file's order."""
    wrong: list[str] = []
    no_hash: list[str] = []
    unbuilt: list[str] = []
    there: set[str] = set()
    platforms: dict[str, dict[tuple[str, ...], Entry]] = {}
    for number, entry in enumerate(written, 1):
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
        if categories is not None and category not in categories:
            continue
        where = f"{entry['name']} ({entry['platform']})"
        package = _package(entry, where, wrong, no_hash, unbuilt)
        if package:
            md5 = "" if package.md5 else _hash(entry, "md5")
            md5 = md5 if normal_form.is_md5(md5) else ""
            key = (package.manager, key_of(package.manager, package.name), package.md5 or package.sha256, category)
            platforms.setdefault(entry["platform"], {})[key] = Entry(package, md5=md5, category=category)
    if wrong:
        raise Problem(normal_form.listing(f"{path} has entries that cannot be installed from", wrong))
    unknown = sorted(set(categories or ()) - there)
    if unknown:
        raise Problem(f"{path}: has no category {' and no '.join(unknown)}; there are {', '.join(sorted(there))}.")
    if unbuilt:
        raise Problem(normal_form.listing(f"{path} has pip packages that are no wheels", unbuilt, WHEEL_REMEDY))
    if no_hash:
        raise Problem(normal_form.listing(f"{path} has entries without a sha256", no_hash, REMEDY))
    return {platform: list(entries.values()) for platform, entries in platforms.items()}


def _package(
    entry: dict[str, t.Any], where: str, wrong: list[str], no_hash: list[str], unbuilt: list[str]
) -> Package | None:
    """Return the package of one entry, or None after adding to the list of what is wrong with it."""
    manager, name, version, platform = (entry[key] for key in ("manager", "name", "version", "platform"))
    written = urldefrag(entry["url"])[0]
    source = entry.get("source")
    if manager == "pip" and (reason := no_wheel(written, source)):
        unbuilt.append(f"{where}: {reason}")
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
    sha256, md5 = _hash(entry, "sha256"), _hash(entry, "md5")
    if sha256 and normal_form.is_sha256(sha256):
        md5 = ""
    elif sha256 or not normal_form.is_md5(md5):
        no_hash.append(f"{where}: {archive} (no valid hash)")
        return None
    needs = entry.get("dependencies")
    depends = tuple(f"{need} {spec or ''}".strip() for need, spec in needs.items()) if isinstance(needs, dict) else ()
    package = Package("pip", canonical(name), version, "", "", address.url, sha256, depends, md5, address.source)
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


def _hash(entry: dict[str, t.Any], kind: str) -> str:
    """Return what the entry says as its hash of this kind, whatever that is."""
    hashes = entry.get("hash")
    return str(hashes.get(kind) or "").lower() if isinstance(hashes, dict) else ""


def no_wheel(url: str, source: t.Any) -> str | None:
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
