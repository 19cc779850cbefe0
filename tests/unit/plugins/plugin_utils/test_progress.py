# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lines about a host's progress: what they say, and how few they are."""

from __future__ import annotations

import pytest

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.progress import PHASES
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils import _progress


def state(phase="fetch", **values):
    return {"phase": phase, "name": "ai_env", "done": 0, "total": 0, "bytes": 0, "bytes_total": None, "at": 1.0, **values}


@pytest.mark.parametrize(
    ("values", "rate", "text"),
    [
        (
            {"done": 61, "total": 108, "bytes": 412_000_000, "bytes_total": 780_400_000},
            38_000_000,
            "ai_env: fetch 61 of 108 archives, 412 of 780 MB, 38 MB/s",
        ),
        ({"done": 0, "total": 108}, None, "ai_env: fetch 0 of 108 archives"),
        ({"done": 1, "total": 108, "bytes": 999}, 0.0, "ai_env: fetch 1 of 108 archives, 999 B, 0 B/s"),
        ({"total": 2, "bytes": 1_540_000, "bytes_total": 3_200_000_000}, 1500, "ai_env: fetch 0 of 2 archives, 0 of 3.2 GB, 1.5 kB/s"),
        ({"total": 2, "bytes": 20, "bytes_total": 10}, None, "ai_env: fetch 0 of 2 archives, 20 B"),
        ({"phase": "link", "done": 7, "total": 9, "bytes": 5_000_000}, 3.0, "ai_env: link 7 of 9 packages, 5 MB"),
        ({"phase": "pip", "total": 3}, None, "ai_env: install 0 of 3 wheels"),
        ({"phase": "bytecode"}, None, "ai_env: compile bytecode"),
        ({"phase": "seal"}, None, "ai_env: seal"),
        ({"phase": "try"}, None, "ai_env: smoke test"),
        ({"phase": "switch", "name": ""}, None, "switch and clean up"),
        ({"phase": "wait", "name": ""}, None, "wait for another run on this host"),
        (
            {"phase": "wait", "name": "", "other": state(done=3, total=6)},
            None,
            "wait for another run on this host, which is at ai_env: fetch 3 of 6 archives",
        ),
        ({"phase": "news from a later version"}, None, "ai_env: news from a later version"),
    ],
)
def test_line(values, rate, text):
    assert _progress.line(state(**values), rate) == text


def test_every_phase_has_words():
    assert set(_progress._VERBS) == set(PHASES)


def told(host_states, interval=5.0):
    """Return the lines for pairs of seconds since the start and state."""
    now = [0.0]
    telling = _progress.Telling("gpu01", interval, lambda: now[0])
    lines = []
    for seconds, one in host_states:
        now[0] = seconds
        line = telling.next_line(one)
        if line:
            lines.append((seconds, line.removeprefix("gpu01: ai_env: ")))
    return lines


def test_what_is_quick_says_nothing():
    assert told([(0.5, state()), (1.0, state("link")), (1.9, state("seal"))]) == []


def test_a_phase_is_told_when_it_begins_and_then_now_and_then():
    states = [(second / 2, state(at=second / 2, done=second, total=99, bytes=second * 1000)) for second in range(4, 30)]
    lines = told(states)
    assert [seconds for seconds, _line in lines] == [2.0, 7.0, 12.0]
    assert lines[0][1] == "fetch 4 of 99 archives, 4 kB"
    assert lines[1][1] == "fetch 14 of 99 archives, 14 kB, 2 kB/s"


def test_phases_that_pass_quickly_are_left_out():
    states = [(2.0, state("link")), (2.2, state("pip")), (2.4, state("bytecode")), (3.1, state("bytecode")), (3.3, state("seal"))]
    assert told(states) == [(2.0, "link"), (3.1, "compile bytecode")]


def test_a_host_that_stands_still_is_told_seldom():
    lines = told([(second, state(at=1.0)) for second in range(2, 70)])
    assert [seconds for seconds, _line in lines] == [2, 32, 62]


@pytest.mark.parametrize(("hosts", "seconds"), [(0, 5.0), (1, 5.0), (10, 5.0), (100, 50.0)])
def test_the_more_hosts_the_fewer_lines_of_each(hosts, seconds):
    assert _progress.interval_for(hosts) == seconds
