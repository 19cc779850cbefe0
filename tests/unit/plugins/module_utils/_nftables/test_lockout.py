# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules that shut out an administrator who is connected are refused."""

from __future__ import annotations

import pytest
from ansible_collections.lockstep.gpufleet.plugins.module_utils._guard.present import PresentConnection
from ansible_collections.lockstep.gpufleet.plugins.module_utils._nftables import lockout, plan
from ansible_collections.lockstep.gpufleet.plugins.module_utils._nftables.lockout import Session
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem

HERE = PresentConnection("ops", "192.0.2.9", 4711, "192.0.2.1", 22)
GROUPS = {"admins": ["192.0.2.9"], "others": ["192.0.2.8"], "nobody": []}
OPTIONS = {
    "ssh_source_groups": [], "ssh_rate_limit": None, "ssh_rate_limit_exempt": [], "trusted_interfaces": ["wg0"],
    "rules": [], "published_sources": None, "published_source_groups": [], "log_drops": False,
}


def wanted(sources=("192.0.2.0/24",), ports=(22,), **more):
    openings = plan.read_openings({**OPTIONS, "ssh_sources": sources, **more}, ports, GROUPS)
    return plan.make_wanted(openings, GROUPS, None, ())


@pytest.mark.parametrize(
    ("what", "connection", "says"),
    [
        ({}, HERE, None),
        ({"sources": ()}, HERE, None),
        ({"sources": ("192.0.2.9",)}, HERE, None),
        ({"sources": (), "ssh_source_groups": ["admins"]}, HERE, None),
        ({"sources": ("10.0.0.0/8",)}, HERE, "192.0.2.9 to port 22: SSH is allowed from 10.0.0.0/8 to 22"),
        (
            {"sources": ("10.0.0.0/8",), "ssh_source_groups": ["others"]}, HERE,
            "SSH is allowed from 10.0.0.0/8, the group others to 22",
        ),
        ({"sources": (), "ssh_source_groups": ["nobody"]}, HERE, "SSH is allowed from the group nobody to 22"),
        ({"ports": (2222,)}, HERE, "shut out the present connection"),
        (
            {"sources": ("10.0.0.0/8",), "rules": [{"name": "x", "ports": ["1-100"], "sources": ["192.0.2.9"]}]},
            HERE,
            None,
        ),
        ({}, None, None),
        ({"sources": (), "ssh_source_groups": ["admins"]}, None, None),
        ({"sources": ()}, None, "name the addresses that may use SSH in ssh_sources"),
    ],
)
def test_what_shuts_us_out_is_refused(what, connection, says):
    if says is None:
        lockout.refuse_lockout(wanted(**what), connection)
        return
    with pytest.raises(Problem) as caught:
        lockout.refuse_lockout(wanted(**what), connection)
    assert says in str(caught.value)


def test_every_other_open_connection_counts():
    lockout.refuse_lockout(wanted(), HERE, [Session("192.0.2.77", 22, 400)])
    with pytest.raises(Problem) as caught:
        lockout.refuse_lockout(wanted(), HERE, [Session("192.0.2.77", 22, 400), Session("198.51.100.4", 22, 401)])
    assert "another open connection of ops, 198.51.100.4 to port 22 (process 401)" in str(caught.value)
    with pytest.raises(Problem, match="192.0.2.77 to port 2222"):
        lockout.refuse_lockout(wanted(), HERE, [Session("192.0.2.77", 2222, 400)])


def test_who_comes_in_over_a_trusted_interface_is_not_shut_out():
    lockout.refuse_lockout(wanted(("10.0.0.0/8",)), HERE, (), {"192.0.2.9": "wg0"}.__getitem__)
    with pytest.raises(Problem):
        lockout.refuse_lockout(wanted(("10.0.0.0/8",)), HERE, (), {"192.0.2.9": "eth0"}.__getitem__)


def test_controllers_are_named_once():
    sessions = [Session("192.0.2.9", 22, 1), Session("192.0.2.77", 22, 2), Session("192.0.2.77", 22, 3)]
    assert lockout.controllers(HERE, sessions) == ["192.0.2.9", "192.0.2.77"]
    assert lockout.controllers(None, []) == []
