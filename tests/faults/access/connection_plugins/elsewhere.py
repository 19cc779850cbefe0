# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""A connection that is not SSH as far as the collection knows: no fresh login is possible over it."""

from __future__ import annotations

from ansible.plugins.connection import ssh

DOCUMENTATION = ssh.DOCUMENTATION.replace("name: ssh", "name: elsewhere", 1)


class Connection(ssh.Connection):
    """ssh under another name."""

    transport = "elsewhere"
