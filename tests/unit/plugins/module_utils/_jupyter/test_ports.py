# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which port whose server has."""

from __future__ import annotations

import pytest

from ansible_collections.lockstep.gpufleet.plugins.module_utils._jupyter import ports
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem

TCP = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:4970 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1002        0 4711 1 0000 100 0 0 10 0
   1: 0100007F:4971 0100007F:9C40 01 00000000:00000000 00:00000000 00000000  1003        0 4712 1 0000 20 4 30 10 -1
"""
TCP6 = """\
  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000000000000000000000000000:0016 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4713 1 0
"""


def test_who_listens_where():
    """An established connection does not listen."""
    assert ports.parse_listening(TCP, TCP6) == {18800: 1002, 22: 0}


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"ports": 1}', '{"ports": {"mia": "x"}}'])
def test_a_broken_memory_is_no_empty_memory(text):
    with pytest.raises(Problem, match="ports.json is broken"):
        ports.parse_remembered(text, "ports.json")


def test_what_is_written_is_what_is_read():
    assert ports.parse_remembered(None, "x") == {}
    assert ports.parse_remembered(ports.remembered_text({"b": 2, "a": 1}), "x") == {"a": 1, "b": 2}


@pytest.mark.parametrize(
    ("wanted", "remembered", "listening", "assigned"),
    [
        pytest.param({"mia": None, "tom": None}, {}, {}, {"mia": 100, "tom": 101}, id="in order"),
        pytest.param({"tom": None}, {"mia": 100}, {}, {"tom": 101}, id="that of one who is gone is not given again"),
        pytest.param({"mia": None}, {"mia": 107}, {}, {"mia": 107}, id="whoever had one keeps it"),
        pytest.param({"mia": None}, {}, {100: 0}, {"mia": 101}, id="one that is listened on is passed over"),
        pytest.param({"mia": None}, {"mia": 100}, {100: 1}, {"mia": 100}, id="the user's own server listens there"),
        pytest.param({"mia": 300}, {"mia": 100}, {}, {"mia": 300}, id="asked for"),
        pytest.param({"mia": None, "tom": 100}, {}, {}, {"mia": 101, "tom": 100}, id="what is asked for goes first"),
    ],
)
def test_ports_are_stable_and_nobody_gets_another_users(wanted, remembered, listening, assigned):
    assert ports.assign(wanted, remembered, listening, {"mia": 1, "tom": 2}, 100) == assigned


@pytest.mark.parametrize(
    ("wanted", "remembered", "listening", "words"),
    [
        pytest.param({"mia": 100}, {"tom": 100}, {}, "mia: port 100 was given to tom", id="given to somebody else"),
        pytest.param({"mia": 100, "tom": 100}, {}, {}, "tom: port 100 was given to mia", id="asked for twice"),
        pytest.param({"mia": 100}, {}, {100: 7}, "mia: port 100 is taken.*uid 7", id="asked for, listened on"),
        pytest.param({"mia": None}, {"mia": 100}, {100: 7}, "mia: port 100 is taken.*uid 7", id="remembered, listened on"),
        pytest.param({"new": None}, {}, dict.fromkeys(range(100, 1100), 0), "base_port: no port is free", id="none left"),
    ],
)
def test_a_port_that_is_taken_is_refused(wanted, remembered, listening, words):
    with pytest.raises(Problem, match=words):
        ports.assign(wanted, remembered, listening, {"mia": 1, "tom": 2, "new": None}, 100)
