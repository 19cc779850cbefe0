# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the writers of all formats refuse: entries that would be lost, or that nobody could read as they were meant.

This plugin util is private to the collection.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.ordering import twins
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.packages import Package
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locks import addresses, normal_form
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locks.document import CATEGORY, Document, Entry
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._packaging import InvalidVersion, Version

_SPACE = re.compile(r"\s")


def entries_of(document: Document, platform: str, some: bool = True) -> tuple[Entry, ...]:
    """Return the entries of a format that is for one platform; raises Problem if the lock is not for it, or, with ``some``, has
    none for it."""
    if platform not in document.platforms or (some and not document.platforms[platform]):
        there = ", ".join(sorted(document.platforms)) or "none at all"
        raise Problem(f"The lock has no packages for {platform}; there are {there}.")
    return document.platforms[platform]


def refusals(entries: t.Iterable[Entry], subdir: str, categories: bool = False) -> list[str]:
    """Return what is wrong with the entries of one platform, a clause for each.

    ``subdir``: the platform as conda calls it. ``categories``: whether the format has other categories than main.
    """
    those = list(entries)
    by_category: dict[str, list[Package]] = {}
    for entry in those:
        by_category.setdefault(entry.category, []).append(entry.package)
    pairs = [pair for packages in by_category.values() for pair in twins(packages)]
    found = [f"{package.name} ({subdir}) is there twice" for _other, package in pairs]
    second = {id(package) for _other, package in pairs}
    for entry in those:
        package = entry.package
        if id(package) in second:
            continue
        if entry.category != CATEGORY and not categories:
            found.append(f"{package.label} ({subdir}) is of the category {entry.category}; the format has none")
        elif reason := unreadable(package, subdir):
            found.append(f"{package.label} ({subdir}): {reason}")
    return found


def unreadable(package: Package, subdir: str) -> str:
    """Say why a file that names this package by its address, or checks it against that, would not be read as meant."""
    name = package.file_name
    if not normal_form.is_sha256(package.sha256) and not normal_form.is_md5(package.md5):
        return "its hash is unknown"
    if _SPACE.search(addresses.written(package)):
        return "its address has spaces"
    if package.manager == "pip":
        wheel = normal_form.split_wheel_name(name)
        if wheel is None:
            return f"{name} is no wheel"
        return "" if _same_version(wheel[1], package.version) else f"its wheel is called {name}"
    if normal_form.split_conda_name(name) != (package.name, package.version, package.build):
        return f"its archive is called {name}"
    return f"its archive is for {package.subdir}" if package.subdir not in ("", "noarch", subdir) else ""


def conclude(format_: str, wrong: t.Sequence[str], remedy: str = "") -> None:
    """Raise one Problem about what cannot be written, if there is anything."""
    if wrong:
        raise Problem(normal_form.listing(f"The lock cannot be written as {format_}", wrong, remedy))


def _same_version(left: str, right: str) -> bool:
    """Tell whether two spellings mean one version (PEP 440)."""
    try:
        return left == right or Version(left) == Version(right)
    except InvalidVersion:
        return False
