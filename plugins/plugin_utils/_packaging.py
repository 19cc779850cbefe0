# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The library packaging (PEP 425, 440 and 508), which ansible-core needs and so brings along.

It is imported here alone, and its absence is no error before something is used: ansible-test imports every plugin where
ansible-core's own libraries are not.

This plugin util is private to the collection.
"""

from __future__ import annotations

try:
    from packaging.requirements import InvalidRequirement, Requirement
    from packaging.specifiers import InvalidSpecifier, SpecifierSet
    from packaging.tags import Tag, compatible_tags, cpython_tags
    from packaging.utils import InvalidWheelFilename, parse_wheel_filename
    from packaging.version import InvalidVersion, Version
except ImportError:
    InvalidRequirement = InvalidSpecifier = InvalidVersion = InvalidWheelFilename = None  # type: ignore[assignment,misc]
    Requirement = SpecifierSet = Tag = Version = None  # type: ignore[assignment,misc]
    compatible_tags = cpython_tags = parse_wheel_filename = None  # type: ignore[assignment]

__all__ = (
    "InvalidRequirement",
    "InvalidSpecifier",
    "InvalidVersion",
    "InvalidWheelFilename",
    "Requirement",
    "SpecifierSet",
    "Tag",
    "Version",
    "compatible_tags",
    "cpython_tags",
    "parse_wheel_filename",
)
