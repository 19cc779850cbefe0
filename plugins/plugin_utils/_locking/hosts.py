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

#: Hosts named in one sentence.
_NAMED = 10


@dataclasses.dataclass(frozen=True)
class Host:
    """A host as ``conda_env_info`` describes it. ``virtual_packages``: name to version; ``__archspec`` to a processor's name."""

    name: str
    platform: str
    virtual_packages: t.Mapping[str, str]


@dataclasses.dataclass(frozen=True)
class Asked:
    """One lock that is wanted. ``hosts``: those that use it and told what they have. ``absent``: those that use it and did not, each
    with the reason in parentheses.
    """

    file: str
    lock: str
    hosts: tuple[Host, ...] = ()
    absent: tuple[str, ...] = ()


def assumed(platform: str) -> dict[str, str]:
    """Return what every host of ``platform`` is taken to have."""
    if not platform.startswith("linux-"):
        return {}
    return {**_ASSUMED, "__archspec": _PROCESSORS.get(platform, platform.partition("-")[2])}


def least(hosts: t.Sequence[Host], said: t.Collection[str] = ()) -> tuple[dict[str, str], list[str]]:
    """Return the virtual packages that all ``hosts``, which are of one platform, have, each in its lowest version; and warnings.

    ``said``: names that somebody decides upon anyway, which do not count. Raises Problem if a host did not tell all.
    """
    names = sorted({name for host in hosts for name in host.virtual_packages} - set(said))
    found = {}
    warnings = []
    for name in names:
        lacking = sorted(host.name for host in hosts if not host.virtual_packages.get(name))
        if lacking and name == "__cuda":
            has = "has" if len(lacking) == 1 else "have"
            warnings.append(
                f"{listed(lacking)} {has} no CUDA driver (or it does not answer), so the lock for {hosts[0].platform} is for hosts without "
                "one. Give hosts with GPUs a lock of their own, or say what all will have (virtual_packages, the role's "
                "conda_lock_virtual_packages)."
            )
        elif lacking:
            raise Problem(
                f"{listed(lacking)} did not tell {name}, which the other hosts for {hosts[0].platform} have: the lock would be for what "
                f"nobody has. Say what all have: virtual_packages (the role's conda_lock_virtual_packages), such as "
                f'{{"{hosts[0].platform}": {{"{name}": "..."}}}}.'
            )
        elif name == "__archspec":
            found[name] = _lowest_processor(hosts)
        elif name == "__linux":
            found[name] = _series(min((host.virtual_packages[name] for host in hosts), key=Version))
        else:
            found[name] = min((host.virtual_packages[name] for host in hosts), key=Version)
    return found, warnings


def lower(platform: str, left: t.Mapping[str, str], right: t.Mapping[str, str]) -> dict[str, str]:
    """Return what hosts of both kinds have: a CUDA driver only if both have one. Versions may have a build after a blank."""
    processors = {side.get("__archspec", "").split(" ")[-1] for side in (left, right)} - {""}
    found = {}
    for name in {*left, *right}:
        versions = [side[name] for side in (left, right) if side.get(name)]
        if len(versions) == 1 and name == "__cuda":
            continue
        if name == "__archspec" and processors:
            found[name] = _lowest(processors, platform)
        else:
            found[name] = min(versions, key=lambda text: Version(text.split(" ")[0]))
    return found


def listed(names: t.Sequence[str]) -> str:
    """Return the names for a sentence; of very many the first."""
    shown = names if len(names) <= _NAMED else [*names[: _NAMED - 1], f"{len(names) - _NAMED + 1} more"]
    return " and ".join(part for part in (", ".join(shown[:-1]), shown[-1]) if part)


def _series(kernel: str) -> str:
    """Return a kernel's version without its patch level, which every security update raises: the lock would be another one each time."""
    return ".".join(kernel.split(".")[:2])


def _lowest_processor(hosts: t.Sequence[Host]) -> str:
    return _lowest({host.virtual_packages["__archspec"] for host in hosts}, hosts[0].platform)


def _lowest(names: t.Collection[str], platform: str) -> str:
    if len(names) == 1:
        return next(iter(names))
    if all(name in LEVEL_OF for name in names):
        level = min(LEVEL_OF[name] for name in names)
        return "x86_64" if level == 1 else f"x86_64_v{level}"
    return _PROCESSORS.get(platform, platform.partition("-")[2])


def of_fleet(
    names: t.Sequence[str],
    variables: t.Mapping[str, t.Mapping[str, t.Any]],
    find: t.Callable[[str, str], str],
    beside: t.Callable[[str, str | None, str], str],
) -> list[Asked]:
    """Return the locks that the hosts ``names`` use, in the order of their paths. Raises Problem.

    ``variables``: by host, as Ansible's hostvars, of these and of all other hosts, which count where they use the same lock: what
    it is for does not depend on which hosts a run is limited to. ``find(file, host)``: the path of an input, raises Problem;
    ``beside(path, lock, host)``: that of its lock.
    """
    files: dict[str, str] = {}
    users: dict[str, list[str]] = {}
    known: dict[str, Host] = {}
    silent: dict[str, str] = {}
    for name in [*names, *sorted(set(variables) - set(names))]:
        facts = variables[name].get("conda_lock_host")
        if host := _told(name, facts):
            known[name] = host
        else:
            silent[name] = f"{name} ({_why_silent(facts)})"
        for entry in variables[name].get("conda_env_environments") or ():
            if not entry.get("file") or entry.get("state", "present") != "present":
                continue
            try:
                file = find(entry["file"], name)
            except Problem:
                if name in names:
                    raise
                continue  # it is none of the inputs that were found
            lock = beside(file, entry.get("lock"), name)
            if name not in names and lock not in files:
                continue
            if files.setdefault(lock, file) != file:
                raise Problem(f"{lock} would be made from {files[lock]} and from {file} (of {name}): give each a lock of its own.")
            if name not in users.setdefault(lock, []):
                users[lock].append(name)
    return [
        Asked(
            files[lock],
            lock,
            tuple(known[name] for name in using if name in known),
            tuple(silent[name] for name in using if name in silent),
        )
        for lock, using in sorted(users.items())
    ]


def _told(name: str, facts: t.Any) -> Host | None:
    """Return the host as it told about itself, or None if it did not, or not as it should."""
    if not isinstance(facts, dict) or not isinstance(facts.get("platform"), str) or not isinstance(facts.get("virtual_packages"), dict):
        return None
    found = {name: version for name, version in facts["virtual_packages"].items() if version}
    if all(isinstance(version, str) and (name == "__archspec" or is_version(version)) for name, version in found.items()):
        return Host(name, facts["platform"], found)
    return None


def is_version(text: str) -> bool:
    """Tell whether ``text`` can be compared as a version."""
    try:
        Version(text)
    except ValueError:
        return False
    return True


def _why_silent(facts: t.Any) -> str:
    if not isinstance(facts, dict):
        return "not asked"
    return "unreachable" if facts.get("unreachable") else "failed to answer"
