# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What pins a dependency: exactly one version in the channels can match it, now and later.

This plugin util is private to the collection.
"""

from __future__ import annotations

import typing as t

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.version import Constraint, Version
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._packaging import Requirement
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._specification import conda_specs


def conda_is_pinned(text: str, versions: t.Iterable[str]) -> bool:
    """Tell whether a match spec (CEP 29) is pinned. ``versions``: all that the channels offer of the package.

    ``==V``, ``V`` after a blank and ``=V=BUILD`` are one version. ``=V`` is every version that begins with V, so it is pinned
    where there is no longer one. Ranges and alternatives admit what is not there yet.
    """
    read = conda_specs.read(text)
    parts = conda_specs.parts(read.name, read.constraint)
    version = parts.version.strip()
    if not version or version.endswith("*") or any(sign in version for sign in ",|<>~!*"):
        return False
    if version.startswith("==") or not version.startswith("=") or parts.side_by_side:
        return True
    constraint, wanted = Constraint.parse(version), Version(version.lstrip("= "))
    return all(one == wanted for one in map(Version, versions) if constraint.allows(one))


def conda_pin(text: str, version: str) -> str:
    """Return the match spec with exactly ``version`` instead of its own; channel, build and other keys stay."""
    read = conda_specs.read(text)
    parts = conda_specs.parts(read.name, read.constraint)
    channel, separator, _rest = text.rpartition("::")
    pinned = f"{read.name}={version}={parts.build}" if parts.build else f"{read.name}=={version}"
    others = ",".join(f"{key}='{value}'" for key, value in parts.others.items())
    return channel + separator + pinned + (f"[{others}]" if others else "")


def pip_is_pinned(text: str) -> bool:
    """Tell whether a requirement (PEP 508) is pinned: ``==`` without ``*``, ``===``, or a direct reference."""
    requirement = Requirement(text)
    if requirement.url:
        return True
    return any(
        one.operator == "===" or (one.operator == "==" and not one.version.endswith(".*")) for one in requirement.specifier
    )


def pip_pin(text: str, version: str) -> str:
    """Return the requirement with exactly ``version``; extras and marker stay."""
    requirement = Requirement(text)
    extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
    marker = f"; {requirement.marker}" if requirement.marker else ""
    return f"{requirement.name}{extras}=={version}{marker}"
