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
import typing as t

import pytest

from faults.environments.arena import Arena
from faults.environments.conftest import SEED

STEPS, TIMES, ENGINE, POWER = 8, 4, 4, 4
MODULE, CUT = "`kill -9` of the module", "power cut (the container is killed)"
SLOW = "slow python-"


def spread(kind: str, number: int, count: int) -> float:
    """Return a random place in the ``number``-th of ``count`` equal parts of the whole, which is 1."""
    return (number + random.Random(f"{SEED} {kind} {number}").random()) / count


@pytest.fixture(scope="module")
def whole(lab, pairs, matrix, tmp_path_factory) -> dict[str, t.Any]:
    """How long undisturbed builds take from the lock on: in seconds (of large, cold), and in steps by environment."""
    lab.scratch = tmp_path_factory.mktemp("whole")
    found: dict[str, t.Any] = {}
    for name in ("small", "large"):
        active = lab.observe(name)["active"]
        old, new = sorted(pairs[name], key=lambda target: target.generation != active)
        arena = Arena(lab, matrix, name, old, new)
        arena.set_up(SLOW, cold=True)
        tell_steps(arena, 0)
        watch = lab.strike(name=name, harm="nothing")
        assert not lab.apply(arena.wanted(), python="/opt/faults/python")[0].get("failed")
        found[name] = int(lab.console("wc -l < /run/faults-steps.log"))
        found["seconds"] = watch.result()["seconds"]
        arena.check_end()
    return found


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
        elif "/tree.json" in what:
            phase = "seal"
        elif "/envs/." in what:
            phase = "switch"
        elif "/history/" in what:
            phase = "after"
    return phase


@pytest.mark.parametrize("number", range(STEPS))
def test_the_module_is_killed_at_a_step(arena_of, whole, number):
    # Every other one where all is in the caches already, so that the steps at the end weigh more.
    arena = arena_of("small" if number % 2 else "large")
    arena.set_up(cold=arena.name == "small")
    steps = whole[arena.name]
    die_at = int(spread("step", number // 2, STEPS // 2) * steps) + 1
    tell_steps(arena, die_at)
    result = arena.lab.apply(arena.wanted(), python="/opt/faults/python")
    log = arena.lab.console("cat /run/faults-steps.log; rm -f /run/faults-steps.json").splitlines()
    died = len(log) == die_at
    assert died == bool(result[0].get("failed")), (die_at, log[-1], result)
    seen = arena.after_the_fault()
    how = arena.recover(seen)
    print(f"{arena.name}, step {die_at} of {steps}: {log[-1]}: {arena.is_active(seen)}, {how}")
    if died:
        arena.matrix.note(MODULE, phase_of(log), f"{arena.is_active(seen)}, {how}")


@pytest.mark.parametrize("number", range(TIMES))
def test_the_module_is_killed_at_a_time(large: Arena, whole, number):
    kill(large, "module", signal.SIGKILL, spread("time", number, TIMES) * whole["seconds"], MODULE)


@pytest.mark.parametrize("number", range(ENGINE))
def test_the_engine_is_killed(large: Arena, whole, number):
    at = spread("engine", number, ENGINE) * whole["seconds"]
    kill(large, "engine", signal.SIGKILL, at, "`kill -9` of the engine, uv or the compiler")


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_the_module_is_told_to_end(large: Arena, whole, name):
    kill(large, "module", signal.Signals[name], spread(name, 0, 1) * whole["seconds"], f"{name} to the module")


def kill(arena: Arena, victim: str, number: int, at: float, fault: str) -> None:
    """Send a signal ``at`` seconds after the lock was taken, and see that all is well."""
    arena.set_up(SLOW, cold=True)
    strike = arena.lab.strike(name=arena.name, harm="kill", victim=victim, signal=number, at=at)
    result = arena.lab.apply(arena.wanted())
    struck = strike.result()
    seen = arena.after_the_fault()
    # It may have come too late, and a signal may be ignored: then it went on to its end.
    failed = result[0].get("failed", False)
    assert failed or seen["active"] == arena.new.generation
    how = arena.recover(seen)
    print(f"{fault} {at:.2f} s after the lock: {struck}: {result[0].get('msg')}: {arena.is_active(seen)}, {how}")
    if struck["phase"] != "ended":
        arena.matrix.note(fault, struck["phase"], f"{arena.is_active(seen)}, {how}" if failed else "the run goes on to its end")


@pytest.mark.parametrize("number", range(POWER))
def test_the_power_is_cut(large: Arena, whole, number):
    large.set_up(SLOW, cold=True)
    at = spread("power", number, POWER) * whole["seconds"]
    strike = large.lab.strike(name=large.name, harm="freeze", at=at)
    run = large.lab.begin(large.wanted())
    struck = strike.result()
    run.kill()
    large.lab.power_cycle()
    seen = large.after_the_fault(rebooted=True)
    how = large.recover(seen, rebooted=True)
    print(f"power cut {at:.2f} s after the lock: {struck}: {large.is_active(seen)}, {how}")
    if struck["phase"] != "ended":
        large.matrix.note(CUT, struck["phase"], f"{large.is_active(seen)}, {how}")


def test_the_power_is_cut_right_after_the_module_said_ok(small: Arena):
    small.set_up()
    assert not small.lab.apply(small.wanted())[0].get("failed")
    small.lab.power_cycle()
    seen = small.after_the_fault(rebooted=True)
    small.check_end(rebooted=True)
    small.matrix.note(CUT, "after", f"{small.is_active(seen)}, {small.recover(seen, rebooted=True)}")
