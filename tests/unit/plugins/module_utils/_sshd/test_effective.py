# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""What sshd prints, compared with what must be in force; who is to blame."""

from __future__ import annotations

import pytest
from ansible_collections.lockstep.gpufleet.plugins.module_utils._sshd.configuration import ConfigLine, parse_lines
from ansible_collections.lockstep.gpufleet.plugins.module_utils._sshd.effective import (
    blame,
    differences,
    parse_effective,
)


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
        ({"clientaliveinterval": ("1h30m",)}, "clientaliveinterval 5400", []),
        ({"clientaliveinterval": ("5m",)}, "clientaliveinterval 5", ["clientaliveinterval"]),
        ({"acceptenv": ("LANG LC_*",)}, "acceptenv LANG\nacceptenv LC_*", []),
        ({"permitopen": ("a:1 b:2",)}, "permitopen a:1 b:2", []),
        ({"permitopen": ("a:1",)}, "permitopen any", ["permitopen"]),
        ({"allowtcpforwarding": ("all",)}, "allowtcpforwarding yes", []),
    ],
)
def test_differences(expected, output, wrong):
    assert list(differences(expected, parse_effective(output))) == wrong


def test_those_that_are_read_before_ours_are_to_blame():
    lines = parse_lines("/f", "PasswordAuthentication yes\nMatch User a\nPasswordAuthentication yes\n")
    assert [line.number for line in blame("passwordauthentication", lines, "/own")] == [1, 3]
    assert blame("passwordauthentication", lines, "/f") == []
    early = ConfigLine("/e", 7, "passwordauthentication", "yes", early=True)
    assert blame("passwordauthentication", [*lines, early], "/own") == [early]


def test_an_old_name_is_blamed_too():
    line = ConfigLine("/f", 1, "ChallengeResponseAuthentication", "yes")
    assert blame("kbdinteractiveauthentication", [line], "/own") == [line]
