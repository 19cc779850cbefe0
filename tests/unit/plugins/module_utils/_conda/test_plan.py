# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""``plan.decide``: a table of what a host has and what follows."""

from __future__ import annotations

import dataclasses

import pytest

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda import plan
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.drift import Drift
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.generations import Environment
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.holds import Hold
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.packages import Package, changes, digest_of, from_data, to_data
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.seal import Seal
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.smoke import SmokeTest
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.steps import ORDER, Wanted
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.store import Store, generation_id
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.unmanaged import Directory
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem

STORE = Store("/opt/lockstep")
ENGINE = {"engine": "1"}
SIX1 = Package("conda", "six", "1.0", "0", "noarch", "https://h/c/noarch/six-1.0-0.conda", "1" * 64)
SIX2 = Package("conda", "six", "2.0", "0", "noarch", "https://h/c/noarch/six-2.0-0.conda", "2" * 64)
WHEEL = Package("pip", "humanize", "4", "", "", "https://h/humanize-4-py3-none-any.whl", "3" * 64)
OLD, NEW = (SIX1, WHEEL), (SIX2, WHEEL)
OLD_ID, NEW_ID = (generation_id("e", digest_of(packages), {}, ENGINE) for packages in (OLD, NEW))
SMOKE = SmokeTest(("six",), (), "nobody", 60)
EDITED = [Drift("bin/x", "modified", 1000, 1.5)]
HOLD = Hold(lock=digest_of(NEW), generation=NEW_ID, since="2026-01-01T00:00:00+00:00", who="ann")


def wanted(packages=NEW, state="present", sent=True):
    lock = digest_of(packages) if state == "present" else None
    return Wanted("e", state, lock, packages if sent else None)


def seal(generation, packages):
    return Seal(generation, "e", "linux-64", digest_of(packages), ENGINE, {}, packages, "", 1)


def found(active=None, link=None, **changes):
    sealed = {OLD_ID: seal(OLD_ID, OLD), NEW_ID: seal(NEW_ID, NEW)}
    values = {"sealed": {active: sealed[active]} if active in sealed else {}}
    values.update(changes)
    return Environment("e", link or ("generation" if active else "absent"), active, **values)


BOTH = {OLD_ID: seal(OLD_ID, OLD), NEW_ID: seal(NEW_ID, NEW)}


def decide(want, have):
    return plan.decide(want, have, STORE, ENGINE)


def steps(decision):
    ordered = sorted(decision.steps, key=lambda step: ORDER.index(type(step)))
    return [(type(step).__name__, getattr(step, "generation", None)) for step in ordered]


@pytest.mark.parametrize(
    ("want", "have", "expected"),
    [
        pytest.param(wanted(), found(), [("Build", NEW_ID), ("Flip", NEW_ID)], id="bare host"),
        pytest.param(wanted(), found(NEW_ID), [], id="as wanted"),
        pytest.param(wanted(), found(OLD_ID), [("Build", NEW_ID), ("Flip", NEW_ID)], id="another lock"),
        pytest.param(wanted(), found(OLD_ID, sealed=BOTH), [("Flip", NEW_ID)], id="built before"),
        pytest.param(wanted(), found(sealed=BOTH), [("Flip", NEW_ID)], id="the link was removed"),
        pytest.param(
            wanted(),
            found(NEW_ID, drift={NEW_ID: EDITED}),
            [("Undo", None), ("Build", NEW_ID + "-2"), ("Flip", NEW_ID + "-2")],
            id="edited",
        ),
        pytest.param(
            wanted(),
            found(OLD_ID, sealed=BOTH, drift={NEW_ID: EDITED}),
            [("Build", NEW_ID + "-2"), ("Flip", NEW_ID + "-2")],
            id="built before, and edited since",
        ),
        pytest.param(
            wanted(),
            found(
                NEW_ID + "-2",
                sealed={**BOTH, NEW_ID + "-2": seal(NEW_ID + "-2", NEW)},
                drift={NEW_ID + "-2": EDITED},
            ),
            [("Undo", None), ("Build", NEW_ID + "-3"), ("Flip", NEW_ID + "-3")],
            id="edited again",
        ),
        pytest.param(
            wanted(),
            found(unsealed=(NEW_ID,)),
            [("Discard", NEW_ID), ("Build", NEW_ID), ("Flip", NEW_ID)],
            id="interrupted",
        ),
        pytest.param(
            wanted(),
            found(unsealed=(NEW_ID,), users={NEW_ID: [7]}),
            [("Build", NEW_ID + "-2"), ("Flip", NEW_ID + "-2")],
            id="without a seal, but in use",
        ),
        pytest.param(
            wanted(),
            found(NEW_ID, sealed={}, unsealed=(NEW_ID,)),
            [("Undo", None), ("Build", NEW_ID + "-2"), ("Flip", NEW_ID + "-2"), ("RemoveGeneration", NEW_ID)],
            id="the active one lost its seal",
        ),
        pytest.param(
            wanted(),
            found(NEW_ID, sealed={}, unsealed=(NEW_ID,), users={NEW_ID: [7]}),
            [("Undo", None), ("Build", NEW_ID + "-2"), ("Flip", NEW_ID + "-2")],
            id="the active one lost its seal while it is used",
        ),
        pytest.param(wanted(), found(NEW_ID, unsealed=("0" * 16,)), [("Discard", "0" * 16)], id="litter"),
        pytest.param(wanted(), found(OLD_ID, sealed=BOTH, hold=HOLD), [], id="held"),
        pytest.param(
            wanted(OLD), found(OLD_ID, sealed=BOTH, hold=HOLD), [("EndHold", None)], id="the hold's other lock"
        ),
        pytest.param(
            dataclasses.replace(wanted(), hold=False),
            found(OLD_ID, sealed=BOTH, hold=HOLD),
            [("Flip", NEW_ID), ("EndHold", None)],
            id="the hold is ended",
        ),
        pytest.param(dataclasses.replace(wanted(), hold=False), found(NEW_ID), [], id="there is no hold to end"),
        pytest.param(
            dataclasses.replace(wanted(), smoke=SMOKE),
            found(),
            [("Build", NEW_ID), ("Try", NEW_ID), ("Flip", NEW_ID)],
            id="what is new is tried",
        ),
        pytest.param(
            dataclasses.replace(wanted(), smoke=SMOKE),
            found(OLD_ID, sealed=BOTH),
            [("Flip", NEW_ID)],
            id="what was built before is not tried again",
        ),
        pytest.param(
            dataclasses.replace(wanted(), replace_unmanaged=True),
            found(link="directory", directory=Directory(OLD)),
            [("Build", NEW_ID), ("Exchange", NEW_ID)],
            id="a directory is exchanged",
        ),
        pytest.param(
            dataclasses.replace(wanted(), replace_unmanaged=True),
            found(link="directory", directory=Directory(None), sealed=BOTH),
            [("Exchange", NEW_ID)],
            id="a directory is exchanged for what is there already",
        ),
        pytest.param(
            dataclasses.replace(wanted(state="absent"), pinned=(OLD_ID,)),
            found(NEW_ID, sealed=BOTH),
            [("RemoveLink", None), ("RemoveGeneration", NEW_ID)],
            id="removed, but for what is pinned",
        ),
        pytest.param(
            wanted(),
            found(OLD_ID, sealed=BOTH, hold=dataclasses.replace(HOLD, lock="")),
            [],
            id="a damaged hold holds against every lock",
        ),
        pytest.param(wanted(state="absent"), found(), [], id="absent already"),
        pytest.param(
            wanted(state="absent"),
            found(NEW_ID, sealed=BOTH, history=(OLD_ID, NEW_ID), users={OLD_ID: [1, 2]}),
            [("RemoveLink", None), ("RemoveGeneration", NEW_ID), ("Forget", None)],
            id="removed, but for what is in use",
        ),
        pytest.param(
            wanted(state="rolled_back"),
            found(NEW_ID, sealed=BOTH, history=(OLD_ID, NEW_ID)),
            [("PutHold", NEW_ID), ("Flip", OLD_ID)],
            id="rolled back",
        ),
        pytest.param(
            wanted(state="rolled_back"),
            found(OLD_ID, sealed=BOTH, hold=HOLD, history=(OLD_ID, NEW_ID, OLD_ID)),
            [],
            id="rolled back already",
        ),
        pytest.param(
            wanted(state="rolled_back"),
            found(NEW_ID, sealed=BOTH, hold=HOLD, history=(OLD_ID, NEW_ID)),
            [("PutHold", NEW_ID), ("Flip", OLD_ID)],
            id="a roll-back that was interrupted",
        ),
    ],
)
def test_steps(want, have, expected):
    assert steps(decide(want, have)) == expected


@pytest.mark.parametrize(
    ("want", "have", "says"),
    [
        (wanted(), found(link="directory"), "/opt/lockstep/envs/e is a directory that this collection did not make"),
        (wanted(state="absent"), found(link="foreign"), "it is left untouched"),
        (wanted(), found(link="directory", directory=Directory(NEW)), "untouched. It has the packages of the lock. .*replace_unm"),
        (wanted(state="rolled_back"), found(link="directory", directory=Directory(NEW)), "untouched. Rename or remove it"),
        (
            dataclasses.replace(wanted(), replace_unmanaged=True),
            found(link="directory", directory=Directory(NEW, ("process 7 (sh)", "process 8 (vi)"))),
            "not exchanged while it is used by process 7 .sh., process 8 .vi.. End them",
        ),
        (wanted(state="rolled_back"), found(), "no such environment"),
        (wanted(state="rolled_back"), found(NEW_ID, history=(NEW_ID,)), "no generation was active before .* There is no other generation on this host"),
        (wanted(state="rolled_back"), found(NEW_ID, history=(OLD_ID, NEW_ID)), "no generation was active before .* There is no other generation on this host"),
        (
            wanted(state="rolled_back"),
            found(NEW_ID, sealed=BOTH, history=(OLD_ID, NEW_ID), drift={OLD_ID: EDITED}),
            "was changed after it was sealed: modified bin/x",
        ),
    ],
)
def test_refusals(want, have, says):
    with pytest.raises(Problem, match=says):
        decide(want, have)


def test_the_digest_is_enough_unless_something_is_built():
    assert not decide(wanted(sent=False), found(NEW_ID)).needs_packages
    assert not decide(wanted(sent=False), found(OLD_ID, sealed=BOTH)).needs_packages
    assert decide(wanted(sent=False), found(OLD_ID)).needs_packages
    # A refusal compares what is there with the lock, so it takes the packages.
    assert decide(wanted(sent=False), found(link="directory", directory=Directory(NEW))).needs_packages


def test_packages_and_diff():
    decision = decide(wanted(), found(OLD_ID))
    difference = plan.difference(decision)
    assert (difference["added"], difference["removed"]) == ([], [])
    assert [(c["before"]["version"], c["after"]["version"]) for c in difference["changed"]] == [("1.0", "2.0")]
    assert plan.diff(decision, OLD_ID) == {
        "before_header": f"e (generation {OLD_ID})",
        "after_header": f"e (generation {NEW_ID})",
        "before": "conda:\n  six 1.0 0\n",
        "after": "conda:\n  six 2.0 0\n",
    }
    bare = plan.diff(decide(wanted(), found()), None)
    assert bare and bare["before_header"] == "e (absent)"
    assert bare["after"] == "conda:\n  six 2.0 0\npip:\n  humanize 4\n"
    assert plan.diff(decide(wanted(), found(NEW_ID)), NEW_ID) is None


def test_drift_is_in_the_diff_and_in_the_plan():
    decision = decide(wanted(), found(NEW_ID, drift={NEW_ID: EDITED}))
    diff = plan.diff(decision, NEW_ID)
    assert diff and diff["before"] == "changed since it was sealed:\n  modified bin/x\n" and diff["after"] == ""
    assert [str(step) for step in decision.steps] == [
        "e: undo modified bin/x",
        f"e: build generation {NEW_ID}-2 of 2 packages",
        f"e: switch to generation {NEW_ID}-2",
    ]


def test_only_what_decides_is_compared_with_its_seal():
    check = plan.generations_to_check
    assert check(wanted(), found(NEW_ID, sealed=BOTH), ENGINE) == [NEW_ID]
    assert check(wanted(), found(OLD_ID, sealed=BOTH), ENGINE) == [NEW_ID]
    assert check(wanted(state="absent"), found(NEW_ID, sealed=BOTH), ENGINE) == []


def test_another_mirror_is_no_change_of_packages_and_credentials_are_no_part_of_the_lock():
    token = dataclasses.replace(SIX1, source="https://me:pw@h/t/token/c/noarch/six-1.0-0.conda")
    assert digest_of([token]) == digest_of([SIX1])
    assert digest_of([SIX1, WHEEL]) == digest_of([WHEEL, dataclasses.replace(SIX1, depends=("python",))])
    assert digest_of([SIX1]) != digest_of([SIX2])


def test_the_id_of_a_lock_with_md5_comes_from_the_lock_alone():
    locked = dataclasses.replace(SIX1, sha256="", md5="4" * 32)
    sealed = dataclasses.replace(SIX1, md5="4" * 32)
    assert digest_of([locked]) == digest_of([sealed]) != digest_of([SIX1])
    assert changes([sealed], [locked]) == changes([sealed], [SIX1]) == []
    assert len(changes([sealed], [dataclasses.replace(locked, md5="5" * 32)])) == 1
    assert from_data(to_data(sealed)) == sealed
