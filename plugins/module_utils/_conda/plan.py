# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What has to be done: a pure function of the wanted environments and of what the host has.

This module util is private to the collection.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda import packages
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.drift import Drift
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.generations import Environment
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.packages import Package
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.steps import (
    Build,
    Decision,
    Discard,
    EndHold,
    Flip,
    Forget,
    PutHold,
    RemoveGeneration,
    RemoveLink,
    Undo,
    Wanted,
)
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.store import Store, generation_id, split_generation
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem

#: Paths of drift that one sentence or diff lists; the result has all of them up to ``DRIFT_RETURNED``.
DRIFT_SHOWN = 20
DRIFT_RETURNED = 500


def decide(wanted: Wanted, found: Environment, store: Store, engine: t.Mapping[str, str]) -> Decision:
    """Return what brings ``found`` to ``wanted``; raises Problem where that would touch what is not ours."""
    if found.link in ("directory", "foreign"):
        what = "a directory" if found.link == "directory" else "something else"
        raise Problem(
            f"{wanted.name}: {store.link(wanted.name)} is {what} that this collection did not make; it is left "
            "untouched. Rename or remove it, or choose another name or root, then run again."
        )
    decision = Decision(wanted.name, wanted.state)
    decision.before = _packages_of(found, found.active)
    # Never the active one, nor one in use: a lost seal is drift, not an unfinished build.
    litter = [name for name in found.unsealed if name != found.active and name not in found.users]
    decision.steps += [Discard(wanted.name, generation) for generation in litter]
    if wanted.state == "absent":
        _decide_absent(decision, found)
    elif wanted.state == "rolled_back":
        _decide_rolled_back(decision, found)
    else:
        _decide_present(decision, wanted, found, engine)
    return decision


def identity_of(wanted: Wanted, engine: t.Mapping[str, str]) -> str:
    """Return the id of the generation that ``wanted`` asks for."""
    if wanted.lock is None:
        raise AssertionError("an environment without a lock has no generation")
    return generation_id(wanted.name, wanted.lock, wanted.options, engine)


def generations_to_check(wanted: Wanted, found: Environment, engine: t.Mapping[str, str]) -> list[str]:
    """Return which generations must be compared with their seals before ``decide`` can decide."""
    active = [found.active] if found.active else []
    if wanted.state == "rolled_back":
        previous = _previous(found)
        return active + ([previous] if previous else [])
    if wanted.state == "present" and not _is_held(wanted, found):
        builds = found.builds_of(identity_of(wanted, engine))
        return active if found.active in builds else builds
    return active if wanted.state == "present" else []


def _decide_present(
    decision: Decision, wanted: Wanted, found: Environment, engine: t.Mapping[str, str]
) -> None:
    name = wanted.name
    if _is_held(wanted, found):
        _stay(decision, found)
        return
    identity = identity_of(wanted, engine)
    builds = found.builds_of(identity)
    if found.active in builds:
        decision.drift = found.drift.get(found.active, [])
    elif found.active in found.unsealed:
        decision.drift = [Drift("../../seal.json", "removed")]
    intact = [generation for generation in builds if not found.drift.get(generation)]
    if found.active in intact:
        decision.generation, decision.after = found.active, decision.before
    elif found.active not in builds and intact:
        decision.generation, decision.after = intact[0], _packages_of(found, intact[0])
        decision.steps.append(Flip(name, intact[0], "lock"))
    else:
        # A generation that was tampered with is not patched: processes may use it. It is built anew beside it.
        taken = {*builds, *found.unsealed} - {step.generation for step in decision.steps}
        decision.generation = _next_build(identity, taken)
        decision.steps += [Undo(name, drift) for drift in decision.drift[:DRIFT_RETURNED]]
        decision.steps.append(Build(wanted, decision.generation))
        decision.steps.append(Flip(name, decision.generation, "drift" if decision.drift else "lock"))
        decision.needs_packages = wanted.packages is None
        decision.after = wanted.packages or ()
    if found.active in found.unsealed and found.active not in found.users:
        # Nothing tells it from what was never finished, so the next run would remove it: it goes with the switch.
        decision.steps.append(RemoveGeneration(name, found.active))
    if found.hold:
        decision.steps.append(EndHold(name))


def _decide_rolled_back(decision: Decision, found: Environment) -> None:
    name = decision.name
    if found.hold and found.active != found.hold.generation:
        _stay(decision, found)
        return
    if found.active is None:
        raise Problem(f"{name}: cannot be rolled back, there is no such environment on this host.")
    previous = _previous(found)
    if previous is None:
        raise Problem(f"{name}: cannot be rolled back, generation {found.active} is the only one on this host.")
    drift = found.drift.get(previous)
    if drift:
        raise Problem(
            f"{name}: cannot be rolled back to generation {previous}, it was changed after it was sealed: "
            + _some(drift)
        )
    lock = found.sealed[found.active].lock if found.active in found.sealed else ""
    decision.generation, decision.after = previous, _packages_of(found, previous)
    decision.steps += [PutHold(name, lock, found.active), Flip(name, previous, "rolled back")]


def _decide_absent(decision: Decision, found: Environment) -> None:
    name = decision.name
    if found.link == "generation":
        decision.steps.append(RemoveLink(name))
    for generation in sorted(found.sealed):
        users = found.users.get(generation)
        if users:
            decision.kept[generation] = users
        else:
            decision.steps.append(RemoveGeneration(name, generation))
    if found.hold or found.history:
        decision.steps.append(Forget(name))
    if decision.kept:
        decision.warnings.append(
            f"{name}: generations that processes still use are kept until a later run: "
            + "; ".join(f"{generation} by {_ids(ids)}" for generation, ids in sorted(decision.kept.items()))
        )


def _stay(decision: Decision, found: Environment) -> None:
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


def _is_held(wanted: Wanted, found: Environment) -> bool:
    """A hold stops the very lock that was left; a damaged hold (no digest) stops every lock."""
    return found.hold is not None and found.active is not None and found.hold.lock in ("", wanted.lock)


def _previous(found: Environment) -> str | None:
    """Return the generation that was active last before the present one and still exists."""
    for generation in reversed(found.history):
        if generation != found.active and generation in found.sealed:
            return generation
    return None


def _next_build(identity: str, taken: t.Collection[str]) -> str:
    """Return the first name for a further build of ``identity`` that comes after all that exist."""
    numbers = [parts[1] for parts in map(split_generation, taken) if parts and parts[0] == identity]
    return f"{identity}-{max(numbers) + 1}" if numbers else identity


def _packages_of(found: Environment, generation: str | None) -> tuple[Package, ...]:
    known = found.sealed.get(generation or "")
    return known.packages if known else ()


def difference(decision: Decision) -> dict[str, list[t.Any]]:
    """Return the packages added, removed and changed, each as a sentence or pair of sentences."""
    result: dict[str, list[t.Any]] = {"added": [], "removed": [], "changed": []}
    for change in packages.changes(decision.before, decision.after):
        if change.before is None and change.after is not None:
            result["added"].append(_entry(change.after))
        elif change.after is None and change.before is not None:
            result["removed"].append(_entry(change.before))
        elif change.before is not None and change.after is not None:
            result["changed"].append({"before": _entry(change.before), "after": _entry(change.after)})
    return result


def _entry(package: Package) -> dict[str, str]:
    return {
        "manager": package.manager,
        "name": package.name,
        "version": package.version,
        "build": package.build,
        "sha256": package.sha256,
    }


def diff(decision: Decision, active: str | None) -> dict[str, str] | None:
    """Return Ansible's diff of one environment: only packages and paths that differ, grouped; None if nothing does."""
    if not decision.steps:
        return None
    before: list[str] = []
    after: list[str] = []
    for manager in ("conda", "pip"):
        some = [c for c in packages.changes(decision.before, decision.after) if c.manager == manager]
        if not some:
            continue
        before.append(f"{manager}:")
        after.append(f"{manager}:")
        before += [f"  {change.before.label}" for change in some if change.before]
        after += [f"  {change.after.label}" for change in some if change.after]
    if decision.drift:
        before.append("changed since it was sealed:")
        before += [f"  {drift}" for drift in decision.drift[:DRIFT_SHOWN]]
        if len(decision.drift) > DRIFT_SHOWN:
            before.append(f"  and {len(decision.drift) - DRIFT_SHOWN} more")
    return {
        "before_header": f"{decision.name} ({f'generation {active}' if active else 'absent'})",
        "after_header": f"{decision.name} ({f'generation {decision.generation}' if decision.generation else 'absent'})",
        "before": "".join(line + "\n" for line in before),
        "after": "".join(line + "\n" for line in after),
    }


def _some(drift: t.Sequence[Drift]) -> str:
    text = ", ".join(str(one) for one in drift[:3])
    return text + (f" and {len(drift) - 3} more" if len(drift) > 3 else "") + "."


def _ids(ids: t.Sequence[int]) -> str:
    return ("process " if len(ids) == 1 else "processes ") + ", ".join(str(one) for one in ids[:5])
