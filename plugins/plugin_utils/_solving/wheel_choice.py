# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which wheel of a release suits a target best: by its tags (PEP 425, PEP 427, PEP 600) and the target's C library.

This plugin util is private to the collection.
"""

from __future__ import annotations

import typing as t

from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._packaging import (
    InvalidWheelFilename,
    Tag,
    compatible_tags,
    cpython_tags,
    parse_wheel_filename,
)

#: The machine that each platform is called in tags. Hosts of other platforms get no pip packages.
MACHINES = {"linux-64": "x86_64", "linux-aarch64": "aarch64"}

#: Tags from before PEP 600, by machine and the C library (minor version of glibc 2) that they stand for.
_LEGACY = {
    "x86_64": {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"},
    "aarch64": {17: "manylinux2014"},
}


class Runtime(t.NamedTuple):
    """What wheels must suit. ``python``: major and minor version of CPython. ``glibc``: major and minor version."""

    python: tuple[int, int]
    machine: str
    glibc: tuple[int, int]

    def __str__(self) -> str:
        platform = next(name for name, machine in MACHINES.items() if machine == self.machine)
        return f"{platform} with Python {'.'.join(map(str, self.python))} and glibc {'.'.join(map(str, self.glibc))}"


def platform_tags(machine: str, glibc: tuple[int, int]) -> list[str]:
    """Return the platform tags that a Linux host can load, the newest C library first."""
    legacy = _LEGACY.get(machine, {})
    oldest = min(legacy, default=17)
    tags = []
    # glibc 2 is the only one there is (PEP 600 leaves room for a 3, which then could load what was made for 2).
    for minor in range(glibc[1] if glibc[0] == 2 else 0, oldest - 1, -1):
        tags.append(f"manylinux_2_{minor}_{machine}")
        if minor in legacy:
            tags.append(f"{legacy[minor]}_{machine}")
    return [*tags, f"linux_{machine}"]


def ranks(runtime: Runtime) -> dict[Tag, int]:
    """Return all tags that suit, with 0 for the best one."""
    version = "".join(map(str, runtime.python))
    platforms = platform_tags(runtime.machine, runtime.glibc)
    tags = [
        *cpython_tags(runtime.python, [f"cp{version}"], platforms),
        *compatible_tags(runtime.python, f"cp{version}", platforms),
    ]
    return {tag: rank for rank, tag in reversed(list(enumerate(tags)))}


def best(names: t.Iterable[str], suiting: t.Mapping[Tag, int]) -> str | None:
    """Return the file name of the wheel to install, None if none suits; what is no name of a wheel does not count.

    ``suiting``: see ``ranks``. Of wheels with the same tags the one with the highest build number wins (PEP 427), then the
    first by name, so that the choice does not depend on the order of ``names``.
    """
    found = []
    for name in sorted(set(names)):
        try:
            _name, _version, build, tags = parse_wheel_filename(name)
        except InvalidWheelFilename:
            continue
        rank = min((suiting[tag] for tag in tags if tag in suiting), default=None)
        if rank is not None:
            found.append((-rank, build, name))
    # ``max`` keeps the first of equals, which is the first by name.
    return max(found, key=lambda one: one[:2])[2] if found else None
