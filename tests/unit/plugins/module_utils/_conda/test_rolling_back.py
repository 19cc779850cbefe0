# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Going back: which generation, which hold, and what is refused with the choice that there is."""

from __future__ import annotations

import pytest

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda import rolling_back
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.drift import Drift
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.generations import Environment
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.holds import Hold
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.packages import Package
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.seal import Seal
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.steps import Decision, EndHold, Flip, PutHold, Wanted
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem

A, B, C = "a" * 16, "b" * 16, "c" * 16
SIX = Package("conda", "six", "1.0", "0", "noarch", "https://h/c/noarch/six-1.0-0.conda", "1" * 64)
HOLD = Hold(lock=f"lock of {C}", generation=C, since="2026-01-01T00:00:00+00:00", who="ann")
EDITED = [Drift("bin/x", "modified", 1000, 1.5)]


def found(active, **changes):
    sealed = {one: Seal(one, "e", "linux-64", f"lock of {one}", {}, {}, (SIX,), "", 1) for one in (A, B, C)}
    values = {"sealed": sealed, "history": (A, B, C), "last_active": {A: 0.0, B: 86400.0, C: None}, **changes}
    return Environment("e", "generation", active, **values)


def back(generation=None):
    return Wanted("e", "rolled_back", generation=generation)


def decide(wanted, have):
    decision = Decision("e", "rolled_back")
    rolling_back.decide(decision, wanted, have)
    return decision


@pytest.mark.parametrize(
    ("wanted", "have", "steps"),
    [
        pytest.param(back(), found(C), [PutHold("e", f"lock of {C}", C), Flip("e", B, "rolled back")], id="one back"),
        pytest.param(back(A), found(C), [PutHold("e", f"lock of {C}", C), Flip("e", A, "rolled back")], id="a named one"),
        pytest.param(back(), found(B, hold=HOLD), [], id="done already"),
        pytest.param(back(B), found(B, hold=HOLD), [], id="the named one is active"),
        pytest.param(back(B), found(B), [], id="the named one is active, and nothing was left"),
        pytest.param(
            back(A),
            found(B, hold=HOLD),
            [PutHold("e", f"lock of {C}", C), Flip("e", A, "rolled back")],
            id="further back, and still the first lock is what was left",
        ),
        pytest.param(
            back(C),
            found(B, hold=HOLD),
            [Flip("e", C, "rolled back"), EndHold("e", f"generation {C} is active again")],
            id="back to what was left ends the hold",
        ),
        pytest.param(
            back(), found(C, hold=HOLD), [PutHold("e", f"lock of {C}", C), Flip("e", B, "rolled back")], id="interrupted"
        ),
        pytest.param(
            back(C), found(C, hold=HOLD), [EndHold("e", f"generation {C} was never left")], id="interrupted, and not wanted"
        ),
        pytest.param(
            back(A),
            found(C, sealed={A: found(C).sealed[A]}, unsealed=(C,)),
            [PutHold("e", "", C), Flip("e", A, "rolled back")],
            id="the active one lost its seal: held against every lock",
        ),
    ],
)
def test_steps(wanted, have, steps):
    assert decide(wanted, have).steps == steps


@pytest.mark.parametrize(
    ("wanted", "have", "says"),
    [
        (back(), found(None), "e: cannot be rolled back, there is no such environment on this host"),
        (back(), found(A, history=(A,)), f"no generation was active before {A}. Generations that could be used: {B} "),
        (back("d" * 16), found(C), "has no such generation of it. Generations that could be used: "),
        (back(A), found(C, unsealed=(A,)), "it was never finished, or its seal is damaged. "),
        (back(A), found(C, drift={A: EDITED}), "it was changed after it was sealed: modified bin/x. "),
        (
            back(A),
            found(C, drift={A: EDITED}),
            f"could be used: {B} .1 packages, last active 1970-01-02 00:00 UTC..$",
        ),
        (back(A), found(C, drift={A: EDITED, B: EDITED}), "There is no other generation on this host"),
    ],
)
def test_refusals(wanted, have, says):
    with pytest.raises(Problem, match=says):
        decide(wanted, have)


def test_only_the_target_is_compared_with_its_seal_unless_another_must_be_offered():
    check = rolling_back.generations_to_check
    assert check(back(), found(C)) == [B]
    assert check(back(A), found(C, drift={A: []})) == [A]
    assert check(back(A), found(C, drift={A: EDITED})) == [A, B]
    assert check(back("d" * 16), found(C)) == [A, B]
    assert check(back(), found(B, hold=HOLD)) == [B]
    assert check(back(), found(None, sealed={}, history=())) == []


def test_while_it_is_held_the_result_says_so():
    decision = decide(back(), found(B, hold=HOLD, drift={B: EDITED}))
    assert decision.held == {"lock": HOLD.lock, "generation": C, "since": HOLD.since, "who": "ann"}
    assert decision.generation == B and "was changed since it was sealed: modified bin/x" in decision.warnings[0]


@pytest.mark.parametrize(
    ("lock", "hold", "expected"), [(HOLD.lock, True, True), ("another", True, False), (HOLD.lock, False, False)]
)
def test_a_hold_stops_the_lock_that_was_left(lock, hold, expected):
    assert rolling_back.is_held(Wanted("e", "present", lock, hold=hold), found(B, hold=HOLD)) is expected
