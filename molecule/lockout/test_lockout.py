# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""After all the attacks and an honest run: both changes are in force, and no guard has left anything behind."""

from __future__ import annotations


def test_both_changes_are_in_force(host):
    assert "passwordauthentication no" in host.check_output("sshd -T").splitlines()
    assert "policy drop" in host.check_output("nft list table inet lockstep")
    assert host.service("lockstep-firewall").is_enabled


def test_no_guard_left_anything(host):
    assert host.check_output("find /var/lib/lockstep/guard /run/lockstep -mindepth 1 2>/dev/null || true") == ""
    assert host.check_output("find /etc/systemd/system -name 'lockstep-guard*'") == ""
    assert host.check_output("systemctl list-units --all --no-legend 'lockstep-guard*'") == ""
    assert host.check_output("find /etc/ssh -name '.*'") == ""
