# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""What sshd prints, compared with what must be in force; who is to blame; whom a Match line means."""

from __future__ import annotations

import dataclasses

import pytest
from ansible_collections.lockstep.gpufleet.plugins.module_utils._sshd.effective import (
    ConfigLine,
    Subject,
    accounts_shut_out,
    blame,
    differences,
    login_refused,
    match_subjects,
    parse_effective,
    parse_lines,
)

BASE = Subject("ops", "10.0.0.1", "10.0.0.1", "10.0.0.2", 22)


@pytest.mark.parametrize(
    ("expected", "output", "wrong"),
    [
        ({"passwordauthentication": ("no",)}, "passwordauthentication no", []),
        ({"passwordauthentication": ("no",)}, "passwordauthentication yes", ["passwordauthentication"]),
        ({"permitrootlogin": ("prohibit-password",)}, "permitrootlogin without-password", []),
        ({"permitrootlogin": ("no",)}, "permitrootlogin without-password", ["permitrootlogin"]),
        ({"allowusers": ("a", "b")}, "allowusers b\nallowusers a", []),
        ({"allowusers": ("a",)}, "allowusers a\nallowusers mallory", ["allowusers"]),
        ({"allowusers": ("a",)}, "", ["allowusers"]),
        ({"ciphers": ("x,y",)}, "ciphers y,x", ["ciphers"]),
        ({"unknown": ("no",)}, "port 22", []),
    ],
)
def test_differences(expected, output, wrong):
    assert list(differences(expected, parse_effective(output))) == wrong


def test_lines_know_their_match():
    text = "# c\nPort 22\n\nMatch User a,b\n\tPasswordAuthentication yes\n  X11Forwarding=yes\nMatch all\nBanner none\n"
    lines = parse_lines("/f", text)
    assert [(line.number, line.keyword, line.value, line.match) for line in lines] == [
        (2, "Port", "22", ""),
        (4, "Match", "User a,b", ""),
        (5, "PasswordAuthentication", "yes", "Match User a,b"),
        (6, "X11Forwarding", "yes", "Match User a,b"),
        (7, "Match", "all", ""),
        (8, "Banner", "none", "Match all"),
    ]
    assert [line.number for line in blame("passwordauthentication", lines, "/own")] == [5]
    assert blame("passwordauthentication", lines, "/f") == []
    assert str(lines[2]) == "/f line 5: PasswordAuthentication yes (under 'Match User a,b')"


def test_an_old_name_is_blamed_too():
    line = ConfigLine("/f", 1, "ChallengeResponseAuthentication", "yes")
    assert blame("kbdinteractiveauthentication", [line], "/own") == [line]


@pytest.mark.parametrize(
    ("criteria", "subject"),
    [
        ("User legacy", {"user": "legacy"}),
        ("User *,!root", {"user": "x"}),
        ("User legacy Address 10.1.0.0/16", {"user": "legacy", "addr": "10.1.0.1"}),
        ("Address 2001:db8::/32", {"addr": "2001:db8::1"}),
        ("Address 192.0.2.7,10.0.0.0/8", {"addr": "192.0.2.7"}),
        ("Group ml", {"user": "ada"}),
        ("LocalPort 2222", {"lport": 2222}),
        ("LocalAddress 10.0.0.9", {"laddr": "10.0.0.9"}),
        ("Host *.example.org", {"host": "x.example.org"}),
        ("Group nobody-in-it", None),
        ("User !root", None),
        ("Exec true", None),
        ("Address 10.0.0.0/99", None),
    ],
)
def test_a_match_line_gives_one_subject_or_is_unproven(criteria, subject):
    lines = parse_lines("/f", f"Match {criteria}\nX11Forwarding yes\n")
    subjects, unproven = match_subjects(
        lines, BASE, lambda name: {"ml": ["ada", "bob"]}.get(name, [])
    )
    if subject is None:
        assert subjects == [] and [line.number for line in unproven] == [1]
    else:
        assert subjects == [dataclasses.replace(BASE, **subject)] and unproven == []


@pytest.mark.parametrize(
    ("users", "groups", "reason"),
    [
        ([], [], None),
        (["ops"], [], None),
        (["o*"], [], None),
        (["ops@10.0.0.0/8"], [], None),
        (["alice", "bob"], [], "does not name ops"),
        ([], ["sudo"], None),
        ([], ["wheel"], "in none of allow_groups"),
        (["ops"], ["wheel"], "in none of allow_groups"),
    ],
)
def test_accounts_shut_out(users, groups, reason):
    said = accounts_shut_out("ops", {"ops", "sudo"}, users, groups)
    assert (said is None) if reason is None else reason in said


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        ("authenticationmethods any", None),
        ("authenticationmethods publickey", None),
        ("authenticationmethods publickey,password publickey,publickey", None),
        ("authenticationmethods publickey,password", "asks for more than a key"),
        ("denyusers op*", "denyusers names op*"),
        ("denygroups sudo", "denygroups names sudo"),
        ("allowusers nobody", "does not name ops"),
        ("allowgroups nobody", "none of its groups"),
        ("allowusers nobody\nallowusers ops", None),
    ],
)
def test_login_refused(output, reason):
    said = login_refused("ops", {"ops", "sudo"}, parse_effective(output))
    assert (said is None) if reason is None else reason in said
