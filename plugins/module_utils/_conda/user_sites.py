# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Packages in accounts' own ``~/.local`` that Python would prefer to those of an environment. Reads only.

This module util is private to the collection.
"""

from __future__ import annotations

import os
import re
import typing as t

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.disk import NETWORK, mount_of
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.ordering import canonical
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.packages import Package

#: Packages of one user that a sentence lists.
_SHOWN = 5

_DISTRIBUTION = re.compile(r"([^-]+)-([^-]+)(?:-[^-]*)?\.(?:dist|egg)-info")


def shadowing(packages: t.Iterable[Package], homes: t.Mapping[str, str] | None = None) -> list[dict[str, t.Any]]:
    """Return which accounts have packages of the environment in their user site, for its version of Python.

    ``homes``: home directories by account; by default those of the accounts in /etc/passwd that lie on this host's own
    disks: one listing each. Each entry has ``user``, ``path`` and ``packages`` (``NAME VERSION``). Homes that cannot be
    read are skipped.
    """
    by_name = {canonical(package.name): package for package in packages}
    python = by_name.get("python")
    if python is None:
        return []
    if homes is None:
        homes = homes_of_this_host()
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


def homes_of_this_host() -> dict[str, str]:
    """Return the home directories that ``local_homes`` finds on this host."""
    return local_homes(_text("/etc/passwd"), _text("/proc/self/mountinfo"))


def local_homes(passwd: str, mountinfo: str) -> dict[str, str]:
    """Return the home directories in the text of /etc/passwd, by account; of accounts that share one, the first.

    Left out are those on network filesystems and under automounters, which could take long to answer. ``mountinfo``: text of
    /proc/self/mountinfo.
    """
    found: dict[str, str] = {}
    for line in passwd.splitlines():
        fields = line.split(":")
        if len(fields) == 7 and fields[5].startswith("/") and fields[5].strip("/"):
            home = fields[5].rstrip("/")
            kind = mount_of(home, mountinfo).kind
            if kind not in NETWORK and kind != "autofs":
                found.setdefault(home, fields[0])
    return {user: home for home, user in found.items()}


def sentence(name: str, shadows: t.Sequence[t.Mapping[str, t.Any]]) -> str:
    """Return what the user should know of the answer of ``shadowing`` for the environment ``name``."""
    parts = []
    for shadow in shadows:
        listed = shadow["packages"]
        more = f" and {len(listed) - _SHOWN} more" if len(listed) > _SHOWN else ""
        parts.append(f"{shadow['user']}'s {shadow['path']} has {', '.join(listed[:_SHOWN])}{more}")
    return (
        f"{name}: packages of users hide the environment's where Python is started by its path and without -s "
        f"(not in activated shells and kernels): {'; '.join(parts)}."
    )


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.read()
    except OSError:
        return ""
