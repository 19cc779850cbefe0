# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Twenty kills at random points of a build: of the module, of the engine, and of the whole host.

Half of the module's are at random steps (what changes a file of the store is a step), so that the quick ones at the end are
struck too; the others at random times. Each kind is spread over the whole of the build.
"""

from __future__ import annotations

import json
import random
import signal

import pytest

from faults.environments.arena import Arena
from faults.environments.conftest import SEED

BY_STEP, BY_TIME, ENGINE, POWER = 8, 4, 4, 4


def spread(kind: str, number: int, count: int) -> float:
    """Return a random place in the ``number``-th of ``count`` equal parts of the whole, which is 1."""
    return (number + random.Random(f"{SEED} {kind} {number}").random()) / count


@pytest.fixture(scope="module")
def whole(lab, targets, matrix, tmp_path_factory) -> dict[str, float]:
    """How long an undisturbed build takes from the lock on, in seconds and in steps."""
    lab.scratch = tmp_path_factory.mktemp("whole")
    active = lab.observe()["active"]
    old, new = sorted(targets, key=lambda target: target.generation != active)
    arena = Arena(lab, matrix, old, new)
    arena.set_up("slow python-", cold=True)
    tell_steps(arena, 0)
    watch = lab.strike(harm="nothing")
    assert not lab.apply(arena.wanted(), python="/opt/faults/python")[0].get("failed")
    steps = lab.console("wc -l < /run/faults-steps.log")
    arena.check_end()
    return {"seconds": watch.result()["seconds"], "steps": int(steps)}


def tell_steps(arena: Arena, die_at: int) -> None:
    """Say at which step the run is to die."""
    content = json.dumps({"root": arena.lab.root, "die_at": die_at})
    arena.lab.console(f"rm -f /run/faults-steps.log; printf '%s' '{content}' > /run/faults-steps.json")


def phase_of(lines: list[str]) -> str:
    """Return the phase that the last of the steps belongs to."""
    phase = "fetch"
    for line in lines:
        _number, event, what = line.split(" ", 2)
        if event == "subprocess.Popen":
            phase = "wheels" if "/uv" in what else "bytecode" if "/generations/" in what else "link"
        elif "/tree.json" in what or "/.tree.json" in what:
            phase = "seal"
        elif "/envs/." in what:
            phase = "switch"
        elif "/history/" in what:
            phase = "after"
    return phase


@pytest.mark.parametrize("number", range(BY_STEP))
def test_the_module_is_killed_at_a_step(arena: Arena, whole, number):
    arena.set_up(cold=True)
    die_at = int(spread("step", number, BY_STEP) * whole["steps"]) + 1
    tell_steps(arena, die_at)
    result = arena.lab.apply(arena.wanted(), python="/opt/faults/python")
    steps = arena.lab.console("cat /run/faults-steps.log").splitlines()
    assert len(steps) == die_at, f"it was to die at step {die_at} of {whole['steps']}"
    assert all(one.get("failed") for one in result)
    arena.lab.console("rm -f /run/faults-steps.json")
    seen = arena.after_the_fault()
    how = arena.recover(seen)
    print(f"step {die_at} of {whole['steps']}: {steps[-1]}: {arena.is_active(seen)}, {how}")
    arena.matrix.note("kill -9 of the module", phase_of(steps), f"{arena.is_active(seen)}, {how}")


@pytest.mark.parametrize("number", range(BY_TIME))
def test_the_module_is_killed_at_a_time(arena: Arena, whole, number):
    kill(arena, "module", signal.SIGKILL, spread("time", number, BY_TIME) * whole["seconds"], "kill -9 of the module")


@pytest.mark.parametrize("number", range(ENGINE))
def test_the_engine_is_killed(arena: Arena, whole, number):
    kill(arena, "engine", signal.SIGKILL, spread("engine", number, ENGINE) * whole["seconds"], "kill -9 of the engine")


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_the_module_is_told_to_end(arena: Arena, whole, name):
    kill(arena, "module", signal.Signals[name], spread(name, 0, 1) * whole["seconds"], f"{name} to the module")


def kill(arena: Arena, victim: str, number: int, at: float, fault: str) -> None:
    """Send a signal ``at`` seconds after the lock was taken, and see that all is well."""
    arena.set_up("slow python-", cold=True)
    strike = arena.lab.strike(harm="kill", victim=victim, signal=number, at=at)
    result = arena.lab.apply(arena.wanted())
    struck = strike.result()
    seen = arena.after_the_fault()
    # It may have got over it: an engine that dies is started again, and it may have been too late.
    failed = result[0].get("failed", False)
    assert failed or seen["active"] == arena.new.generation
    how = arena.recover(seen)
    print(f"{fault} {at:.2f} s after the lock: {struck}: {result[0].get('msg')}: {arena.is_active(seen)}, {how}")
    if struck["phase"] != "ended":
        arena.matrix.note(fault, struck["phase"], f"{arena.is_active(seen)}, {how}" if failed else "this run builds it all the same")


@pytest.mark.parametrize("number", range(POWER))
def test_the_power_is_cut(arena: Arena, whole, number):
    arena.set_up("slow python-", cold=True)
    at = spread("power", number, POWER) * whole["seconds"]
    strike = arena.lab.strike(harm="freeze", at=at)
    run = arena.lab.begin(arena.wanted())
    struck = strike.result()
    arena.lab.bed("kill", arena.lab.name)
    run.kill()
    arena.lab.power_cycle()
    seen = arena.after_the_fault(rebooted=True)
    how = arena.recover(seen, rebooted=True)
    print(f"power cut {at:.2f} s after the lock: {struck}: {arena.is_active(seen)}, {how}")
    if struck["phase"] != "ended":
        arena.matrix.note("power cut (container killed)", struck["phase"], f"{arena.is_active(seen)}, {how}")


def test_the_power_is_cut_right_after_the_module_said_ok(arena: Arena):
    arena.set_up()
    assert not arena.lab.apply(arena.wanted())[0].get("failed")
    arena.lab.bed("kill", arena.lab.name)
    arena.lab.power_cycle()
    arena.check_end(rebooted=True)
    seen = arena.after_the_fault(rebooted=True)
    arena.matrix.note("power cut (container killed)", "after", f"{arena.is_active(seen)}, {arena.recover(seen, rebooted=True)}")
