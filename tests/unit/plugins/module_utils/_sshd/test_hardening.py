# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan for sshd, from a state that is data."""

from __future__ import annotations

import dataclasses

import pytest
from ansible_collections.lockstep.gpufleet.plugins.module_utils._guard.present import PresentConnection
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem
from ansible_collections.lockstep.gpufleet.plugins.module_utils._sshd import (
    algorithms,
    command_line,
    configuration,
    dropin,
    effective,
    exceptions,
    hardening,
    listener,
)

MAIN = "Include /etc/ssh/sshd_config.d/*.conf\nUsePAM yes\n"
SUBJECT = effective.Subject("ops", "192.0.2.9", "192.0.2.9", "192.0.2.1", 22)
KNOWN = {directive: frozenset(names) for directive, names in algorithms.PREFERRED.items()}
BEFORE = {"passwordauthentication": ("yes",), "hostkey": ("/etc/ssh/ssh_host_ed25519_key",)}
ACCOUNTS = {"ops": frozenset({"ops", "sudo"}), "root": frozenset({"root"}), "nobody": frozenset({"nogroup"})}


def state(main=MAIN, ours=None, others=None, active=True, **more):
    found = hardening.State(
        sshd="/usr/sbin/sshd",
        files=configuration.Files(main, ours, others or {}),
        known=KNOWN,
        policy=None,
        listener=listener.Listener("ssh.service", active),
        connection=PresentConnection("ops", "192.0.2.9", 4711, "192.0.2.1", 22),
        accounts=ACCOUNTS,
        before=BEFORE,
        base=SUBJECT,
    )
    return dataclasses.replace(found, **more)


def outlook(wanted, change, unproven=(), keyless=(), **instead):
    values = dropin.expected(wanted, change.algorithms) if wanted else dict(BEFORE)
    values["port"] = tuple(str(port) for port in (*change.move.then, *(change.move.own or (22,)))[:1])
    return hardening.Outlook({SUBJECT: {**values, **instead}}, change, unproven, keyless)


def planned(wanted, found, **instead):
    change = hardening.change(wanted, found)
    return hardening.make_plan(wanted, change, found, outlook(wanted, change, **instead))


def test_a_bare_host_gets_the_drop_in_and_a_reload():
    plan = planned(dropin.Wanted(), state())
    assert list(plan.steps) == [f"write {configuration.PATH}", "reload ssh.service"]
    assert [entry["after_header"] for entry in plan.diff] == [configuration.PATH, "in force for ops from 192.0.2.9 (sshd -T)"]


def test_what_does_not_run_is_not_reloaded():
    assert list(planned(dropin.Wanted(), state(active=False)).steps) == [f"write {configuration.PATH}"]


def test_a_converged_host_gets_nothing():
    text = dropin.render(dropin.Wanted(), algorithms.choose(KNOWN))
    assert not planned(dropin.Wanted(), state(ours=text))


def test_a_main_file_without_include_is_changed_and_given_back():
    plan = planned(dropin.Wanted(), state(main="UsePAM yes\n"))
    assert f"read our drop-in first in {configuration.MAIN}" in plan.steps
    marked = configuration.with_include("UsePAM yes\n")
    plan = planned(None, state(main=marked, ours="x"))
    assert list(plan.steps) == [f"remove {configuration.PATH}", f"take our line out of {configuration.MAIN}", "reload ssh.service"]


def test_absent_on_a_bare_host_does_nothing():
    assert not planned(None, state())


@pytest.mark.parametrize(
    ("wanted", "found", "instead", "says"),
    [
        (dropin.Wanted(allow_users=("alice",)), {}, {}, "allow_users ['alice'] does not name ops"),
        (dropin.Wanted(), {"before": {"hostkey": ("/nonexistent/ssh_host_ecdsa_key",)}}, {}, "no Ed25519 host key and no RSA"),
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


def test_what_cannot_be_proven_is_a_warning_and_so_is_an_account_without_a_key():
    line = configuration.ConfigLine("/etc/ssh/sshd_config", 9, "Match", "Group nobody-in-it")
    found = state()
    change = hardening.change(dropin.Wanted(), found)
    plan = hardening.make_plan(
        dropin.Wanted(), change, found, outlook(dropin.Wanted(), change, (line,), ("ada has no key",))
    )
    assert "line 9" in plan.warnings[0] and plan.warnings[1] == "ada has no key"


def test_options_of_the_command_line_are_named():
    origin = command_line.UnitLine("/etc/default/ssh", 5, "SSHD_OPTS", "-o MACs=hmac-md5")
    found = state(
        listener=listener.Listener("ssh.service", True, options=(command_line.Option("o", "MACs=hmac-md5", origin),))
    )
    with pytest.raises(Problem, match="because of /etc/default/ssh line 5: SSHD_OPTS=-o MACs=hmac-md5"):
        planned(dropin.Wanted(), found, macs=("hmac-md5",))


def test_a_move_listens_on_both_ports_and_says_so():
    wanted = dropin.Wanted(ports=(2222,))
    change = hardening.change(wanted, state())
    assert "Port 2222\nPort 22\n" in change.between and "Port 22\n" not in change.ours
    plan = planned(wanted, state())
    assert list(plan.steps) == [
        f"write {configuration.PATH}", "listen on 2222 instead of 22", "reload ssh.service",
    ]
    moved = state(ours=change.ours, before={**BEFORE, "port": ("2222",)}, base=dataclasses.replace(SUBJECT, lport=2222))
    assert not planned(wanted, moved)
    # Without ports they are left as they are.
    kept = hardening.change(dropin.Wanted(), moved)
    assert "Port 2222\n" in kept.ours and not kept.move


def test_our_port_is_not_taken_away_from_under_a_login_that_uses_it():
    used = dataclasses.replace(SUBJECT, lport=2222)
    found = state(ours="Port 2222\n", before={**BEFORE, "port": ("2222",)}, base=used)
    with pytest.raises(Problem, match=r"would no longer listen on port 2222.*first move there with ports: \[22\]"):
        planned(None, found)


def test_what_an_exception_says_is_expected_and_nothing_else():
    wanted = dropin.Wanted(exceptions=exceptions.parse([{"match": "User ops", "settings": {"X11Forwarding": "yes"}}]))
    assert planned(wanted, state(), x11forwarding=("yes",))
    with pytest.raises(Problem, match="x11forwarding would be 'no' instead of 'yes' for ops"):
        planned(wanted, state(), x11forwarding=("no",))
    nobody = exceptions.parse([{"match": "Group empty", "settings": {"X11Forwarding": "yes"}}])
    with pytest.raises(Problem, match="no account or address of this host matches 'Group empty'"):
        hardening.subjects(dropin.Wanted(exceptions=nobody), state())


def test_subjects_are_accounts_times_match_lines():
    found = state(main=MAIN + "Match Address 198.51.100.0/24\nMatch Exec x\n")
    everybody, unproven = hardening.subjects(dropin.Wanted(), found)
    assert [str(one) for one in everybody] == [
        f"{name} from {address}" for address in ("192.0.2.9", "198.51.100.1") for name in ("ops", "root", "nobody")
    ]
    assert [line.value for line in unproven] == ["Exec x"]
    assert hardening.subjects(None, found) == ([SUBJECT], [])


def test_what_a_login_is_offered_follows_the_configuration():
    found = hardening.Outlook(
        {SUBJECT: {"pubkeyauthentication": ("yes",), "passwordauthentication": ("no",)}}, hardening.Change("", None)
    )
    assert found.offers() == ["publickey"]
