# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Requirements for pip as they count for one target.

This plugin util is private to the collection.
"""

from __future__ import annotations

import typing as t
from urllib.parse import urldefrag

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.network import Network
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locks import normal_form
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locks.document import Entry
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._packaging import InvalidRequirement, Requirement
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._solving import uv
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._solving.wheel_choice import Runtime
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._specification.model import PipRequirement, Where


class Wanted(t.NamedTuple):
    """A line of the user, understood. ``name``: as PEP 503 compares it. ``hashes``: sha256 that its archive may have; empty: any."""

    name: str
    text: str
    where: Where
    requirement: Requirement
    hashes: frozenset[str] = frozenset()

    def for_uv(self, network: Network) -> str:
        """Return the requirement for uv, with credentials: of a direct reference without the hash, so that uv finds it itself."""
        url = self.requirement.url
        if not url:
            return self.text
        return self.text.replace(url, uv.with_credentials(urldefrag(url)[0], network), 1)


def applying(requirements: t.Sequence[PipRequirement], runtime: Runtime, python: str) -> list[Wanted]:
    """Return those requirements whose markers (PEP 508) hold for the target; raises one Problem for those that are none."""
    environment = {
        "implementation_name": "cpython",
        "implementation_version": python,
        "os_name": "posix",
        "platform_machine": runtime.machine,
        "platform_python_implementation": "CPython",
        "platform_release": "",
        "platform_system": "Linux",
        "platform_version": "",
        "python_full_version": python,
        "python_version": ".".join(map(str, runtime.python)),
        "sys_platform": "linux",
    }
    found = []
    wrong = []
    for one in requirements:
        try:
            requirement = Requirement(one.text)
        except InvalidRequirement:
            wrong.append(f"{one.where}: {one.text}")
            continue
        if requirement.marker is None or requirement.marker.evaluate(environment):
            found.append(Wanted(one.name, one.text, one.where, requirement, _hashes(one, requirement)))
    if wrong:
        raise Problem(normal_form.listing("These are no requirements of pip's (PEP 508)", wrong))
    return found


def _hashes(one: PipRequirement, requirement: Requirement) -> frozenset[str]:
    kind, _equals, digest = urldefrag(requirement.url or "")[1].partition("=")
    return one.hashes | {digest.lower()} if kind == "sha256" else one.hashes


def hashes(wanted: t.Iterable[Wanted]) -> dict[str, frozenset[str]]:
    """Return the sha256 that archives may have, by name, for those whose lines say it; what several lines say counts together."""
    found: dict[str, frozenset[str]] = {}
    for one in wanted:
        if one.hashes:
            found[one.name] = found.get(one.name, one.hashes) & one.hashes
    return found


def require_their_hashes(wanted: t.Iterable[Wanted], entries: t.Sequence[Entry]) -> None:
    """Raise one Problem that lists the wheels that have none of the hashes that are wanted, which uv is not told."""
    found = {entry.package.name: entry.package.sha256 for entry in entries}
    wrong = []
    for one in wanted:
        if one.hashes and one.name in found and found[one.name] not in one.hashes:
            meant = f"{min(one.hashes)} is" if len(one.hashes) == 1 else f"one of the {len(one.hashes)} of that line is"
            wrong.append(f"{one.where}: {one.name} has sha256 {found[one.name]}, but {meant} wanted")
    if wrong:
        raise Problem(normal_form.listing("These wheels are not those that were meant", wrong))
