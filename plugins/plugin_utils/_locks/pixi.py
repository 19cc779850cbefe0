# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""``pixi.lock`` of the versions 6 and 7, read (rattler_lock's ``parse/models/v6`` and ``v7``).

One lock has several environments. An environment lists packages by platform and names them by their location; what is known
of each of them stands once, below ``packages``. A platform of version 7 has a name of its own, such as ``linux-64-cuda``,
a subdir, and the virtual packages that it was solved for.

This plugin util is private to the collection.
"""

from __future__ import annotations

import typing as t

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.urls import public_url
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locks import normal_form, pixi_entries, virtual_packages
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locks.document import Document, Entry

#: The environment that is meant where none is named; pixi has it in every workspace.
ENVIRONMENT = "default"

VERSIONS = ("6", "7")


def is_pixi(data: t.Any) -> bool:
    """Tell whether parsed YAML is meant as such a lock."""
    return isinstance(data, dict) and "environments" in data and "version" in data


def document(data: dict[str, t.Any], path: str, environment: str = ENVIRONMENT) -> Document:
    """Return one environment of the lock, by the platforms' own names.

    ``data``: as ``strict_yaml.load`` returns it, all scalars text. Raises one Problem that lists every entry that is not
    accepted; those that the environment does not name are not looked at.
    """
    version = data.get("version")
    if version not in VERSIONS:
        raise Problem(
            f"{path}: is a pixi lock of version {version}; {' and '.join(VERSIONS)} are supported, which pixi writes since 0.41: "
            "pixi lock, with a newer pixi."
        )
    found = _environment(data, path, environment)
    subdirs, stated = _platforms(data, path) if version != "6" else ({}, {})
    packages = _packages(data, path)
    report = pixi_entries.Report()
    platforms: dict[str, tuple[Entry, ...]] = {}
    for platform, selectors in _mapping(found.get("packages"), f"{path}: the packages of {environment}").items():
        if version == "6":
            subdirs[platform] = platform
        if platform not in subdirs:
            raise Problem(f"{path}: the environment {environment} is for {platform}, which is not among the lock's platforms.")
        if subdirs[platform] not in normal_form.SUBDIRS:
            raise Problem(f"{path}: the platform {platform} is for {subdirs[platform]}, which is no subdir of conda channels.")
        platforms[platform] = _entries(selectors, packages, platform, subdirs[platform], report)
    report.conclude(path)
    if not any(platforms.values()):
        raise Problem(f"{path}: the environment {environment} names no packages.")
    return Document(
        platforms,
        channels=tuple(public_url(one) if "://" in one else one for one in _urls(found, "channels", path)),
        indexes=tuple(public_url(one) for one in _urls(found, "indexes", path)),
        virtual_packages={platform: stated[platform] for platform in platforms if stated.get(platform)},
        subdirs={platform: subdirs[platform] for platform in platforms if subdirs[platform] != platform},
    )


def _environment(data: dict[str, t.Any], path: str, name: str) -> dict[str, t.Any]:
    environments = _mapping(data["environments"], f"{path}: environments")
    if name not in environments:
        there = ", ".join(sorted(environments)) or "none at all"
        raise Problem(f"{path}: has no environment {name}; there are {there} (environments: pixi_environment).")
    return _mapping(environments[name], f"{path}: the environment {name}")


def _platforms(data: dict[str, t.Any], path: str) -> tuple[dict[str, str], dict[str, tuple[str, ...]]]:
    """Return subdir, and virtual packages as match specs, of each platform of version 7."""
    listed = data.get("platforms") or []
    subdirs: dict[str, str] = {}
    stated: dict[str, tuple[str, ...]] = {}
    for platform in listed if isinstance(listed, list) else [listed]:
        name = platform.get("name") if isinstance(platform, dict) else None
        virtual = platform.get("virtual-packages") or [] if isinstance(platform, dict) else None
        if not isinstance(name, str) or not isinstance(virtual, list) or not all(isinstance(one, str) for one in virtual):
            raise Problem(f"{path}: platforms is no list of names with virtual-packages.")
        if name in subdirs:
            raise Problem(f"{path}: the platform {name} is listed twice.")
        subdirs[name] = platform.get("subdir") or name
        try:
            stated[name] = tuple(map(virtual_packages.spec_of, virtual))
        except ValueError as error:
            raise Problem(f"{path}: the platform {name}: {error}.") from None
    return subdirs, stated


def _packages(data: dict[str, t.Any], path: str) -> dict[tuple[str, str], dict[str, t.Any]]:
    """Return what is known of each package, by kind and location; of several with one location the first, as rattler does."""
    listed = data.get("packages") or []
    result: dict[tuple[str, str], dict[str, t.Any]] = {}
    for number, package in enumerate(listed if isinstance(listed, list) else [listed], 1):
        key = pixi_entries.location(package)
        if key is None:
            raise Problem(f"{path}: package {number} has no location: neither conda nor pypi.")
        result.setdefault(key, package)
    return result


def _entries(
    selectors: t.Any,
    packages: t.Mapping[tuple[str, str], dict[str, t.Any]],
    platform: str,
    subdir: str,
    report: pixi_entries.Report,
) -> tuple[Entry, ...]:
    result: dict[tuple[str, str], Entry | None] = {}
    for selector in selectors or [] if isinstance(selectors, list) or not selectors else [selectors]:
        key = pixi_entries.location(selector)
        if key is None:
            report.wrong.append(f"{platform}: an entry has no location: neither conda nor pypi")
        elif key not in result:
            package = packages.get(key)
            if package is None:
                report.wrong.append(f"{platform}: {public_url(key[1])[:200]} is not among the lock's packages")
            else:
                result[key] = pixi_entries.entry(key, package, platform, subdir, report)
    return tuple(entry for entry in result.values() if entry)


def _mapping(value: t.Any, what: str) -> dict[str, t.Any]:
    if value is not None and not isinstance(value, dict):
        raise Problem(f"{what}: is no mapping.")
    return value or {}


def _urls(environment: dict[str, t.Any], key: str, path: str) -> list[str]:
    """Return a list of texts; an item may be a mapping that has it under ``url``."""
    items = environment.get(key) or []
    urls = [item.get("url") if isinstance(item, dict) else item for item in items] if isinstance(items, list) else [None]
    if all(isinstance(url, str) for url in urls):
        return [url for url in urls if url]
    raise Problem(f"{path}: {key} is no list of URLs.")
