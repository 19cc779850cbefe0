# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whom a Match line means, and one example of them."""

from __future__ import annotations

import dataclasses

import pytest
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem
from ansible_collections.lockstep.gpufleet.plugins.module_utils._sshd.configuration import Files, parse_lines
from ansible_collections.lockstep.gpufleet.plugins.module_utils._sshd.effective import Subject
from ansible_collections.lockstep.gpufleet.plugins.module_utils._sshd.matching import (
    check_exception,
    holds,
    parse_criteria,
    sample,
    subjects_of,
)

BASE = Subject("ops", "10.0.0.1", "10.0.0.1", "10.0.0.2", 22)
ACCOUNTS = {"ops": {"ops", "sudo"}, "ada": {"ml"}, "bob": {"ml", "sudo"}, "eve": {"domain users"}}


@pytest.mark.parametrize(
    ("criteria", "subject"),
    [
        ("User legacy", {"user": "legacy"}),
        ("User *", {}),
        ("User *,!ops", {"user": "ada"}),
        ("User z*,!zx", {"user": "zxx"}),
        ("User=legacy", {"user": "legacy"}),
        ('User "legacy"', {"user": "legacy"}),
        ("User legacy Address 10.1.0.0/16", {"user": "legacy", "addr": "10.1.0.1"}),
        ("User legacy Address 10.0.0.0/16", {"user": "legacy"}),
        ("Address 2001:db8::/32", {"addr": "2001:db8::1"}),
        ("Address 2001:db8::/32,!2001:db8::/33", {"addr": "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"}),
        ("Address fe80::*", {"addr": "fe80::1"}),
        ("Address 192.0.2.7,10.9.0.0/24", {"addr": "192.0.2.7"}),
        ("Address 192.168.*", {"addr": "192.168.1.1"}),
        ("Address *,!10.0.0.0/8", {"addr": "1.1.1.1"}),
        ("Address !192.0.2.1,*", {}),
        ("Address 10.0.0.1/32", {}),
        ("Group ml", {"user": "ada"}),
        ("Group ml,!sudo", {"user": "ada"}),
        ("Group !ml,*", {}),
        ('Group "domain users"', {"user": "eve"}),
        ("Group ml User b*", {"user": "bob"}),
        ("LocalPort 2222", {"lport": 2222}),
        ("LocalAddress 10.0.0.9", {"laddr": "10.0.0.9"}),
        ("Host *.example.org", {"host": "x.example.org"}),
        ("host *.example.org,!x.*", {"host": "xx.example.org"}),
        ("Group nobody-in-it", None),
        ("Group ml User ops", None),
        ("User !root", None),
        ("Address 10.0.0.0/99", None),
        ("LocalPort 22 LocalPort 23", None),
    ],
)
def test_a_match_line_gives_an_example(criteria, subject):
    parsed = parse_criteria(criteria)
    assert parsed
    found = sample(parsed, BASE, ACCOUNTS)
    if subject is None:
        assert found is None
    else:
        assert found == dataclasses.replace(BASE, **subject)
        assert holds(parsed, found, ACCOUNTS)


@pytest.mark.parametrize("criteria", ["Exec true", "RDomain x", "Invalid-User", "Tagged y", "Version 10.*", "User", "User a Foo b"])
def test_what_cannot_be_asked_about_is_unproven(criteria):
    assert parse_criteria(criteria) is None
    lines = parse_lines("/f", f"Match {criteria}\nX11Forwarding yes\n")
    subjects, unproven = subjects_of(lines, [BASE], ACCOUNTS)
    assert subjects == [] and [(line.path, line.number) for line in unproven] == [("/f", 1)]


def test_accounts_times_lines():
    root = dataclasses.replace(BASE, user="root")
    lines = parse_lines("/f", "Match Address 192.0.2.0/24\nMatch User ada Address 192.0.2.0/24\nMatch all\nMatch Group none\n")
    subjects, unproven = subjects_of(lines, [BASE, root], ACCOUNTS)
    assert [(one.user, one.addr) for one in subjects] == [
        ("ops", "192.0.2.1"), ("root", "192.0.2.1"), ("ada", "192.0.2.1"),
    ]
    assert [line.number for line in unproven] == [4]


def test_the_block_around_an_include_has_to_hold_as_well():
    files = Files("Match User ada\n  Include /m\n", None, {"/m": "Match Address 192.0.2.0/24\n  X11Forwarding yes\n"})
    subjects, unproven = subjects_of(files.lines(), [BASE], ACCOUNTS)
    assert [(one.user, one.addr) for one in subjects] == [("ada", "10.0.0.1"), ("ada", "192.0.2.1")] and unproven == []
    files = Files("Match Exec x\n  Include /m\n", None, {"/m": "Match User ada\n"})
    assert [line.path for line in subjects_of(files.lines(), [BASE], ACCOUNTS)[1]] == ["/etc/ssh/sshd_config", "/m"]


@pytest.mark.parametrize(
    ("match", "says"),
    [
        ("all", "every connection"),
        ("User *", "every connection"),
        ("Address 0.0.0.0/0,::/0", "every connection"),
        ("User *,!root", "every connection"),
        ("Exec true", "not understood"),
        ("", "not understood"),
        ("User a\nPermitRootLogin yes", "not understood"),
    ],
)
def test_an_exception_for_everybody_or_nobody_is_a_problem(match, says):
    with pytest.raises(Problem, match=says):
        check_exception(match)
