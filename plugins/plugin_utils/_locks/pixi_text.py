# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""``pixi.lock``, written: one environment, ``default``. Version 6, which more programs read, or 7, which has platforms with names
and virtual packages.

This plugin util is private to the collection.
"""

from __future__ import annotations

import re
import typing as t

import yaml

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda import ordering
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.urls import directory_name
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locks import (
    addresses,
    normal_form,
    pixi,
    pixi_entries,
    virtual_packages,
    writing,
)
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locks.document import CATEGORY, VARIABLES, Document, Entry
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._packaging import (
    InvalidRequirement,
    InvalidSpecifier,
    InvalidVersion,
    Requirement,
    SpecifierSet,
    Version,
)

_HEADER = "# Which packages an environment has, each with its hash, made by lockstep.gpufleet.conda_lock. DO NOT EDIT!\n"

#: What YAML 1.2 takes for a number (its core schema), but PyYAML, which knows 1.1, would leave without quotes.
_NUMBER = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|0o[0-7]+|0x[0-9a-fA-F]+|[-+]?\.(inf|nan)", re.IGNORECASE)


class _Dumper(yaml.SafeDumper):
    """Quotes every text that YAML 1.2 would take for a number, and never refers back to what stood before."""

    def ignore_aliases(self, data: t.Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, data: str) -> yaml.Node:
    style = "'" if _NUMBER.fullmatch(data) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", data, style=style)


_Dumper.add_representer(str, _text)


def text(document: Document, version: str = "6") -> str:
    """Return the file; the same document gives the same bytes, whatever the order of its entries.

    ``version``: one of ``pixi.VERSIONS``. Raises Problem that lists what the format cannot hold. Facts that only other formats
    have a place for (content hashes, sources, custom ones) are left out, in version 6 virtual packages too.
    """
    _check(document, version)
    packages: dict[tuple[str, str], dict[str, t.Any]] = {}
    selectors: dict[str, list[dict[str, str]]] = {}
    for platform, entries in sorted(document.platforms.items()):
        keys = set()
        for entry in entries:
            key = _key(entry)
            keys.add(key)
            packages.setdefault(key, _described(entry, key))
        selectors[platform] = [{kind: location} for kind, location in sorted(keys)]
    environment: dict[str, t.Any] = {"channels": [{"url": url} for url in document.channels]}
    if document.indexes:
        environment["indexes"] = list(document.indexes)
    data: dict[str, t.Any] = {"version": int(version)}
    if version != "6":
        data["platforms"] = [_platform(document, name) for name in sorted(document.platforms)]
    data["environments"] = {pixi.ENVIRONMENT: {**environment, "packages": selectors}}
    data["packages"] = [described for _key_, described in sorted(packages.items(), key=lambda item: item[0])]
    return _HEADER + yaml.dump(data, Dumper=_Dumper, sort_keys=False, width=float("inf"), allow_unicode=True)


def _platform(document: Document, name: str) -> dict[str, t.Any]:
    subdir = document.subdirs.get(name, name)
    written = [virtual_packages.written(spec) for spec in document.virtual_packages.get(name, ())]
    said = {"subdir": subdir if subdir != name else None, "virtual-packages": written}
    return {"name": name, **{key: value for key, value in said.items() if value}}


def _key(entry: Entry) -> tuple[str, str]:
    """Return what ``pixi_entries.location`` reads from the entry; a path begins with ``./``, since pixi's do."""
    location = addresses.written(entry.package)
    if "://" not in location and not location.startswith(("/", ".", "~")):
        location = f"./{location}"
    return "pypi" if entry.package.manager == "pip" else "conda", location


def _described(entry: Entry, key: tuple[str, str]) -> dict[str, t.Any]:
    """Return what stands below ``packages``: in pixi's order, without what follows from the location."""
    package = entry.package
    hashes = {"sha256": package.sha256, "md5": package.md5 or entry.md5}
    if package.manager == "pip":
        values: dict[str, t.Any] = {
            "name": package.name,
            "version": package.version,
            **hashes,
            "requires_dist": [_requirement(need) for need in package.depends],
            "requires_python": entry.requires_python if _is_specifier(entry.requires_python) else "",
        }
    else:
        number = entry.build_number
        # rattler takes file:// for a path, and derives nothing from that.
        derived = directory_name(package.url) if key[1].startswith("http") else ""
        values = {
            "build_number": None if number == pixi_entries.build_number_of(package.build) else number,
            "subdir": None if package.subdir == derived else package.subdir,
            "noarch": None if entry.noarch == pixi_entries.noarch_of(package.subdir, package.build) else entry.noarch,
            **hashes,
            "depends": list(package.depends),
            "constrains": list(entry.constrains),
            "track_features": list(entry.track_features),
            "license": entry.license,
            "license_family": entry.license_family,
            "purls": list(entry.purls),
            "size": entry.size,
            "timestamp": entry.timestamp,
            "python_site_packages_path": entry.python_site_packages_path,
        }
    return {key[0]: key[1], **{name: value for name, value in values.items() if value not in (None, "", [])}}


def _requirement(need: str) -> str:
    """Return a requirement (PEP 508); of one that is none, as conda-lock writes them (``six *``), the name."""
    try:
        Requirement(need)
    except InvalidRequirement:
        return re.split(r"[^\w.-]", need, maxsplit=1)[0]
    return need


def _is_specifier(constraint: str) -> bool:
    try:
        SpecifierSet(constraint)
    except InvalidSpecifier:
        return False
    return True


def _check(document: Document, version: str) -> None:
    """Raise one Problem that lists what this format cannot hold."""
    if not any(document.platforms.values()):
        raise Problem("A lock of no packages at all cannot be written as pixi.lock.")
    wrong = []
    if document.custom.get(VARIABLES):
        wrong.append("its variables: the format has no place for them")
    hashes: dict[tuple[str, str], str] = {}
    for platform, entries in sorted(document.platforms.items()):
        subdir = document.subdirs.get(platform, platform)
        if subdir not in normal_form.SUBDIRS or (version == "6" and subdir != platform):
            wrong.append(f"the platform {platform} is none of conda's")
        seen: set[tuple[str, str]] = set()
        for entry in entries:
            package, key = entry.package, _key(entry)
            reason = _unwritable(entry, subdir, key)
            name = (package.manager, ordering.key(package.manager, package.name))
            if name in seen:
                reason = reason or "it is there twice"
            seen.add(name)
            if hashes.setdefault(key, package.sha256 or package.md5) != (package.sha256 or package.md5):
                reason = reason or "another platform has the same address with another hash"
            if reason:
                wrong.append(f"{package.label} ({platform}): {reason}")
    if wrong:
        raise Problem(normal_form.listing("The lock cannot be written as pixi.lock", wrong))


def _unwritable(entry: Entry, subdir: str, key: tuple[str, str]) -> str:
    """Say why a pixi.lock with this entry would not be read as meant; nothing if it would."""
    package = entry.package
    if entry.category != CATEGORY:
        return f"it is of the category {entry.category}; the format has none"
    if key[1].startswith("~"):
        return "its archive lies in a home directory, which pixi does not look for"
    if package.manager == "pip":
        try:
            Version(package.version)
        except InvalidVersion:
            return f"{package.version} is no version of a wheel (PEP 440)"
    elif not package.subdir:
        return "its subdir is not known"
    return writing.unreadable(package, subdir)
