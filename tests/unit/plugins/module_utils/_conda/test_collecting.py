# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is old enough to go: a table of generations, clocks and reasons to stay."""

from __future__ import annotations

import pytest

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda import collecting
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.collecting import Policy
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.generations import Environment
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.holds import Hold
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.seal import Seal
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.steps import (
    Decision,
    EndHold,
    Flip,
    PutHold,
    RemoveGeneration,
)

DAY = 86400.0
NOW = 100 * DAY
NAMES = "abcdef"
GENERATIONS = [letter * 16 for letter in NAMES]


def found(active="f", **changes):
    """a to f were active one after the other, each until 10 days after the one before; a until day 10."""
    values = {
        "sealed": {one: Seal(one, "e", "linux-64", "", {}, {}, (), "", 1) for one in GENERATIONS},
        "last_active": {one: (index + 1) * 10 * DAY for index, one in enumerate(GENERATIONS[:-1])},
        **changes,
    }
    return Environment("e", "generation", active * 16, **values)


def decision(generation="f", steps=(), **changes):
    return Decision("e", changes.pop("state", "present"), list(steps), generation * 16, **changes)


def ages(**last):
    return {letter * 16: days * DAY if days is not None else None for letter, days in last.items()}


@pytest.mark.parametrize(
    ("what", "have", "pinned", "keep", "days", "expected"),
    [
        pytest.param(decision(), found(), "", 3, 14, "ba", id="beyond three"),
        pytest.param(decision(), found(), "", 0, 14, "edcba", id="beyond none"),
        pytest.param(decision(), found(), "", 0, 71, "ba", id="young ones stay"),
        pytest.param(decision(), found(), "", 0, 70, "cba", id="exactly so old goes"),
        pytest.param(decision(), found(), "", 9, 0, "", id="no more than are kept"),
        pytest.param(decision(), found(), "a", 3, 14, "b", id="pinned"),
        pytest.param(decision(), found(hold=Hold("l", "b" * 16, "", "")), "", 3, 14, "a", id="named by a hold"),
        pytest.param(
            decision(steps=[EndHold("e", "")]), found(hold=Hold("l", "b" * 16, "", "")), "", 3, 14, "ba", id="the hold ends"
        ),
        pytest.param(
            decision("a", [PutHold("e", "l", "f" * 16), Flip("e", "a" * 16, "")]), found(), "", 3, 14, "cb", id="rolling back"
        ),
        pytest.param(decision("g"), found(), "", 3, 14, "cba", id="what this run leaves is the latest of those kept"),
        pytest.param(decision("g"), found(), "", 0, 0, "edcba", id="what this run leaves is not removed by it"),
        pytest.param(decision(), found(last_active=ages(a=101, b=20, c=30)), "", 0, 14, "cb", id="in the future"),
        pytest.param(decision(), found(last_active=ages(a=None, b=20)), "", 0, 14, "b", id="unknown"),
        pytest.param(decision(), found(last_active={}), "", 0, 0, "", id="without any history"),
        pytest.param(decision(held={"lock": "l"}), found(), "", 0, 0, "", id="held: nothing changes"),
        pytest.param(decision(state="absent"), found(), "", 0, 0, "", id="absent has its own rule"),
    ],
)
def test_candidates(what, have, pinned, keep, days, expected):
    names = [letter * 16 for letter in pinned]
    result = collecting.candidates(what, have, names, Policy(keep, days, NOW))
    assert "".join(removal.generation[0] for removal in result) == expected


def test_what_is_in_use_is_kept_and_told():
    what = decision()
    old = collecting.candidates(what, found(), [], Policy(3, 14, NOW))
    collecting.settle(what, old, {"b" * 16: ["process 7 (python)"]})
    assert what.steps == [RemoveGeneration("e", "a" * 16, "last active 1970-01-11, beyond the 3 that are kept")]
    assert str(what.steps[0]) == f"e: remove generation {'a' * 16}, last active 1970-01-11, beyond the 3 that are kept"
    assert what.kept == {"b" * 16: ["process 7 (python)"]}
