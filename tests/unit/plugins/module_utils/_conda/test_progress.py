# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a watcher of a run is told, and how often."""

from __future__ import annotations

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.progress import Progress


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


def watched():
    clock, told = Clock(), []
    return Progress(told.append, clock), clock, told


def test_each_phase_is_told_at_once_and_what_happens_in_it_now_and_then():
    progress, clock, told = watched()
    progress.begin("fetch", "ai_env", 3)
    progress.advance(size=10)
    progress.advance(things=1)
    assert [state["phase"] for state in told] == ["fetch"]
    clock.now += 1
    progress.advance(size=5)
    assert told[-1] == {
        **{"phase": "fetch", "name": "ai_env", "done": 1, "total": 3},
        **{"bytes": 15, "bytes_total": None, "at": clock.now},
    }
    progress.begin("link", "ai_env", 3)
    assert (told[-1]["phase"], told[-1]["done"], told[-1]["bytes"]) == ("link", 0, 0)
    assert len(told) == 3
    assert progress.phase == "link"


def test_the_sum_of_bytes_is_told_only_when_it_is_known_of_all():
    progress, clock, told = watched()
    progress.begin("fetch", "ai_env", 2)
    for size, total in ((1000, None), (None, None), (500, 1500)):
        clock.now += 1
        progress.expect(size)
        progress.advance(size=1)
        assert told[-1]["bytes_total"] == total


def test_what_another_run_does_is_told_while_it_is_waited_for():
    progress, clock, told = watched()
    progress.wait_for(None)
    clock.now += 1
    progress.wait_for({"phase": "fetch"})
    assert [state["phase"] for state in told] == ["wait", "wait"]
    assert told[-1]["other"] == {"phase": "fetch"}
    progress.begin("fetch", "ai_env", 1)
    assert "other" not in told[-1]


def test_nobody_needs_to_watch():
    progress = Progress()
    progress.begin("fetch", "ai_env", 1)
    progress.expect(3)
    progress.advance(1, 3)
    progress.reach(1, 1)
    progress.wait_for(None)
    assert progress.phase == "wait"
