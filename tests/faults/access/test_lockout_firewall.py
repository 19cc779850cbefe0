# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ways of locking oneself out with rules and networks."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import threading
import time
import typing as t

import pytest

from faults.access import lockout
from faults.access.attack import Host, bridge_to
from faults.access.lockout import LATE, WINDOW, Refusal

pytestmark = pytest.mark.usefixtures("bare")

GATE = "nft add table inet others; nft add chain inet others gate"
# By its flag: a connection that is older than all rules would be new to conntrack.
DENY_NEW = (
    f"{GATE} '{{ type filter hook input priority -10; }}'; "
    "nft 'add rule inet others gate tcp dport 22 tcp flags & (syn | ack) == syn drop'"
)
DENY_ALL = f"{GATE} '{{ type filter hook input priority -10; policy drop; }}'"


def test_rules_that_shut_us_out_are_refused(victim, note):
    lockout.refusals(
        victim,
        [
            Refusal("own address not in the sources", "`ssh_sources: [192.0.2.0/24]`", "SSH is allowed from 192.0.2.0/24 to 22",
                    "firewall", {"ssh_sources": ["192.0.2.0/24"]}),
            Refusal("own address family not in the sources", "`ssh_sources: [fd00::/8]`, from an IPv4 address",
                    "SSH is allowed from fd00::/8 to 22", "firewall", {"ssh_sources": ["fd00::/8"]}),
            Refusal("SSH's port closed", "`ssh_ports: [2222]`", "SSH is allowed from any to 2222", "firewall",
                    {"ssh_ports": [2222]}),
            Refusal("SSH's port moved in a file that sshd has not read",
                    "`99-late.conf`: `Port 2222`, `ssh_ports` left to the host", "SSH is allowed from any to 2222", "firewall",
                    sabotage="echo Port 2222 > /etc/ssh/sshd_config.d/99-late.conf",
                    repair="rm /etc/ssh/sshd_config.d/99-late.conf"),
        ],
        note,
    )


def test_somebody_elses_table_drops_new_connections_already(victim, note):
    config = lockout.pinned(victim)
    assert not victim.run("firewall", {"state": "absent"}, config).failed
    with lockout.on_host(victim, DENY_NEW, "nft delete table inet others"):
        before = lockout.state(victim)
        for module in ("firewall", "ssh_hardening"):
            run = victim.run(module, {"window": WINDOW}, config)
            assert run.failed and "nothing was changed, because the login account would not get in" in run.said, run.output
            assert "timed out" in run.said, run.output
        assert lockout.state(victim) == before and victim.litter() == ""
    note(
        "deny-all rules of somebody else",
        "a table that drops new connections, before the run",
        "refused: would not get in with a key",
    )


def test_somebody_elses_daemon_drops_everything_while_our_table_is_there(victim, note):
    before = lockout.state(victim)
    watch = (
        f"{DENY_ALL}; while nft list table inet lockstep >/dev/null 2>&1; do sleep 0.2; done; nft delete table inet others"
    )
    lockout.plant(victim, "/opt/attack/watch", watch.replace("'", '"'))
    strike = "systemd-run --quiet --collect --unit=attack sh /opt/attack/watch; sleep 1"
    config = lockout.interfering(victim, lockout.pinned(victim), strike)
    began = time.monotonic()
    run = victim.run("firewall", {"window": WINDOW}, config)
    assert lockout.attacked(victim), run.output
    assert run.failed and "the firewall of" in run.said and "timed out" in run.said, run.output
    assert "the login works again" in run.said, run.output
    assert time.monotonic() - began < WINDOW + LATE + 20
    victim.console("systemctl is-active attack >/dev/null && exit 1; rm -rf /opt/attack")
    assert lockout.state(victim) == before and victim.lets_in()
    note(
        "deny-all rules of somebody else",
        "a daemon that drops everything, open connections too, while our table is there",
        "restored at the end of the window, the run says so",
    )


def test_nftables_service_flushes_everything_in_the_window(victim, moved, note):
    keep = {"ssh_sources": [moved.first, moved.second], "rules": [{"name": "old", "ports": ["7777"]}]}
    assert not victim.run("firewall", keep, moved.config).failed
    before = lockout.state(victim)
    moved.flag.touch()
    second = ("-o", f"BindAddress={moved.second}")
    began = lockout.locked_out(victim, "firewall", {"ssh_sources": [moved.first]}, moved.config, *second)
    victim.console("systemctl start nftables")
    for verb in ("reload", "restart"):
        victim.console(f"systemctl {verb} nftables; nft delete table inet lockstep; systemctl {verb} nftables")
        victim.wait_until_it_lets_in(5, "-o", f"BindAddress={moved.second}")
        assert "7777" in victim.console("nft list table inet lockstep")
    ended = f"restored after {time.monotonic() - began:.0f} s, by the saved rules"
    victim.console("systemctl stop nftables")
    assert moved.lets_in(victim)
    victim.until_restored(WINDOW + LATE)
    assert "7777" in victim.console("nft list table inet lockstep") and moved.lets_in(victim)
    victim.console("systemctl start lockstep-firewall")
    assert lockout.state(victim) == before
    note(
        "`nftables.service` flushes all rules",
        "started, reloaded, restarted and stopped in the window, in which the controller was killed",
        ended,
    )


@contextlib.contextmanager
def ipv6_only(host: Host) -> t.Iterator[tuple[str, str, str]]:
    """Give host and controller IPv6 and take the host's IPv4 away; gives the host's and two addresses of the controller."""
    network = f"fd00:84:{host.address.rpartition('.')[2]}:"
    device = bridge_to(host.address)
    mine = [f"{network}:1", f"{network}:3"]
    for address in mine:
        subprocess.run(["ip", "address", "replace", f"{address}/64", "dev", device, "nodad"], check=True)
    try:
        with lockout.on_host(
            host, f"ip address replace {network}:2/64 dev eth0 nodad && ip -4 address flush dev eth0",
            f"ip address replace {host.address}/24 dev eth0; ip address del {network}:2/64 dev eth0",
        ):
            yield f"{network}:2", mine[0], mine[1]
    finally:
        for address in mine:
            subprocess.run(["ip", "address", "del", f"{address}/64", "dev", device], check=False)


def test_a_host_without_ipv4(victim, note):
    before = lockout.state(victim)
    with ipv6_only(victim) as (address, first, second):
        flag = victim.scratch / "moved"
        config = (
            f"Match exec \"test -e {flag}\"\n  BindAddress {second}\nHost *\n  BindAddress {first}\n"
            f"  HostKeyAlias {victim.address}\n{lockout.pinned(victim).partition(chr(10))[2]}"
        )
        there = ("-o", f"Hostname={address}", "-o", f"HostKeyAlias={victim.address}")
        assert not victim.lets_in() and victim.lets_in(*there)
        shut = victim.run("firewall", {"ssh_sources": ["10.88.84.0/24"]}, config, ansible_host=address)
        assert shut.failed and f"would shut out the present connection, {first}" in shut.said, shut.output
        sources = {"ssh_sources": [first, "10.88.84.0/24"]}
        flag.touch()
        moved = (*there, "-o", f"BindAddress={second}")
        began = lockout.locked_out(victim, "firewall", sources, config, *moved, ansible_host=address)
        victim.console("ip neigh flush all")
        assert victim.lets_in(*there, "-o", f"BindAddress={first}")
        ended = lockout.until_back(victim, began, *moved)
        victim.until_restored(LATE)
        assert lockout.state(victim) == before
        flag.unlink()
        lockout.end_sessions(victim)
        kept = victim.run("firewall", {"ssh_sources": [f"{first}/128"]}, config, ansible_host=address)
        assert not kept.failed, kept.output
        assert victim.lets_in(*there, "-o", f"BindAddress={first}") and victim.litter() == ""
    note("a host without IPv4", "sources of IPv4 alone", "refused: would shut out the present connection")
    note("a host without IPv4", "another IPv6 address of the controller is left out, and the controller is killed", ended)


def test_leases_are_renewed_behind_the_rules(victim, note):
    run = victim.run("firewall", {"ssh_sources": [victim.address.rpartition(".")[0] + ".0/24"]})
    assert not run.failed, run.output
    heard = received(victim, 67)
    assert heard == ["broadcast", "unicast"], heard
    assert received(victim, 1067) == []
    assert "policy drop" in victim.console("nft list table inet lockstep")
    note(
        "a lease is renewed after the window",
        "a server's answers, which no conntrack entry expects, to port 68: raw, no real server",
        "stayed: unicast and broadcast arrive from port 67, and from no other port",
    )


def received(victim: Host, source_port: int) -> list[str]:
    """Send two datagrams to the host's port 68 from this port; return which of them a program there got."""
    program = (
        "import socket\ns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
        "s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)\n"
        "s.bind((\"\", 68))\ns.settimeout(4)\nopen(\"/run/listening\", \"w\").close()\n"
        "try:\n    while True:\n        print(s.recv(99).decode(), flush=True)\nexcept OSError:\n    pass"
    )
    said: list[str] = []
    victim.console("rm -f /run/listening")
    listener = threading.Thread(target=lambda: said.extend(victim.console(f"python3 -c '{program}'").split()))
    listener.start()
    try:
        victim.console("timeout 20 sh -c 'until test -e /run/listening; do sleep 0.1; done'; rm /run/listening")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
            server.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            server.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, bridge_to(victim.address).encode())
            server.bind(("", source_port))
            # Both hosts hear what is sent to all, and both are attacked at the same time.
            server.sendto(f"unicast@{victim.name}".encode(), (victim.address, 68))
            server.sendto(f"broadcast@{victim.name}".encode(), ("255.255.255.255", 68))
    finally:
        listener.join()
    return sorted(kind for kind, _at, name in (word.partition("@") for word in said) if name == victim.name)
