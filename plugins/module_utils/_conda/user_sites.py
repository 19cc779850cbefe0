# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Packages in accounts' own ``~/.local`` that Python would prefer to those of an environment. Reads only.

This module util is private to the collection.
"""

from __future__ import annotations

import os
import pwd
import re
import typing as t

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.ordering import canonical
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.packages import Package

_DISTRIBUTION = re.compile(r"([^-]+)-([^-]+)(?:-[^-]*)?\.(?:dist|egg)-info")


def shadowing(packages: t.Iterable[Package], homes: t.Mapping[str, str] | None = None) -> list[dict[str, t.Any]]:
    """Return which accounts have packages of the environment in their user site, for its version of Python.

    ``homes``: home directories by account; by default those of all accounts that the host knows. Each entry has
    ``user``, ``path`` and ``packages`` (``NAME VERSION``). Homes that cannot be read are skipped.
    """
    by_name = {canonical(package.name): package for package in packages}
    python = by_name.get("python")
    if python is None:
        return []
    if homes is None:
        homes = {account.pw_name: account.pw_dir for account in pwd.getpwall()}
    below = f".local/lib/python{'.'.join(python.version.split('.')[:2])}/site-packages"
    result = []
    for user, home in sorted(homes.items()):
        path = os.path.join(home, below)
        try:
            entries = sorted(os.listdir(path))
        except OSError:
            continue
        found = [match for match in map(_DISTRIBUTION.fullmatch, entries) if match and canonical(match[1]) in by_name]
        if found:
            result.append({"user": user, "path": path, "packages": [f"{canonical(one[1])} {one[2]}" for one in found]})
    return result
