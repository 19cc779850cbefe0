# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ssh-audit says of hosts as they are installed: the first line of the table in docs/access.md."""

from __future__ import annotations

from test_ssh_audit import audit, row


def test_the_table_says_what_ssh_audit_says_before(host):
    found = [entry[0] for entry in audit(host.ansible.get_variables()["ansible_host"])]
    measured = found.count("fail"), found.count("warn")
    assert measured[0] > 0
    assert row(host.system_info.release, "as installed") == measured
