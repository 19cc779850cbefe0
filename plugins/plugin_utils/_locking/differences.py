# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How a lock differs from the one before, package by package.

This plugin util is private to the collection.
"""

from __future__ import annotations

import typing as t

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.packages import Change, Package, changes
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locks.document import Document


def between(before: Document | None, after: Document) -> dict[str, list[Change]]:
    """Return the changes by platform; platforms without any are missing."""
    old = before.platforms if before else {}
    found = {}
    for platform in sorted({*old, *after.platforms}):
        pair = ([entry.package for entry in side.get(platform, ())] for side in (old, after.platforms))
        if those := changes(*pair):
            found[platform] = those
    return found


def data(those: t.Mapping[str, t.Sequence[Change]]) -> dict[str, list[dict[str, t.Any]]]:
    """Return the changes as return values."""
    return {
        platform: [
            {
                "manager": one.manager,
                "name": (one.after or one.before).name,  # type: ignore[union-attr]
                "before": _shown(one.before),
                "after": _shown(one.after),
            }
            for one in changed
        ]
        for platform, changed in those.items()
    }


def diff(path: str, those: t.Mapping[str, t.Sequence[Change]], exists: bool) -> dict[str, str]:
    """Return Ansible's diff: lines of what changes, by platform."""
    sides = {}
    for side in ("before", "after"):
        lines = []
        for platform, changed in those.items():
            found = [package for one in changed if (package := getattr(one, side))]
            lines += [f"{platform}: {package.label}{' (pip)' if package.manager == 'pip' else ''}\n" for package in found]
        sides[side] = "".join(lines)
    return {"before_header": path if exists else path + " (absent)", "after_header": path, **sides}


def count(those: t.Mapping[str, t.Sequence[Change]]) -> int:
    """Return how many packages change, on whatever platform."""
    names = set()
    for changed in those.values():
        for one in changed:
            package = one.after or one.before
            names.add((one.manager, package.name if package else ""))
    return len(names)


def _shown(package: Package | None) -> str | None:
    return " ".join(part for part in (package.version, package.build) if part) if package else None
