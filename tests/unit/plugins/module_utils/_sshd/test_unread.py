# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which lines of files that sshd has not read keep a run from reloading it."""

from __future__ import annotations

from ansible_collections.lockstep.gpufleet.plugins.module_utils._sshd import configuration, unread

OLD, NEW = "/etc/ssh/sshd_config", "/etc/ssh/sshd_config.d/99-late.conf"


def test_only_what_decides_about_logins_in_newer_files_is_named():
    lines = configuration.parse_lines(OLD, "Port 22\nUsePAM yes\n")
    lines += configuration.parse_lines(NEW, "Banner none\nUsePAM yes\nport 2222\nMatch User ops\n  ForceCommand /bin/false\n")
    found = unread.undecided(lines, lambda path: path == NEW)
    assert [(line.number, line.keyword) for line in found] == [(3, "port"), (5, "ForceCommand")]
    assert unread.undecided(lines, lambda path: False) == []
