# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ways of locking oneself out with the firewall: each is refused up front, or the host restores itself in time.

The lock-out is real: this controller's address changes while the run is under way (as behind a provider's NAT). The
connection that is open keeps the old address, so the evaluator sees nothing wrong; every new one comes from an address
that the rules drop.
"""

from __future__ import annotations

import socket
import subprocess
import time
import typing as t

import pytest

from faults.access.attack import Host
from faults.access.controllers import Moved, open_up, second_address
from faults.hosts import KEY

WINDOW = 10


@pytest.fixture(autouse=True)
def open_host(victim: Host) -> None:
    """Hosts are attacked without our table, and with a table of somebody else."""
    open_up(victim)


@pytest.fixture
def moved(victim: Host) -> t.Iterator[Moved]:
    """A second address of this controller."""
    with second_address(victim) as addresses:
        yield addresses


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


#: A service that makes its table late, as Docker does.
LATE = """\
[Unit]
After=network-online.target
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=nft "table ip nat { chain DOCKER { tcp dport 8080 dnat to 172.30.0.2:80; }; }"
[Install]
WantedBy=multi-user.target
"""


def test_rules_survive_a_reboot_once_confirmed_and_so_do_those_of_others(victim):
    network = victim.address.rpartition(".")[0] + ".0/24"
    options = {"ssh_sources": [network], "ssh_source_groups": ["fleet"], "ssh_rate_limit": "100/minute", "log_drops": True,
               "published_sources": [network]}
    victim.console(f"printf '%s' '{LATE}' > /etc/systemd/system/docker.service && systemctl enable --now docker 2>&1")
    try:
        run = victim.run("firewall", options)
        assert not run.failed, run.output
        before = victim.console("nft -s list table inet lockstep")
        victim.power_cycle()
        victim.console("timeout 60 systemctl is-system-running --wait", check=False)
        assert victim.console("nft -s list table inet lockstep") == before
        assert "tcp dport 8080 dnat to 172.30.0.2:80" in victim.console("nft list table ip nat")
        assert_order(victim)
        again = victim.run("firewall", options)
        assert not again.failed and "changed=0" in again.said, again.output
    finally:
        victim.console("systemctl disable --now docker 2>/dev/null; rm /etc/systemd/system/docker.service", check=False)


def assert_order(victim: Host) -> None:
    """Our table was there before the network, sshd and Docker were; after a flush by nftables.service it comes again."""
    said = dict(
        line.split("=", 1)
        for line in victim.console("systemctl show lockstep-firewall -p Before -p After -p ActiveEnterTimestampMonotonic").splitlines()
    )
    assert {"network-pre.target", "docker.service"} <= set(said["Before"].split())
    assert {"nftables.service", "local-fs.target"} <= set(said["After"].split())
    assert "docker.service" not in said["After"].split()
    ours = int(said["ActiveEnterTimestampMonotonic"])
    for later in ("network-pre.target", "ssh.service", "docker.service"):
        entered = int(victim.console(f"systemctl show {later} -p ActiveEnterTimestampMonotonic --value"))
        assert 0 < ours < entered, later


def test_the_first_rules_name_what_they_close(victim, moved):
    victim.console("systemd-run --quiet --unit=exporter python3 -m http.server 9100; systemd-run --quiet --unit=private "
                   "python3 -m http.server 9101 --bind 127.0.0.1")
    try:
        victim.console("timeout 20 sh -c 'until ss -Hltn | grep -q :9100 && ss -Hltn | grep -q :9101; do sleep 0.1; done'")
        with socket.create_connection((victim.address, 9100), source_address=(moved.second, 0)):
            options = {"ssh_sources": [moved.first]}
            predicted = victim.run("firewall", options, verbose=True, flags="--check --diff")
            assert not predicted.failed, predicted.output
            close = "close tcp 0.0.0.0:9100 (python3)"
            leave = f"leave out {moved.second} to tcp port 9100 (python3), which is connected now"
            assert f'"{close}", "{leave}"' in predicted.said
            assert "-tcp 0.0.0.0:9100 (python3)" in predicted.output
            assert f"-peer {moved.second} to tcp port 9100 (python3)" in predicted.output
            assert ":9101" not in predicted.output and "port 22 (sshd" not in predicted.said
            done = victim.run("firewall", options, verbose=True)
            assert not done.failed and f'"{close}", "{leave}"' in done.said, done.output
        # Later rules are shown as rules: what was closed has been said.
        more = victim.run("firewall", {**options, "rules": [{"name": "x", "ports": ["9"]}]}, verbose=True)
        assert not more.failed and close not in more.said, more.output
    finally:
        victim.console("systemctl stop exporter private", check=False)


def test_every_open_connection_of_the_account_counts_and_nobody_elses(victim, moved):
    # Somebody who merely knocks at sshd has no say, nor has another account.
    with socket.create_connection((victim.address, 22), source_address=(moved.second, 0)) as knocking:
        assert knocking.recv(8) == b"SSH-2.0-"
        run = victim.run("firewall", {"ssh_sources": [moved.first]})
        assert not run.failed, run.output
        assert not victim.run("firewall", {"state": "absent"}).failed
    session = subprocess.Popen(
        [
            "ssh", "-F", "none", "-o", f"UserKnownHostsFile={victim.known_hosts}", "-o", "BatchMode=yes", "-i", str(KEY),
            "-o", "IdentitiesOnly=yes", "-o", f"BindAddress={moved.second}", f"ops@{victim.address}", "echo in; sleep 300",
        ],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )
    try:
        assert session.stdout is not None and session.stdout.readline() == "in\n"
        refused = victim.run("firewall", {"ssh_sources": [moved.first]})
        assert refused.failed, refused.output
        assert f"shut out another open connection of ops, {moved.second} to port 22 (process " in refused.said
        assert_as_before(victim)
        both = victim.run("firewall", {"ssh_sources": [moved.first], "ssh_source_groups": ["fleet"]}, firewall_addresses=[moved.second])
        assert not both.failed, both.output
    finally:
        # The kernel has not followed this connection from its beginning, and would take its end for no part of any.
        victim.console("nft delete table inet lockstep", check=False)
        session.kill()
        session.wait()
        victim.console(f"timeout 20 sh -c 'while ss -Htn state established dst {moved.second} | grep -q .; do sleep 0.1; done'")


def test_nothing_to_do_is_one_module_and_no_login(victim):
    options = {"ssh_sources": [victim.address.rpartition(".")[0] + ".0/24"], "ssh_source_groups": ["fleet"]}
    first = victim.run("firewall", options, flags="-vvv")
    assert not first.failed and first.output.count("Using module file") == 3, first.output
    before = logins(victim)
    again = victim.run("firewall", options, flags="-vvv")
    assert not again.failed and "changed=0" in again.said, again.output
    assert again.output.count("Using module file") == 1
    # The connection of the run itself is still open from the first one.
    assert logins(victim) == before


JOINED = """\
- name: Change access under a guard of the user's own
  hosts: all
  gather_facts: false
  tasks:
    - name: Arm
      lockstep.gpufleet.access_guard:
        state: armed
        paths: [/etc/motd]
    - name: Change
      lockstep.gpufleet.firewall: &options
        ssh_sources: [%s]
        ssh_source_groups: [fleet]
        ssh_rate_limit: 100/minute
    - name: Confirm
      lockstep.gpufleet.access_guard:
        state: confirmed
    - name: Change nothing
      lockstep.gpufleet.firewall: *options
"""


def test_groups_are_saved_when_a_guard_of_the_users_own_is_confirmed(victim):
    network = victim.address.rpartition(".")[0]
    run = victim.start_playbook(JOINED % f"{network}.1")
    run.wait()
    assert not run.failed, run.output
    # The firewall alone, and once.
    assert (run.output.count(f"changed: [{victim.name}]"), run.output.count(f"ok: [{victim.name}]")) == (1, 3), run.output
    saved = victim.console("cat /etc/lockstep/firewall.nft")
    assert f"{network}.11," in saved and f"{network}.12," in saved and "@group_fleet_ipv4 tcp dport 22" in saved
    assert victim.litter() == ""


def logins(victim: Host) -> int:
    """Return how often sshd has let somebody in since the host has booted."""
    return int(victim.console("journalctl -b --no-pager -t sshd -t sshd-session | grep -c 'Accepted publickey'"))


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
