# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the fresh login says of a failure, and what stands before the user's own arguments."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleConnectionFailure, AnsibleError
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils import _fresh_login


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (
            AnsibleConnectionFailure("Failed to connect to the host via ssh: ops@h: Permission denied (publickey)."),
            "ops@h: Permission denied (publickey).",
        ),
        (
            AnsibleConnectionFailure(
                "Failed to connect to the host via ssh: OpenSSH_9.2p1, OpenSSL\ndebug1: x\r\n"
                "ssh: connect to host h port 22: Connection refused"
            ),
            "ssh: connect to host h port 22: Connection refused",
        ),
        (AnsibleError("Incorrect sudo password"), "Incorrect sudo password"),
    ],
)
def test_the_reason_is_what_ssh_said(error, reason):
    assert _fresh_login._reason(error) == reason


def test_nothing_but_keys_and_no_shared_connection():
    arguments = " ".join(_fresh_login._FRESH_ARGUMENTS)
    for option in ("ControlMaster=no", "ControlPath=none", "PreferredAuthentications=publickey", "BatchMode=yes"):
        assert f"-o {option}" in arguments
    # ssh(1) lets -S outdo ControlPath, whichever comes first.
    assert _fresh_login._LAST_ARGUMENTS == "-S none"


@pytest.mark.parametrize(
    ("ok", "reason", "denied"),
    [
        (False, "a fresh login to h failed: ops@h: Permission denied (publickey,password).", True),
        (False, "a fresh login to h failed: ssh: connect to host h port 22: Connection refused", False),
        (False, "a fresh login to h got in, but sudo failed: sudo: /etc/sudoers: Permission denied", False),
        (True, "a fresh login to h succeeded", False),
    ],
)
def test_a_login_that_sshd_refused_is_told_from_one_that_did_not_reach_it(ok, reason, denied):
    assert _fresh_login.FreshLogin(ok, True, "ops", reason).denied == denied
