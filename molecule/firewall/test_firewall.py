# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""The firewall seen from outside: what is listed gets in, the rest does not, whatever happens to nftables.service."""

from __future__ import annotations

import contextlib
import json
import socket
import time

import pytest

OPEN = 8080
CLOSED = 9100


def knock(host, port: int) -> bool:
    """Whether a TCP connection from this controller succeeds."""
    with contextlib.suppress(OSError), socket.create_connection((address(host), port), timeout=1.5):
        return True
    return False


def address(host) -> str:
    return host.ansible.get_variables()["ansible_host"]


@pytest.fixture
def listeners(host):
    """Servers on an open and on a closed port."""
    for port in (OPEN, CLOSED):
        host.run(f"systemd-run --quiet --unit=listen-{port} python3 -m http.server {port}")
    deadline = time.monotonic() + 20
    while not all(host.socket(f"tcp://0.0.0.0:{port}").is_listening for port in (OPEN, CLOSED)):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    yield
    for port in (OPEN, CLOSED):
        host.run(f"systemctl stop listen-{port}")


def test_what_is_listed_gets_in_and_the_rest_does_not(host, listeners):
    assert knock(host, 22)
    assert knock(host, OPEN)
    assert not knock(host, CLOSED)


@pytest.mark.parametrize("verb", ["start", "restart", "reload", "stop"])
def test_nftables_service_does_not_open_the_host(host, listeners, verb):
    # Debian limits how often nftables.service may be started, and these tests start it often; ours has no limit.
    host.run("systemctl stop nftables; systemctl reset-failed nftables; systemctl restart lockstep-firewall")
    if verb in ("reload", "restart", "stop"):
        host.run("systemctl start nftables")
    try:
        assert host.run(f"systemctl {verb} nftables").rc == 0
        if verb != "stop":
            deadline = time.monotonic() + 10
            while knock(host, CLOSED):
                assert time.monotonic() < deadline, "the closed port stays open"
            assert knock(host, OPEN)
    finally:
        host.run("systemctl stop nftables")
        host.run("systemctl start lockstep-firewall")
    assert not knock(host, CLOSED)


def test_nftables_service_is_neither_enabled_nor_edited(host):
    assert not host.service("nftables").is_enabled
    assert not host.file("/etc/systemd/system/nftables.service").exists
    # The images of the test bed leave documentation out.
    assert host.check_output("dpkg --verify nftables | grep -v /usr/share/ || true") == ""


def ours(host) -> dict[str, list[str]]:
    """What is in our table: kind -> names."""
    found: dict[str, list[str]] = {}
    for entry in json.loads(host.check_output("nft -j list ruleset"))["nftables"]:
        for kind, content in entry.items():
            if content.get("table") == "lockstep" and kind != "rule" or kind == "table":
                found.setdefault(kind, []).append(content["name"])
    return {kind: sorted(names) for kind, names in found.items()}


def test_there_is_one_table_with_one_chain_unless_more_is_asked_for(host):
    found = ours(host)
    assert found["table"].count("lockstep") == 1
    if host.ansible.get_variables()["inventory_hostname"] == "fw12":
        assert found["chain"] == ["input"] and found["set"] == ["group_fleet_ipv4", "group_fleet_ipv6"]
    else:
        assert found["chain"] == ["forward", "input"]
        assert found["set"] == [
            "controllers_ipv4", "controllers_ipv6", "group_fleet_ipv4", "group_fleet_ipv6", "ssh_rate_ipv4", "ssh_rate_ipv6"
        ]
        assert "10.88.66.1 }" in host.check_output("nft list set inet lockstep controllers_ipv4")
        assert host.check_output("nft list chain inet lockstep input").count("log prefix \"lockstep drop: \"") == 1


def test_the_fleets_hosts_are_a_set(host):
    assert "elements = { 10.88.66.11, 10.88.66.12 }" in host.check_output("nft list set inet lockstep group_fleet_ipv4")
    assert "elements = { 2001:db8:66::12 }" in host.check_output("nft list set inet lockstep group_fleet_ipv6")


def test_the_fleets_hosts_reach_each_other_and_others_do_not(host):
    other = "10.88.66.12" if address(host) == "10.88.66.11" else "10.88.66.11"
    script = "import socket; socket.create_connection((%r, 29400), timeout=3)" % other
    # Nobody listens there: who gets through is told so at once, and who does not hears nothing.
    assert "Connection refused" in host.run(f'python3 -c "{script}"').stderr
    with pytest.raises(TimeoutError):
        socket.create_connection((other, 29400), timeout=1.5)


def test_the_unit_is_enabled(host):
    unit = host.service("lockstep-firewall")
    assert unit.is_enabled and unit.is_running


def test_the_guard_left_no_litter(host):
    assert host.check_output("find /var/lib/lockstep/guard /run/lockstep -mindepth 1 2>/dev/null || true") == ""
    assert host.check_output("find /etc/systemd/system -name 'lockstep-guard*'") == ""
    assert host.check_output("systemctl list-units --all --no-legend 'lockstep-guard*'") == ""
