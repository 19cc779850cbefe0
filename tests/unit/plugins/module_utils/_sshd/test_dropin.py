# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""The drop-in's text and the main file's Include."""

from __future__ import annotations

import pytest
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem
from ansible_collections.lockstep.gpufleet.plugins.module_utils._sshd import algorithms, dropin, exceptions
from ansible_collections.lockstep.gpufleet.plugins.module_utils._sshd.effective import Subject

EVERYTHING = {directive: frozenset(names) for directive, names in algorithms.PREFERRED.items()}


def test_every_directive_stands_globally_and_in_the_closing_block():
    wanted = dropin.Wanted("no", ("ops", "al*"), ("ssh",), "no")
    text = dropin.render(wanted, algorithms.choose(EVERYTHING))
    before, _line, after = text.partition("Match all\n")
    for keyword, value in [
        *dropin.directives(wanted), ("AllowUsers", "ops al*"), ("AllowGroups", "ssh"), ("PasswordAuthentication", "no"),
    ]:
        assert f"\n{keyword} {value}\n" in before
        assert f"    {keyword} {value}\n" in after
    assert "KexAlgorithms" in before and "KexAlgorithms" not in after
    assert "Match" not in before.replace("Match blocks", "").replace("Match all", "")


def test_without_lists_of_accounts_none_is_written():
    text = dropin.render(dropin.Wanted(), algorithms.choose(EVERYTHING))
    assert "AllowUsers" not in text and "AllowGroups" not in text


def test_ports_exceptions_and_the_smallest_rsa_key():
    wanted = dropin.Wanted(
        permit_open=("localhost:8888",),
        exceptions=exceptions.parse([{"match": "User backup", "settings": {"passwordauthentication": True}}]),
    )
    lines = dropin.render(wanted, algorithms.choose(EVERYTHING), rsa_bits=2048, ports=(2222, 22)).splitlines()
    assert lines[2:4] == ["Port 2222", "Port 22"]
    assert "RequiredRSASize 2048" in lines and "PermitOpen localhost:8888" in lines and "    PermitOpen localhost:8888" in lines
    at = lines.index("Match User backup")
    assert lines[at + 1 : at + 3] == ["    PasswordAuthentication yes", "Match all"]


def test_an_exception_is_expected_of_whom_it_is_about():
    wanted = dropin.Wanted(
        exceptions=exceptions.parse(
            [
                {"match": "User backup", "settings": {"PasswordAuthentication": "yes"}},
                {"match": "Group ml", "settings": {"PasswordAuthentication": "no", "X11Forwarding": "yes"}},
            ]
        )
    )
    plain = dropin.expected(wanted, algorithms.choose(EVERYTHING), 2048)
    assert plain["passwordauthentication"] == ("no",) and plain["requiredrsasize"] == ("2048",)
    about = {"backup": {"ml"}, "ops": set()}
    backup = Subject("backup", "h", "192.0.2.1", "192.0.2.2", 22)
    found = dropin.expected_for(backup, plain, wanted, about)
    assert (found["passwordauthentication"], found["x11forwarding"]) == (("yes",), ("yes",))
    assert dropin.expected_for(Subject("ops", "h", "192.0.2.1", "192.0.2.2", 22), plain, wanted, about) == plain


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        (dropin.Wanted(allow_users=("a b",)), "allow_users: 'a b' is not one word"),
        (dropin.Wanted(allow_groups=("x\nPermitRootLogin yes",)), "allow_groups"),
        (dropin.Wanted(permit_open=("",)), "permit_open"),
        (dropin.Wanted(ports=(0,)), "ports: 0 is not a port"),
        (dropin.Wanted(ports=(70000,)), "ports: 70000"),
        (dropin.Wanted(ports=(22, 22)), "names a port twice"),
    ],
)
def test_values_that_would_write_something_else_are_a_problem(wanted, says):
    with pytest.raises(Problem) as caught:
        dropin.check(wanted)
    assert says in str(caught.value)
