# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""The user's exceptions, as data and as Match blocks."""

from __future__ import annotations

import pytest
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem
from ansible_collections.lockstep.gpufleet.plugins.module_utils._sshd import exceptions


def test_they_are_rendered_in_order():
    parsed = exceptions.parse(
        [
            {"match": "User backup Address 10.0.0.0/8", "settings": {"forcecommand": "/bin/rrsync /srv", "PermitTTY": False}},
            {"match": "Group sftp", "settings": {"ChrootDirectory": "%h", "MaxSessions": 3, "PermitOpen": ["a:1", "b:2"]}},
        ]
    )
    assert exceptions.render(parsed) == [
        "Match User backup Address 10.0.0.0/8",
        "    ForceCommand /bin/rrsync /srv",
        "    PermitTTY no",
        "Match Group sftp",
        "    ChrootDirectory %h",
        "    MaxSessions 3",
        "    PermitOpen a:1 b:2",
    ]


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({}, "has no settings"),
        ({"Frobnicate": "yes"}, "Frobnicate for 'User a' is not a directive"),
        ({"Port": 22}, "Port for 'User a' is not a directive"),
        ({"KexAlgorithms": "x"}, "KexAlgorithms for 'User a' is not"),
        ({"PermitEmptyPasswords": True}, "without a password"),
        ({"permitrootlogin": "yes"}, "root could log in with a password"),
        ({"AuthorizedKeysCommand": "/x"}, "a program would decide"),
        ({"AllowUsers": "x"}, "say it with allow_users"),
        ({"Include": "/x"}, "cannot be checked"),
        ({"Match": "all"}, "one Match block"),
        ({"Banner": "x\nMatch all"}, "has to be one line"),
        ({"Banner": ""}, "has to be one line"),
    ],
)
def test_what_is_not_known_or_not_safe_is_a_problem(settings, says):
    with pytest.raises(Problem) as caught:
        exceptions.parse([{"match": "User a", "settings": settings}])
    assert says in str(caught.value)
