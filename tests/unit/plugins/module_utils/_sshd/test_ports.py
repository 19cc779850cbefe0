# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Moving to another port: every Port line adds one, so others' lines are counted or refused."""

from __future__ import annotations

import pytest
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem
from ansible_collections.lockstep.gpufleet.plugins.module_utils._sshd import ports
from ansible_collections.lockstep.gpufleet.plugins.module_utils._sshd.command_line import UnitLine
from ansible_collections.lockstep.gpufleet.plugins.module_utils._sshd.configuration import parse_lines
from ansible_collections.lockstep.gpufleet.plugins.module_utils._sshd.listener import Listener

SERVICE = Listener("ssh.service", True)
SOCKET = Listener(
    "ssh.service", True, "ssh.socket", ports=(22,), addresses=(UnitLine("/lib/ssh.socket", 7, "ListenStream", "22"),)
)
GENERATED = Listener("ssh.service", True, "ssh.socket", generated=True, ports=(22,))


@pytest.mark.parametrize(
    ("wanted", "now", "others", "ours", "own", "between", "moves"),
    [
        ((), (22,), "", None, (), (), False),
        ((), (2222,), "", "Port 2222\n", (2222,), (), False),
        ((22,), (22,), "", None, (22,), (22,), False),
        ((2222,), (22,), "", None, (2222,), (2222, 22), True),
        ((2222,), (2222,), "", "Port 2222\n", (2222,), (2222,), False),
        ((2222, 22), (22,), "", None, (2222, 22), (2222, 22), True),
        ((2222, 22), (22,), "Port 22\n", None, (2222,), (2222,), True),
        ((2222,), (2222,), "Port 2222\n", None, (), (), False),
        ((2222,), (22,), "ListenAddress 10.0.0.1\n", None, (2222,), (2222, 22), True),
        ((2222,), (22,), "ListenAddress fe80::1\n", None, (2222,), (2222, 22), True),
    ],
)
@pytest.mark.parametrize("listener", [SERVICE, GENERATED])
def test_the_move(wanted, now, others, ours, own, between, moves, listener):
    move = ports.plan(wanted, now, parse_lines("/f", others), ours, listener)
    assert (move.own, move.between, bool(move)) == (own, between, moves)


@pytest.mark.parametrize(
    ("others", "listener", "says"),
    [
        ("UsePAM yes\nPort 22\n", SERVICE, "remove /f line 2: Port 22"),
        ("ListenAddress 10.0.0.1:22\n", SERVICE, "/f line 1: ListenAddress 10.0.0.1:22"),
        ("ListenAddress [::1]:22 rdomain x\n", SERVICE, "/f line 1: ListenAddress"),
        ("", SOCKET, "ssh.socket listens for sshd and decides: /lib/ssh.socket line 7: ListenStream=22"),
    ],
)
def test_what_others_say_about_ports_is_refused_by_name(others, listener, says):
    with pytest.raises(Problem) as caught:
        ports.plan((2222,), (22,), parse_lines("/f", others), None, listener)
    assert says in str(caught.value)


def test_a_socket_that_listens_there_already_is_fine():
    assert not ports.plan((22,), (22,), [], None, SOCKET)


def test_sentences():
    assert ports.Move((22,), (2022, 2222)).step == "listen on 2022, 2222 instead of 22"
    assert ports.Move((22,), (2222,)).meanwhile == (22, 2222)
    with pytest.raises(Problem, match="would listen on 22 instead of 2222, because of x; until"):
        ports.check_in_force((2222,), (22,), ["x"])
    ports.check_in_force((2222,), (2222,), ["x"])
    with pytest.raises(Problem, match=r"first move there with ports: \[22\]"):
        ports.check_login_port(2222, (22,), ())
    ports.check_login_port(22, (2222,), (2222,))
