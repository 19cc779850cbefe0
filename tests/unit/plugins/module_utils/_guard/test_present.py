# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""The present connection, found above sudo in a laid-out /proc."""

from __future__ import annotations

import pytest
from ansible_collections.lockstep.gpufleet.plugins.module_utils._guard.present import (
    PresentConnection,
    parse_ssh_connection,
    present_connection,
)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("10.0.0.1 4711 10.0.0.2 22", PresentConnection("ops", "10.0.0.1", 4711, "10.0.0.2", 22)),
        ("fe80::1%eth0 4711 fe80::2%eth0 2222", PresentConnection("ops", "fe80::1", 4711, "fe80::2", 2222)),
        ("::ffff:10.0.0.1 4711 ::ffff:10.0.0.2 22", PresentConnection("ops", "10.0.0.1", 4711, "10.0.0.2", 22)),
        ("", None),
        ("10.0.0.1 4711 10.0.0.2", None),
        ("10.0.0.1 x 10.0.0.2 22", None),
    ],
)
def test_parse(value, expected):
    assert parse_ssh_connection(value, "ops") == expected


def lay_out(proc, processes):
    """``processes``: pid -> (parent, command's name, environment)."""
    for pid, (parent, name, environment) in processes.items():
        folder = proc / str(pid)
        folder.mkdir()
        (folder / "stat").write_text(f"{pid} ({name}) S {parent} 1 1 0")
        (folder / "environ").write_bytes(b"\0".join(f"{key}={value}".encode() for key, value in environment.items()))


def test_the_login_above_sudo_is_found(tmp_path):
    login = {"SSH_CONNECTION": "10.0.0.1 4711 10.0.0.2 22", "LOGNAME": "ops"}
    lay_out(
        tmp_path,
        {
            50: (40, "python3", {"SUDO_USER": "ops", "LOGNAME": "root"}),
            40: (30, "sudo) S 1 (", login),
            30: (20, "sh", login),
            20: (1, "sshd", {}),
        },
    )
    assert present_connection(50, str(tmp_path)) == PresentConnection("ops", "10.0.0.1", 4711, "10.0.0.2", 22)


def test_without_ssh_there_is_none(tmp_path):
    lay_out(tmp_path, {50: (40, "python3", {"LOGNAME": "root"}), 40: (1, "bash", {})})
    assert present_connection(50, str(tmp_path)) is None
