# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who listens, and what is done to whom."""

from __future__ import annotations

import pytest
from ansible_collections.lockstep.gpufleet.plugins.module_utils._sshd.listener import (
    Listener,
    parse_show,
    ports_of_listen,
)


@pytest.mark.parametrize(
    ("listener", "steps", "steps_of_a_move", "units_of_a_move"),
    [
        (Listener(), [], [], ()),
        (Listener("ssh.service", False), [], [], ()),
        (Listener("ssh.service", True), ["reload ssh.service"], ["reload ssh.service"], ("ssh.service",)),
        (Listener("ssh.service", False, "ssh.socket", accept=True), [], [], ()),
        (
            Listener("ssh.service", True, "ssh.socket"),
            ["restart ssh.service"], ["restart ssh.service"], ("ssh.socket",),
        ),
        (
            Listener("ssh.service", True, "ssh.socket", generated=True),
            ["restart ssh.service"], ["restart ssh.socket after daemon-reload"], ("ssh.socket",),
        ),
        (
            Listener("ssh.service", False, "ssh.socket", generated=True),
            [], ["restart ssh.socket after daemon-reload"], ("ssh.socket",),
        ),
    ],
)
def test_what_does_not_run_is_left_alone(listener, steps, steps_of_a_move, units_of_a_move):
    assert listener.steps(False) == steps
    assert listener.steps(True) == steps_of_a_move
    assert listener.units(True) == units_of_a_move


def test_systemctl_show_of_several_units():
    text = "Id=ssh.service\nLoadState=loaded\n\nId=ssh.socket\nListen=0.0.0.0:22 (Stream)\nListen=[::]:22 (Stream)\n\n"
    assert parse_show(text) == [
        {"Id": ["ssh.service"], "LoadState": ["loaded"]},
        {"Id": ["ssh.socket"], "Listen": ["0.0.0.0:22 (Stream)", "[::]:22 (Stream)"]},
    ]


@pytest.mark.parametrize(
    ("values", "ports"),
    [
        (["[::]:22 (Stream)"], (22,)),
        (["0.0.0.0:2222 (Stream)", "[::]:22 (Stream)"], (22, 2222)),
        (["/run/x.sock (Stream)"], ()),
    ],
)
def test_ports_of_a_socket(values, ports):
    assert ports_of_listen(values) == ports
