# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a login without a key is told, out of what ssh says."""

from __future__ import annotations

import pytest
from ansible_collections.lockstep.gpufleet.plugins.module_utils._sshd.offer import check_offer, parse_offer


@pytest.mark.parametrize(
    ("status", "said", "methods"),
    [
        (255, "ops@h: Permission denied (publickey).", ["publickey"]),
        (255, "j: Permission denied (x).\nops@h: Permission denied (publickey,password).", ["publickey", "password"]),
        (255, "ops@h: Permission denied (publickey,keyboard-interactive).", ["publickey", "keyboard-interactive"]),
        (255, "ssh: connect to host h port 22: Connection refused", None),
        (0, "", ["none"]),
    ],
)
def test_what_ssh_says(status, said, methods):
    assert parse_offer(status, said) == methods


@pytest.mark.parametrize(
    ("offered", "wished", "fine"),
    [
        (["publickey"], ["publickey"], True),
        (["publickey", "password"], ["publickey"], False),
        (["publickey", "password"], ["publickey", "password"], True),
        (["none"], ["publickey"], False),
        (["password"], ["publickey", "password"], False),
        ([], ["publickey"], False),
    ],
)
def test_more_than_wished_is_an_objection(offered, wished, fine):
    said = check_offer(offered, wished)
    assert (said is None) is fine
    assert fine or ", ".join(offered) in said
