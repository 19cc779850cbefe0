# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whom the lists of accounts and groups let pass."""

from __future__ import annotations

import pytest
from ansible_collections.lockstep.gpufleet.plugins.module_utils._sshd.admission import accounts_shut_out, login_refused
from ansible_collections.lockstep.gpufleet.plugins.module_utils._sshd.effective import parse_effective


@pytest.mark.parametrize(
    ("users", "groups", "reason"),
    [
        ([], [], None),
        (["ops"], [], None),
        (["o*"], [], None),
        (["ops@10.0.0.0/8"], [], None),
        (["ops@192.0.2.0/24"], [], "does not name ops from 10.1.2.3"),
        (["*@10.1.2.*"], [], None),
        (["o[p]s"], [], "does not name ops"),
        (["alice", "bob"], [], "does not name ops"),
        ([], ["sudo"], None),
        ([], ["wheel"], "in none of allow_groups"),
        (["ops"], ["wheel"], "in none of allow_groups"),
    ],
)
def test_accounts_shut_out(users, groups, reason):
    said = accounts_shut_out("ops", {"ops", "sudo"}, users, groups, "10.1.2.3")
    assert (said is None) if reason is None else reason in said


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        ("authenticationmethods any", None),
        ("authenticationmethods publickey", None),
        ("authenticationmethods publickey,password publickey,publickey", None),
        ("authenticationmethods publickey,password", "asks for more than a key"),
        ("denyusers op*", "denyusers names op*"),
        ("denyusers ops@192.0.2.1", None),
        ("allowusers ops@192.0.2.1", "does not name ops from 10.1.2.3"),
        ("denygroups sudo", "denygroups names sudo"),
        ("allowusers nobody", "does not name ops"),
        ("allowgroups nobody", "none of its groups"),
        ("allowusers nobody\nallowusers ops", None),
    ],
)
def test_login_refused(output, reason):
    said = login_refused("ops", {"ops", "sudo"}, parse_effective(output), "10.1.2.3")
    assert (said is None) if reason is None else reason in said
