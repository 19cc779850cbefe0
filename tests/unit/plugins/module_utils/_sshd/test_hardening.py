# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan for sshd, from a state that is data."""

from __future__ import annotations

import dataclasses

import pytest
from ansible_collections.lockstep.gpufleet.plugins.module_utils._guard.present import PresentConnection
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem
from ansible_collections.lockstep.gpufleet.plugins.module_utils._sshd import dropin, effective, hardening, host

MAIN = "Include /etc/ssh/sshd_config.d/*.conf\nUsePAM yes\n"
SUBJECT = effective.Subject("ops", "192.0.2.9", "192.0.2.9", "192.0.2.1", 22)
KNOWN = {directive: frozenset(names) for directive, names in dropin.PREFERRED.items()}
BEFORE = {"passwordauthentication": ("yes",), "hostkey": ("/etc/ssh/ssh_host_ed25519_key",)}


def state(main=MAIN, ours=None, others=None, active=True, **more):
    found = hardening.State(
        sshd="/usr/sbin/sshd",
        files=host.Files(main, ours, others or {}),
        known=KNOWN,
        service=host.Service("ssh.service", active),
        connection=PresentConnection("ops", "192.0.2.9", 4711, "192.0.2.1", 22),
        groups=frozenset({"ops", "sudo"}),
        subjects=(SUBJECT,),
        unproven=(),
        before=BEFORE,
    )
    return dataclasses.replace(found, **more)


def outlook(wanted, change, **instead):
    values = dropin.expected(wanted, change.algorithms) if wanted else dict(BEFORE)
    return hardening.Outlook({SUBJECT: {**values, **instead}}, change.algorithms, ())


def planned(wanted, found, **instead):
    change = hardening.change(wanted, found)
    return hardening.make_plan(wanted, change, found, outlook(wanted, change, **instead))


def test_a_bare_host_gets_the_drop_in_and_a_reload():
    plan = planned(dropin.Wanted(), state())
    assert list(plan.steps) == [f"write {dropin.PATH}", "reload ssh.service"]
    assert [entry["after_header"] for entry in plan.diff] == [dropin.PATH, "in force for ops from 192.0.2.9 (sshd -T)"]


def test_what_does_not_run_is_not_reloaded():
    assert list(planned(dropin.Wanted(), state(active=False)).steps) == [f"write {dropin.PATH}"]


def test_a_converged_host_gets_nothing():
    text = dropin.render(dropin.Wanted(), dropin.choose_algorithms(KNOWN))
    assert not planned(dropin.Wanted(), state(ours=text))


def test_a_main_file_without_include_is_changed_and_given_back():
    plan = planned(dropin.Wanted(), state(main="UsePAM yes\n"))
    assert f"read our drop-in first in {dropin.MAIN}" in plan.steps
    marked = dropin.with_include("UsePAM yes\n")
    plan = planned(None, state(main=marked, ours="x"))
    assert list(plan.steps) == [f"remove {dropin.PATH}", f"take our line out of {dropin.MAIN}", "reload ssh.service"]


def test_absent_on_a_bare_host_does_nothing():
    assert not planned(None, state())


@pytest.mark.parametrize(
    ("wanted", "found", "instead", "says"),
    [
        (dropin.Wanted(allow_users=("alice",)), {}, {}, "allow_users ['alice'] does not name ops"),
        (dropin.Wanted(), {"before": {"hostkey": ("/nonexistent/ssh_host_ecdsa_key",)}}, {}, "no Ed25519 and no RSA"),
        (
            dropin.Wanted(),
            {"others": {"/etc/ssh/sshd_config.d/00-aaa.conf": "Match User ops\n  PasswordAuthentication yes\n"}},
            {"passwordauthentication": ("yes",)},
            "would be 'yes' instead of 'no' for ops from 192.0.2.9, because of /etc/ssh/sshd_config.d/00-aaa.conf line 2",
        ),
        (
            dropin.Wanted(),
            {"others": {"/etc/ssh/sshd_config.d/99.conf": "DenyGroups sudo\n"}},
            {"denygroups": ("sudo",)},
            "denygroups names sudo (/etc/ssh/sshd_config.d/99.conf line 1: DenyGroups sudo)",
        ),
    ],
)
def test_what_locks_out_or_beats_us_is_refused_by_name(wanted, found, instead, says):
    with pytest.raises(Problem) as caught:
        planned(wanted, state(**found), **instead)
    assert says in str(caught.value)


def test_what_cannot_be_proven_is_a_warning():
    line = effective.ConfigLine("/etc/ssh/sshd_config", 9, "Match", "Group nobody-in-it")
    assert "line 9" in planned(dropin.Wanted(), state(unproven=(line,))).warnings[0]
