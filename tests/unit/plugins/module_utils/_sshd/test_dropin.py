# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""The drop-in's text and the main file's Include."""

from __future__ import annotations

import pytest
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem
from ansible_collections.lockstep.gpufleet.plugins.module_utils._sshd import dropin

EVERYTHING = {directive: frozenset(names) for directive, names in dropin.PREFERRED.items()}


def test_every_directive_stands_globally_and_in_the_closing_block():
    wanted = dropin.Wanted("no", ("ops", "al*"), ("ssh",), "no")
    text = dropin.render(wanted, dropin.choose_algorithms(EVERYTHING))
    before, _line, after = text.partition("Match all\n")
    for keyword, value in [
        *dropin.directives(wanted), ("AllowUsers", "ops al*"), ("AllowGroups", "ssh"), ("PasswordAuthentication", "no"),
    ]:
        assert f"\n{keyword} {value}\n" in before
        assert f"    {keyword} {value}\n" in after
    assert "KexAlgorithms" in before and "KexAlgorithms" not in after
    assert "Match" not in before.replace("Match blocks", "").replace("Match all", "")


def test_without_lists_of_accounts_none_is_written():
    text = dropin.render(dropin.Wanted(), dropin.choose_algorithms(EVERYTHING))
    assert "AllowUsers" not in text and "AllowGroups" not in text


@pytest.mark.parametrize(
    ("kex", "first", "post_quantum"),
    [
        (EVERYTHING["KexAlgorithms"], "mlkem768x25519-sha256", True),
        ({"sntrup761x25519-sha512@openssh.com", "curve25519-sha256", "ecdh-sha2-nistp256"},
         "sntrup761x25519-sha512@openssh.com", True),
        ({"curve25519-sha256", "diffie-hellman-group14-sha1"}, "curve25519-sha256", False),
    ],
)
def test_algorithms_are_what_this_host_knows_best_first(kex, first, post_quantum):
    chosen = dropin.choose_algorithms({**EVERYTHING, "KexAlgorithms": frozenset(kex)})
    assert chosen["KexAlgorithms"][0] == first
    assert set(chosen["KexAlgorithms"]) <= set(kex)
    assert dropin.post_quantum(chosen) is post_quantum


def test_an_sshd_that_knows_none_of_them_is_a_problem():
    with pytest.raises(Problem, match="MACs"):
        dropin.choose_algorithms({**EVERYTHING, "MACs": frozenset({"hmac-md5"})})


@pytest.mark.parametrize(
    ("main", "untouched"),
    [
        ("# x\n\nInclude /etc/ssh/sshd_config.d/*.conf\nPort 22\n", True),
        ("include sshd_config.d/*.conf\n", True),
        ("Include=/etc/ssh/sshd_config.d/*.conf\n", True),
        ('Include "/etc/ssh/sshd_config.d/*.conf"\n', True),
        ("Include /etc/ssh/other/*.conf\nInclude /etc/ssh/sshd_config.d/*.conf\n", True),
        ("Port 22\nInclude /etc/ssh/sshd_config.d/*.conf\n", False),
        ("#Include /etc/ssh/sshd_config.d/*.conf\nPort 22\n", False),
        ("Port 22\n", False),
        ("", False),
    ],
)
def test_the_drop_in_is_read_first(main, untouched):
    read = dropin.with_include(main)
    assert (read == main) is untouched
    assert dropin.with_include(read) == read
    assert dropin.without_include(read) == main
    if not untouched:
        assert read.splitlines()[:2] == [dropin.MARK, f"Include {dropin.PATH}"]
