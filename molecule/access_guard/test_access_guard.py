# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was changed under the guard is kept, what joined it is kept for the next boot too, and the guard is gone."""

from __future__ import annotations


def test_what_was_changed_is_kept(host):
    assert host.file("/etc/security/access.conf").content_string == "+:ops legacy:ALL\n-:ALL:ALL\n"
    assert "passwordauthentication no" in host.check_output("sshd -T").splitlines()


def test_the_firewall_was_saved_once_the_guard_was_confirmed(host):
    assert "10.88.85.0/24" in host.check_output("nft list table inet lockstep")
    assert "10.88.85.0/24" in host.file("/etc/lockstep/firewall.nft").content_string
    assert host.service("lockstep-firewall").is_running


def test_the_guard_left_no_litter(host):
    assert host.check_output("find /var/lib/lockstep/guard /run/lockstep -mindepth 1 2>/dev/null || true") == ""
    assert host.check_output("find /etc/systemd/system -name 'lockstep-guard*'") == ""
    assert host.check_output("systemctl list-units --all --no-legend 'lockstep-guard*'") == ""
