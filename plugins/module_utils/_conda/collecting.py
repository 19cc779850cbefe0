# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which generations are old enough to be removed, once what uses them has been looked at.

This module util is private to the collection.
"""

from __future__ import annotations

import dataclasses
import datetime
import typing as t

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.generations import Environment
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.steps import (
    Decision,
    EndHold,
    PutHold,
    RemoveGeneration,
)

_DAY = 86400.0


@dataclasses.dataclass(frozen=True)
class Policy:
    """``keep``: generations beside the active one; ``keep_days``: since they were last active; ``now``: in seconds."""

    keep: int
    keep_days: int
    now: float


def candidates(decision: Decision, found: Environment, pinned: t.Collection[str], policy: Policy) -> list[RemoveGeneration]:
    """Return what would be removed if nothing uses it: nothing of an environment that is held, or leaves altogether.

    A generation whose last activity is unknown, or in the future of this host's clock, stays.
    """
    if decision.state == "absent" or decision.held:
        return []
    stays = {decision.generation, found.active, *pinned, *_held(decision, found)}
    aged: list[tuple[float, str]] = []
    for generation in found.sealed:
        last = found.last_active.get(generation)
        if generation not in stays and last is not None and last <= policy.now:
            aged.append((last, generation))
    aged.sort(reverse=True)
    # The one that this run leaves is the latest active.
    left = int(found.active is not None and found.active != decision.generation)
    result = []
    for last, generation in aged[max(policy.keep - left, 0) :]:
        if policy.now - last >= policy.keep_days * _DAY:
            day = datetime.datetime.fromtimestamp(last, datetime.timezone.utc).strftime("%Y-%m-%d")
            why = f"last active {day}, beyond the {policy.keep} that are kept"
            result.append(RemoveGeneration(decision.name, generation, why))
    return result


def settle(decision: Decision, old: t.Iterable[RemoveGeneration], uses: t.Mapping[str, list[str]]) -> None:
    """Add the removals to ``decision``; what is in use is kept and told."""
    for removal in old:
        if uses.get(removal.generation):
            decision.kept[removal.generation] = uses[removal.generation]
        else:
            decision.steps.append(removal)


def _held(decision: Decision, found: Environment) -> set[str]:
    """Return the generation that the hold names once the run has ended."""
    held = {found.hold.generation} if found.hold else set()
    for step in decision.steps:
        if isinstance(step, EndHold):
            held = set()
        elif isinstance(step, PutHold):
            held = {step.generation}
    return held
