# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What locks are for: the platforms of the hosts that use them, and the least that these hosts have.

This plugin util is private to the collection.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.contract import LEVEL_OF
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.version import Version
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem

#: What a host is taken to have if nobody says: glibc of Debian 10 and RHEL 8, the kernel of Debian 11, the oldest processor.
_ASSUMED = {"__unix": "0", "__linux": "5.10", "__glibc": "2.28"}
_PROCESSORS = {"linux-64": "x86_64", "linux-aarch64": "aarch64"}

DEFAULT_PLATFORM = "linux-64"


@dataclasses.dataclass(frozen=True)
class Host:
    """A host as ``conda_env_info`` describes it. ``virtual_packages``: name to version; ``__archspec`` to a processor's name."""

    name: str
    platform: str
    virtual_packages: t.Mapping[str, str]


@dataclasses.dataclass(frozen=True)
class Asked:
    """One lock that is wanted. ``hosts``: those that use it, as far as they were reached."""

    file: str
    lock: str
    hosts: tuple[Host, ...] = ()


def assumed(platform: str) -> dict[str, str]:
    """Return what every host of ``platform`` is taken to have."""
    if not platform.startswith("linux-"):
        return {}
    return {**_ASSUMED, "__archspec": _PROCESSORS.get(platform, platform.partition("-")[2])}


def least(hosts: t.Sequence[Host]) -> tuple[dict[str, str], list[str]]:
    """Return the virtual packages that all ``hosts``, which are of one platform, have, each in its lowest version; and notes."""
    names = sorted({name for host in hosts for name in host.virtual_packages})
    found = {}
    notes = []
    for name in names:
        having = [host for host in hosts if host.virtual_packages.get(name)]
        lacking = [host.name for host in hosts if not host.virtual_packages.get(name)]
        if lacking:
            if name == "__cuda":
                notes.append(
                    f"{', '.join(sorted(lacking))} {'has' if len(lacking) == 1 else 'have'} no CUDA driver, so the lock for "
                    f"{hosts[0].platform} is for hosts without one. Give hosts with GPUs a lock of their own, or say what all will have "
                    "(virtual_packages)."
                )
            continue
        if name == "__archspec":
            found[name] = _lowest_processor(hosts)
        else:
            found[name] = min((host.virtual_packages[name] for host in having), key=Version)
    return found, notes


def _lowest_processor(hosts: t.Sequence[Host]) -> str:
    names = {host.virtual_packages["__archspec"] for host in hosts}
    if len(names) == 1:
        return names.pop()
    if all(name in LEVEL_OF for name in names):
        level = min(LEVEL_OF[name] for name in names)
        return "x86_64" if level == 1 else f"x86_64_v{level}"
    return _PROCESSORS.get(hosts[0].platform, hosts[0].platform.partition("-")[2])


def of_fleet(
    names: t.Sequence[str],
    variables: t.Mapping[str, t.Mapping[str, t.Any]],
    find: t.Callable[[str, str], str],
    beside: t.Callable[[str, str | None, str], str],
) -> tuple[list[Asked], list[str]]:
    """Return the locks that the hosts ``names`` use, in the order of their paths, and warnings. Raises Problem.

    ``variables``: by host, as Ansible's hostvars. ``find(file, host)``: the path of an input; ``beside(path, lock, host)``: that
    of its lock.
    """
    files: dict[str, str] = {}
    users: dict[str, list[str]] = {}
    known: dict[str, Host] = {}
    silent = []
    for name in names:
        facts = variables[name].get("conda_lock_host")
        if isinstance(facts, dict) and facts.get("platform"):
            known[name] = Host(name, facts["platform"], facts["virtual_packages"])
        else:
            silent.append(name)
        for entry in variables[name].get("conda_env_environments") or ():
            if not entry.get("file") or entry.get("state", "present") != "present":
                continue
            file = find(entry["file"], name)
            lock = beside(file, entry.get("lock"), name)
            if files.setdefault(lock, file) != file:
                raise Problem(f"{lock} would be made from {files[lock]} and from {file} (of {name}): give each a lock of its own.")
            users.setdefault(lock, []).append(name)
    asked = []
    for lock, using in sorted(users.items()):
        reached = tuple(known[name] for name in using if name in known)
        if not reached:
            raise Problem(
                f"{lock}: none of the hosts that use it told what it has ({', '.join(using)}). Lock the file by itself and say what they "
                f"have: ansible-playbook lockstep.gpufleet.lock -e file={files[lock]}, with conda_lock_platforms and "
                "conda_lock_virtual_packages."
            )
        asked.append(Asked(files[lock], lock, reached))
    absent = [name for name in silent if any(name in using for using in users.values())]
    warnings = [f"These hosts were not asked what they have and do not count: {', '.join(absent)}."] if absent else []
    return asked, warnings
