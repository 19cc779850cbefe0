# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Others at work meanwhile: a second controller, a user who edits files in place, and a clock that jumps."""

from __future__ import annotations

import datetime
import json

import pytest

from faults.environments.arena import Arena
from faults.environments.laboratory import results

#: The first run is stopped for so long that the second meets it.
LINGER = {"at": 0.05, "harm": "command", "command": "sleep 3"}


def two(arena: Arena, first: dict, second: dict) -> tuple[dict, dict]:
    """Run two controllers at once; return their results."""
    strike = arena.lab.strike(name=arena.name, **LINGER)
    runs = [arena.lab.begin(first), arena.lab.begin(second, again="-second")]
    for run in runs:
        run.wait(300)
    assert strike.result()["phase"] != "ended"
    one, other = (results(run)[0] for run in runs)
    assert not one.get("failed") and not other.get("failed"), (one, other)
    return one, other


def test_two_controllers_want_the_same(small: Arena):
    small.set_up()
    one, other = two(small, small.wanted(), small.wanted())
    assert sorted([one["changed"], other["changed"]]) == [False, True]
    seen = small.after_the_fault()
    small.check_end()
    small.matrix.note("two controllers, the same lock", "before", f"one builds, the other waits, {small.recover(seen)}")


def test_two_controllers_want_different_locks(small: Arena):
    small.set_up()
    # The generation of the old lock is spoilt, so that both have something to build.
    small.lab.console(f"echo spoilt > {small.prefix(small.old)}/spoilt; systemctl stop job-of-a-user")
    two(small, small.wanted(), small.former())
    end = small.lab.observe(small.name)
    assert end["active"] in (small.new.generation, f"{small.old.generation}-2")
    assert end["damage"] == [] and end["litter"] == [] and end["lock"] == []
    assert end["trees"].get(small.new.generation, small.new.tree) == small.new.tree
    again = small.lab.apply(small.former(), small.wanted(), small.wanted())
    assert not any(one.get("failed") for one in again) and again[2]["changed"] is False
    small.lab.console(f"rm -rf {small.lab.root}/generations/{small.old.generation}*")
    small.check_end(rebooted=True)
    small.matrix.note("two controllers, different locks", "before", "one after the other, the last one wins")


def test_one_of_two_controllers_is_killed_on_the_host(small: Arena):
    small.set_up()
    strike = small.lab.strike(name=small.name, at=0.05, harm="kill", victim="module", signal=9, linger=2.0)
    runs = [small.lab.begin(small.wanted()), small.lab.begin(small.wanted(), again="-second")]
    for run in runs:
        run.wait(300)
    assert strike.result()["phase"] != "ended"
    assert sorted(bool(results(run)[0].get("failed")) for run in runs) == [False, True]
    seen = small.after_the_fault()
    small.check_end()
    small.matrix.note("two controllers, one module is killed", "fetch", f"the other one takes over, {small.recover(seen)}")


@pytest.mark.parametrize("phase", ["fetch", "link", "bytecode"])
def test_a_user_edits_a_file_of_the_active_generation(large: Arena, phase):
    """In place, so in the cache too, which shares the file through a hard link: it must not get into the new generation."""
    large.set_up("slow humanize", "slow einops", "slow tabulate")
    edited = f"{large.prefix(large.old)}/lib/python3.11/this.py"
    if phase == "fetch":
        large.lab.console(f"rm -rf {large.lab.root}/cache/archives")
    strike = large.lab.strike(name=large.name, phase=phase, harm="command", command=f"echo edited >> {edited}")
    result = large.lab.apply(large.wanted())[0]
    struck = strike.result()
    assert struck["phase"] == phase and not struck["said"], struck
    seen = large.lab.observe(large.name)
    if result.get("failed"):
        assert "was edited while" in result["msg"] and seen["damage"] == ["not as sealed: lib/python3.11/this.py"], result
        assert seen["litter"] == []
        what = "the run notices it and fails, old stays"
    else:
        what = "the new generation does not have it"
    print(f"edited while {phase}: {struck}: {result.get('msg')}")
    large.lab.console("systemctl stop job-of-a-user", check=False)
    large.matrix.note("a user edits the active generation", phase, f"{what}, {large.recover(seen, rebooted=True)}")


@pytest.mark.parametrize("days", [400, -400])
def test_the_clock_jumps(small: Arena, days):
    small.set_up()
    clock = "/run/faults-clock"
    small.lab.console(f"echo 0 > {clock}")
    strike = small.lab.strike(name=small.name, phase="link", harm="command", command=f"echo {days * 86400} > {clock}")
    first, second = small.lab.apply(small.wanted(), small.wanted(), python="/opt/faults/python")
    assert not first.get("failed") and first["changed"], first
    assert strike.result()["phase"] == "link"
    assert not second.get("failed") and second["changed"] is False, second
    since = json.loads(small.lab.console(f"rm {clock}; tail -1 {small.lab.root}/history/small.jsonl"))["since"]
    switched, now = datetime.datetime.fromisoformat(since), datetime.datetime.now(datetime.timezone.utc)
    assert abs((switched - now).days) > 300, "the module did not see the clock jump"
    seen = small.after_the_fault()
    small.check_end()
    what = small.recover(seen)
    # And the right time again: the former lock, then this one, as on any other day.
    again = small.lab.apply(small.former(), small.wanted(), small.wanted())
    assert not any(one.get("failed") for one in again) and again[1]["changed"] and not again[2]["changed"]
    small.check_end()
    small.matrix.note("the clock jumps by 400 days, ahead or back", "link", f"the run goes on to its end, {what}")
