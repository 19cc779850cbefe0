# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What has to be done: a pure function of the wanted environments and of what the host has.

This module util is private to the collection.
"""

from __future__ import annotations

import typing as t

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda import packages, rolling_back, unmanaged
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.drift import DRIFT_RETURNED, Drift
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.generations import Environment
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.packages import Package
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.steps import (
    Build,
    Decision,
    Discard,
    EndHold,
    Exchange,
    Flip,
    Forget,
    RemoveGeneration,
    RemoveLink,
    Try,
    Undo,
    Wanted,
)
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.store import Store, generation_id, split_generation
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem

#: Paths of drift that one sentence or diff lists; the result has all of them up to ``DRIFT_RETURNED``.
DRIFT_SHOWN = 20


def decide(wanted: Wanted, found: Environment, store: Store, engine: t.Mapping[str, str]) -> Decision:
    """Return what brings ``found`` to ``wanted``; raises Problem where that would touch what is not ours."""
    decision = Decision(wanted.name, wanted.state)
    if found.link in ("directory", "foreign") and not _may_exchange(wanted, found, store, decision):
        return decision
    decision.before = found.directory.packages or () if found.directory else found.packages_of(found.active)
    # Never the active one, nor one in use: a lost seal is drift, not an unfinished build.
    litter = [name for name in found.unsealed if name != found.active and name not in found.users]
    decision.steps += [Discard(wanted.name, generation) for generation in litter]
    if wanted.state == "absent":
        _decide_absent(decision, wanted, found)
    elif wanted.state == "rolled_back":
        rolling_back.decide(decision, wanted, found)
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
        return rolling_back.generations_to_check(wanted, found)
    if wanted.state == "present" and not rolling_back.is_held(wanted, found):
        builds = found.builds_of(identity_of(wanted, engine))
        return active if found.active in builds else builds
    return active if wanted.state == "present" else []


def _may_exchange(wanted: Wanted, found: Environment, store: Store, decision: Decision) -> bool:
    """Tell whether what stands in the link's place may be exchanged; raises Problem, with a comparison where one is due.

    Where that needs the lock's packages first, ``decision`` says so.
    """
    path = store.link(wanted.name)
    what = "a directory" if found.link == "directory" else "something else"
    refusal = f"{wanted.name}: {path} is {what} that this collection did not make; it is left untouched."
    if found.directory is None or wanted.state != "present":
        raise Problem(f"{refusal} Rename or remove it, or choose another name or root, then run again.")
    if wanted.replace_unmanaged:
        unmanaged.check_unused(wanted.name, path, found.directory.users)
        return True
    if wanted.packages is None:
        decision.needs_packages = True
        return False
    raise Problem(
        f"{refusal} {unmanaged.compare(found.directory, wanted.packages)} Rename or remove it, choose another name or root, "
        "or have it exchanged and kept beside (replace_unmanaged: true), then run again."
    )


def _decide_present(
    decision: Decision, wanted: Wanted, found: Environment, engine: t.Mapping[str, str]
) -> None:
    name = wanted.name
    if rolling_back.is_held(wanted, found):
        rolling_back.stay(decision, found)
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
        decision.generation, decision.after = intact[0], found.packages_of(intact[0])
        decision.steps.append(_switch(found, name, intact[0], "lock"))
    else:
        # A generation that was tampered with is not patched: processes may use it. It is built anew beside it.
        taken = {*builds, *found.unsealed} - {step.generation for step in decision.steps}
        decision.generation = _next_build(identity, taken)
        decision.steps += [Undo(name, drift) for drift in decision.drift[:DRIFT_RETURNED]]
        decision.steps.append(Build(wanted, decision.generation))
        if wanted.smoke:
            decision.steps.append(Try(name, decision.generation, wanted.smoke))
            decision.not_predicted.append(f"{name}: whether generation {decision.generation} passes its smoke test")
        decision.steps.append(_switch(found, name, decision.generation, "drift" if decision.drift else "lock"))
        decision.needs_packages = wanted.packages is None
        decision.after = wanted.packages or ()
    if found.active in found.unsealed and found.active not in found.users:
        # Nothing tells it from what was never finished, so the next run would remove it: it goes with the switch.
        decision.steps.append(RemoveGeneration(name, found.active))
    if found.hold:
        decision.steps.append(EndHold(name, "another lock is wanted" if wanted.hold else "as asked for"))


def _switch(found: Environment, name: str, generation: str, why: str) -> Exchange | Flip:
    return Exchange(name, generation) if found.directory else Flip(name, generation, why)


def _decide_absent(decision: Decision, wanted: Wanted, found: Environment) -> None:
    name = decision.name
    if found.link == "generation":
        decision.steps.append(RemoveLink(name))
    used = []
    for generation in sorted(found.sealed):
        users = found.users.get(generation)
        if users:
            used.append(f"{generation} by {_ids(users)}")
            decision.kept[generation] = [f"process {number}" for number in users]
        elif generation in wanted.pinned:
            decision.kept[generation] = ["pinned"]
        else:
            decision.steps.append(RemoveGeneration(name, generation))
    if found.hold or found.history:
        decision.steps.append(Forget(name))
    if used:
        decision.warnings.append(
            f"{name}: generations that processes still use are kept until a later run: " + "; ".join(used)
        )


def _next_build(identity: str, taken: t.Collection[str]) -> str:
    """Return the first name for a further build of ``identity`` that comes after all that exist."""
    numbers = [parts[1] for parts in map(split_generation, taken) if parts and parts[0] == identity]
    return f"{identity}-{max(numbers) + 1}" if numbers else identity


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


def _ids(ids: t.Sequence[int]) -> str:
    return ("process " if len(ids) == 1 else "processes ") + ", ".join(str(one) for one in ids[:5])
