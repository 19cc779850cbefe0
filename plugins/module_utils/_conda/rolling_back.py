# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Going back to an earlier generation, and staying there while a hold is on.

This module util is private to the collection.
"""

from __future__ import annotations

import dataclasses
import datetime
import typing as t

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.drift import Drift
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.generations import Environment
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.steps import Decision, EndHold, Flip, PutHold, Wanted
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem


def is_held(wanted: Wanted, found: Environment) -> bool:
    """A hold stops the very lock that was left, unless it is asked to end; a damaged hold (no digest) stops every lock."""
    return (
        wanted.hold and found.hold is not None and found.active is not None and found.hold.lock in ("", wanted.lock)
    )


def stay(decision: Decision, found: Environment) -> None:
    """The environment is held: report it, change nothing."""
    if found.hold is None:
        raise AssertionError("an environment without a hold is not held")
    decision.steps.clear()
    decision.held = dataclasses.asdict(found.hold)
    decision.generation, decision.after = found.active, decision.before
    decision.drift = found.drift.get(found.active or "", [])
    if decision.drift:
        decision.warnings.append(
            f"{decision.name}: is held after a roll-back and was changed since it was sealed: {_some(decision.drift)}"
        )


def generations_to_check(wanted: Wanted, found: Environment) -> list[str]:
    """Return which generations must be compared with their seals before ``decide`` can decide.

    That is the one to go back to, whatever else there is; all others only to tell which would do instead of a wrong one.
    """
    if _is_carried_out(wanted, found):
        return [found.active] if found.active else []
    target = wanted.generation or _previous(found)
    if target is None:
        return []
    if target in found.sealed and not found.drift.get(target):
        return [target]
    return [generation for generation in found.sealed if generation != found.active]


def decide(decision: Decision, wanted: Wanted, found: Environment) -> None:
    """Add what goes back to the generation that is asked for, or the one before; raises Problem where that cannot be."""
    name = decision.name
    if found.active is None:
        raise Problem(f"{name}: cannot be rolled back, there is no such environment on this host.")
    if _is_carried_out(wanted, found):
        if found.hold is not None and found.hold.generation != found.active:
            stay(decision, found)
            return
        decision.generation, decision.after = found.active, decision.before
        decision.drift = found.drift.get(found.active, [])
        if found.hold is not None:
            decision.steps.append(EndHold(name, f"generation {found.active} was never left"))
        return
    target = _check(wanted.generation or _previous(found), name, found)
    decision.generation, decision.after = target, found.packages_of(target)
    if found.hold and target == found.hold.generation:
        decision.steps += [Flip(name, target, "rolled back"), EndHold(name, f"generation {target} is active again")]
        return
    left, lock = found.active, found.sealed[found.active].lock if found.active in found.sealed else ""
    if found.hold and found.active != found.hold.generation:
        # Going back further: what must not be put back is still the lock that was left at first.
        left, lock = found.hold.generation, found.hold.lock
    decision.steps += [PutHold(name, lock, left), Flip(name, target, "rolled back")]


def _is_carried_out(wanted: Wanted, found: Environment) -> bool:
    """Tell whether the environment is where the roll-back leads to."""
    if wanted.generation is not None:
        return wanted.generation == found.active
    return found.hold is not None and found.active is not None and found.active != found.hold.generation


def _previous(found: Environment) -> str | None:
    """Return the generation that was active last before the present one and still exists."""
    for generation in reversed(found.history):
        if generation != found.active and generation in found.sealed:
            return generation
    return None


def _check(target: str | None, name: str, found: Environment) -> str:
    """Return ``target`` if it may become active; raises Problem with those that may."""
    if target is None:
        raise Problem(
            f"{name}: cannot be rolled back, no generation was active before {found.active}. " + _choice(found)
        )
    if target in found.unsealed:
        why = "it was never finished, or its seal is damaged."
    elif target not in found.sealed:
        why = "this host has no such generation of it."
    elif found.drift.get(target):
        why = "it was changed after it was sealed: " + _some(found.drift[target])
    else:
        return target
    raise Problem(f"{name}: cannot be rolled back to generation {target}, {why} " + _choice(found))


def _choice(found: Environment) -> str:
    """Return a sentence with the generations that could be gone back to, the latest active first."""
    fit = [one for one in found.sealed if one != found.active and not found.drift.get(one)]
    if not fit:
        return "There is no other generation on this host that could be used."
    fit.sort(key=lambda one: found.last_active.get(one) or 0.0, reverse=True)
    return "Generations that could be used: " + "; ".join(
        f"{one} ({len(found.packages_of(one))} packages, {_time(found.last_active.get(one))})" for one in fit
    ) + "."


def _time(seconds: float | None) -> str:
    if seconds is None:
        return "last active at an unknown time"
    when = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)
    return f"last active {when:%Y-%m-%d %H:%M} UTC"


def _some(drift: t.Sequence[Drift]) -> str:
    text = ", ".join(str(one) for one in drift[:3])
    return text + (f" and {len(drift) - 3} more" if len(drift) > 3 else "") + "."
