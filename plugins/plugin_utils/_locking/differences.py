# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How a lock differs from the one before, package by package, and what else is written.

This plugin util is private to the collection.
"""

from __future__ import annotations

import json
import typing as t

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.packages import Change, Package, changes
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import text_diff
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locking.planning import SPECIFICATION
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locks import addresses
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locks.document import VARIABLES, Document


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


def diff(path: str, before: Document | None, after: Document, those: t.Mapping[str, t.Sequence[Change]]) -> dict[str, str]:
    """Return Ansible's diff of a lock: lines of what changes, by platform, and of what the lock says beside its packages."""
    sides = {}
    facts = {"before": _facts(before, after), "after": _facts(after, before, changed=True)}
    for side, other in (("before", "after"), ("after", "before")):
        lines = []
        for platform, changed in those.items():
            found = [package for one in changed if (package := getattr(one, side))]
            lines += [f"{platform}: {package.label}{' (pip)' if package.manager == 'pip' else ''}\n" for package in found]
        lines += [f"{line}\n" for line in facts[side] if line not in facts[other]]
        sides[side] = "".join(lines)
    return {"before_header": path if before else path + " (absent)", "after_header": path, **sides}


def _facts(one: Document | None, other: Document | None, changed: bool = False) -> list[str]:
    """Return what a lock says of itself, a line for each fact; of variables, which may hold secrets, no values."""
    if one is None:
        return []
    custom = {key: text for key, text in sorted(one.custom.items()) if key not in (SPECIFICATION, VARIABLES)}
    variables, others = _variables(one), _variables(other)
    return [
        *(f"{key.removeprefix('lockstep.')}: {text}" for key, text in custom.items()),
        *([f"channels: {', '.join(one.channels)}"] if one.channels else []),
        *(f"what is wanted: {digest[:12]}" for digest in [one.custom.get(SPECIFICATION)] if digest),
        *(f"variable {name}" + (", with another value" if changed and others.get(name, value) != value else "") for name, value in variables.items()),
    ]


def _variables(one: Document | None) -> dict[str, str]:
    """Return the variables of a lock; nothing where they cannot be read, which whoever uses them tells."""
    try:
        found = json.loads(one.custom.get(VARIABLES) or "{}") if one else {}
    except ValueError:
        found = {}
    return {str(name): str(value) for name, value in found.items()} if isinstance(found, dict) else {}


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


def pins(path: str, before: bytes, after: str) -> dict[str, str]:
    """Return Ansible's diff of an input that pins are written into, of those lines alone: others may hold secrets."""
    pairs = zip(before.decode("utf-8", "replace").splitlines(True), after.splitlines(True), strict=True)
    changed = [(addresses.shown(old), addresses.shown(new)) for old, new in pairs if old != new]
    return text_diff(path, "".join(old for old, _new in changed), "".join(new for _old, new in changed))
