# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Records: what conda and pip themselves believe is installed. They are few and name every package.

Records are all that lies in ``conda-meta``, and of each Python distribution in ``site-packages`` its folder and the
files by which pip, conda and importlib know it.
This module util is private to the collection.
"""

from __future__ import annotations

import json
import re
import typing as t

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.packages import Package

#: What is looked at of a distribution.
NAMES = ("METADATA", "RECORD", "INSTALLER", "PKG-INFO")
_SITE_PACKAGES = r"lib/python3\.[0-9]+/site-packages"
_RECORD = re.compile(
    rf"conda-meta/[^/]+|{_SITE_PACKAGES}/[^/]+\.(?:dist-info|egg-info)(?:/(?:{'|'.join(NAMES)}))?|{_SITE_PACKAGES}/[^/]+\.egg-link",
    re.DOTALL,
)
_DISTRIBUTION = re.compile(rf"{_SITE_PACKAGES}/([^/-]+)(?:-[^/]*)?\.(?:dist|egg)-info", re.DOTALL)


def is_record(path: str) -> bool:
    """Tell whether ``path``, relative to a prefix, is a record."""
    return _RECORD.fullmatch(path) is not None


def distribution_of(path: str) -> str | None:
    """Return the name of the distribution whose folder ``path`` is, as the folder spells it, or None."""
    match = _DISTRIBUTION.fullmatch(path)
    return match[1] if match else None


def installer_of(prefix: str, directory: str) -> str:
    """Return which program says that it installed the distribution in ``directory``, or an empty string."""
    try:
        with open(f"{prefix}/{directory}/INSTALLER", "rb") as file:
            return file.read(100).decode("utf-8", "replace").strip()
    except OSError:
        return ""


def path_of(package: Package) -> str:
    """Return where conda's record of ``package`` lies, relative to a prefix."""
    return f"conda-meta/{package.name}-{package.version}-{package.build}.json"


def read(prefix: str, package: Package) -> dict[str, t.Any] | None:
    """Return conda's record of ``package``, or None where there is none, it is damaged, or it is of another archive."""
    try:
        with open(f"{prefix}/{path_of(package)}", "rb") as file:
            record = json.loads(file.read())
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) and record.get("sha256") == package.sha256 else None
