# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ways of locking oneself out with the firewall: each is refused up front, or the host restores itself in time.

The lock-out is real: this controller's address changes while the run is under way (as behind a provider's NAT). The
connection that is open keeps the old address, so the evaluator sees nothing wrong; every new one comes from an address
that the rules drop.
"""

from __future__ import annotations

import time

import pytest

from faults.access.attack import Host

WINDOW = 10


@pytest.fixture(autouse=True)
def open_host(victim: Host) -> None:
    """Hosts are attacked without our table, and with a table of somebody else."""
    victim.console(
        "systemctl stop lockstep-firewall 2>/dev/null; cd /etc/systemd/system; "
        "rm -rf /etc/lockstep *.wants/lockstep-firewall* lockstep-firewall*; systemctl daemon-reload; nft flush ruleset; "
        "nft add table ip others; nft add chain ip others post '{ type nat hook postrouting priority 100; }'"
    )


def assert_as_before(host: Host) -> None:
    """No table of ours, nothing saved, the other's table untouched."""
    tables = host.console("nft list tables").split("\n")
    assert "table inet lockstep" not in tables
    assert "table ip others" in tables
    assert not host.console("ls /etc/lockstep /etc/systemd/system/lockstep* 2>/dev/null", check=False)


def test_an_unconfirmed_change_is_reverted_at_once_over_the_open_connection(victim, moved):
    moved.open_master(victim)
    run = victim.run("firewall", {"window": WINDOW, "ssh_sources": [moved.first]}, moved.config)
    assert run.failed, run.output
    assert f"the firewall of {victim.address} was changed" in run.said
    assert "restored itself at once" in run.said and "the login works again" in run.said
    assert moved.lets_in(victim)
    assert_as_before(victim)
    assert victim.litter() == ""


def test_a_killed_controller_drops_nobody_for_long(victim, moved):
    moved.open_master(victim)
    run = victim.start("firewall", {"window": WINDOW, "ssh_sources": [moved.first]}, moved.config)
    run.until_armed()
    began = time.monotonic()
    run.kill()
    assert "table inet lockstep" in victim.console("nft list tables")
    assert victim.wait_until_it_lets_in(WINDOW + 8, "-o", f"BindAddress={moved.second}") >= 0
    assert time.monotonic() - began < WINDOW + 8
    assert_as_before(victim)


def test_a_reboot_within_the_window_restores(victim, moved):
    moved.open_master(victim)
    run = victim.start("firewall", {"window": 600, "ssh_sources": [moved.first]}, moved.config)
    run.until_armed()
    run.kill()
    victim.power_cycle()
    assert moved.lets_in(victim)
    assert "table inet lockstep" not in victim.console("nft list tables")
    assert "complete" in victim.console("cat /var/lib/lockstep/guard/*/report")


def test_the_former_rules_come_back_not_none(victim, moved):
    keep = {"ssh_sources": [moved.first, moved.second], "rules": [{"name": "old", "ports": ["7777"]}]}
    assert not victim.run("firewall", keep, moved.config).failed
    saved = victim.console("cat /etc/lockstep/firewall.nft")
    moved.flag.touch()
    run = victim.run("firewall", {"window": WINDOW, "ssh_sources": [moved.first]}, moved.config)
    assert run.failed and "restored itself" in run.said, run.output
    assert "7777" in victim.console("nft list table inet lockstep")
    assert victim.console("cat /etc/lockstep/firewall.nft") == saved
    assert moved.lets_in(victim)


def test_a_confirmation_after_the_deadline_loses(victim):
    run = victim.start("firewall", {"window": 10, "ssh_sources": []})
    run.until_armed()
    run.freeze()
    time.sleep(12)
    run.thaw()
    run.wait()
    assert run.failed and "too late" in run.said, run.output
    assert_as_before(victim)


def test_rules_survive_a_reboot_once_confirmed(victim):
    network = victim.address.rpartition(".")[0] + ".0/24"
    run = victim.run("firewall", {"ssh_sources": [network]})
    assert not run.failed, run.output
    before = victim.console("nft list table inet lockstep")
    victim.power_cycle()
    assert victim.console("nft list table inet lockstep") == before
    again = victim.run("firewall", {"ssh_sources": [network]})
    assert not again.failed and "changed=0" in again.said, again.output


@pytest.mark.parametrize("sign", ["ufw", "firewalld"])
def test_another_firewall_is_refused(victim, sign):
    if sign == "ufw":
        victim.console("mkdir -p /etc/ufw && echo ENABLED=yes > /etc/ufw/ufw.conf")
    else:
        victim.console("systemd-run --unit=firewalld sleep 600")
    try:
        run = victim.run("firewall", {"ssh_sources": []})
        assert run.failed, run.output
        assert f"another firewall is active on this host, so nothing was changed: {sign}" in run.said, run.output
        assert_as_before(victim)
    finally:
        victim.console("rm -rf /etc/ufw; systemctl stop firewalld 2>/dev/null", check=False)


def test_removing_takes_away_only_what_is_ours(victim):
    assert not victim.run("firewall", {}).failed
    gone = victim.run("firewall", {"state": "absent"})
    assert not gone.failed, gone.output
    assert_as_before(victim)
    assert "changed=0" in victim.run("firewall", {"state": "absent"}).said


def test_a_connection_that_is_not_ssh_confirms_by_a_probe(victim):
    run = victim.run("firewall", {"ssh_sources": [victim.address + "/32", victim.address.rpartition(".")[0] + ".1"]},
                     ansible_connection="elsewhere", flags="-v")
    assert not run.failed and '"confirmed_by": "probe"' in run.said, run.output
    assert victim.litter() == ""
