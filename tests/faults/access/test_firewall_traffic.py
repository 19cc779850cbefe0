# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Traffic of containers beside our table, and what a port scan from outside finds."""

from __future__ import annotations

import dataclasses
import json
import os
import typing as t

import pytest

from faults.access.attack import Host
from faults.access.controllers import Moved, open_up, second_address
from faults.access.namespaces import Namespace, give, join, namespaces, within

PUBLISHED = 8080
#: As Docker writes them, by the same program; port 8090 as podman may, in nftables' own words.
DOCKER = """\
iptables-nft -t nat -N DOCKER
iptables-nft -t nat -A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
iptables-nft -t nat -A POSTROUTING -s 172.30.0.0/24 ! -o docker0 -j MASQUERADE
iptables-nft -t nat -A DOCKER ! -i docker0 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.30.0.2:80
iptables-nft -N DOCKER
iptables-nft -P FORWARD DROP
iptables-nft -A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
iptables-nft -A FORWARD -o docker0 -j DOCKER
iptables-nft -A FORWARD -i docker0 ! -o docker0 -j ACCEPT
iptables-nft -A DOCKER -d 172.30.0.2/32 ! -i docker0 -o docker0 -p tcp -m tcp --dport 80 -j ACCEPT
"""
OTHERS = """\
table inet netavark {
    chain prerouting {
        type nat hook prerouting priority -90;
        tcp dport 8090 dnat ip to 172.30.0.2:80
    }
}
table inet f2b-table {
    set addr-set-sshd {
        type ipv4_addr
        elements = { 192.0.2.66 }
    }
    chain f2b-chain {
        type filter hook input priority -1;
        tcp dport 22 ip saddr @addr-set-sshd reject
    }
}
"""


@pytest.fixture(autouse=True)
def open_host(victim: Host) -> None:
    """Hosts are attacked without our table."""
    open_up(victim)


@pytest.fixture
def moved(victim: Host) -> t.Iterator[Moved]:
    """A second address of this controller: the foreign one."""
    with second_address(victim) as addresses:
        yield addresses


@dataclasses.dataclass
class Fleet:
    """The network of the host, that of a container on it, and that of this machine."""

    host: Namespace
    box: Namespace
    here: Namespace


@pytest.fixture
def docker(victim: Host) -> t.Iterator[Fleet]:
    """A container behind a bridge on the host, as Docker makes it; it serves port 80, published as 8080 and 8090."""
    with within(victim.process()) as host, within(os.getpid()) as here, namespaces(1) as (box,):
        host.run("ip", "link", "add", "docker0", "type", "bridge")
        try:
            host.run("ip", "link", "set", "docker0", "up")
            give(host, "docker0", "172.30.0.1/24")
            join(host, "box0", box, "eth0")
            host.run("ip", "link", "set", "box0", "master", "docker0")
            give(box, "eth0", "172.30.0.2/24")
            box.run("ip", "route", "add", "default", "via", "172.30.0.1")
            box.listen(80)
            host.run("sh", "-ec", DOCKER)
            host.run("nft", "-f", "-", stdin=OTHERS)
            yield Fleet(host, box, here)
        finally:
            host.run("ip", "link", "del", "docker0")


def foreign_tables(host: Namespace) -> str:
    """All rules that are not ours, without counters."""
    tables = [line.split()[1:] for line in host.run("nft", "list", "tables").splitlines()]
    return "".join(host.run("nft", "-s", "list", "table", *one) for one in tables if one != ["inet", "lockstep"])


def assert_containers_work(victim: Host, docker: Fleet, first: str) -> None:
    """In by the published ports, out to the network, and to the host over the bridge."""
    network = victim.address.rpartition(".")[0]
    assert docker.here.connects([(first, victim.address, PUBLISHED), (first, victim.address, 8090)], [0, 1]) == [True, True]
    out = [("172.30.0.2", f"{network}.2", 80), ("172.30.0.2", "172.30.0.1", 22), ("172.30.0.2", victim.address, 22)]
    assert docker.box.connects(out, [0, 1, 2]) == [True, True, True]


def test_containers_and_their_published_ports_go_on_working(victim, docker, moved):
    before = foreign_tables(docker.host)
    assert "DOCKER" in before and "f2b-chain" in before
    assert_containers_work(victim, docker, moved.first)
    run = victim.run("firewall", {"ssh_sources": [moved.first]}, verbose=True)
    assert not run.failed, run.output
    assert_containers_work(victim, docker, moved.first)
    # Plainly: published ports are not closed by the input chain, from wherever.
    assert docker.here.connects([(moved.second, victim.address, PUBLISHED)], [0]) == [True]
    assert '"ports": "8080"' in run.said and '"ports": "8090", "protocol": "tcp", "table": "inet netavark", "to": "172.30.0.2:80"' in run.said
    assert "published past these rules" in run.said
    assert foreign_tables(docker.host) == before
    assert not victim.run("firewall", {"state": "absent"}).failed
    assert foreign_tables(docker.host) == before
    assert_containers_work(victim, docker, moved.first)


def test_who_may_use_published_ports_is_limited_and_nothing_else(victim, docker, moved):
    before = foreign_tables(docker.host)
    # An open connection from elsewhere stays: only new ones are judged.
    with_foreigner = [(moved.second, victim.address, PUBLISHED), (moved.second, victim.address, 8090)]
    assert docker.here.connects(with_foreigner, [0, 1]) == [True, True]
    run = victim.run("firewall", {"ssh_sources": [moved.first, moved.second], "published_sources": [moved.first]}, verbose=True)
    assert not run.failed and "published past these rules" not in run.said, run.output
    assert_containers_work(victim, docker, moved.first)
    assert docker.here.connects(with_foreigner) == [False, False]
    assert docker.here.connects([(moved.second, victim.address, 22)], [0]) == [True]
    chain = json.loads(docker.host.run("nft", "-j", "list", "chain", "inet", "lockstep", "forward"))["nftables"]
    assert [one["chain"]["policy"] for one in chain if "chain" in one] == ["accept"]
    assert foreign_tables(docker.host) == before
    again = victim.run("firewall", {"ssh_sources": [moved.first, moved.second], "published_sources": [moved.first]})
    assert not again.failed and "changed=0" in again.said, again.output


def test_a_scan_finds_what_the_rules_say_and_no_more(victim, moved):
    ours = {
        "ssh_sources": [moved.first],
        "rules": [
            {"name": "web", "ports": ["8080-8082"], "sources": [moved.first]},
            {"name": "public", "ports": ["443"]},
            {"name": "fleet", "ports": ["7000"], "source_groups": ["fleet"]},
            {"name": "not tcp", "protocol": "udp", "ports": ["1-9999"]},
        ],
    }
    for port in (443, 7000, 8080, 9100):
        victim.console(f"systemd-run --quiet --unit=listen-{port} python3 -m http.server {port}")
    try:
        victim.console(
            "timeout 20 sh -c 'for port in 443 7000 8080 9100; do "
            "until ss -Hltn sport = :$port | grep -q .; do sleep 0.1; done; done'"
        )
        with within(os.getpid()) as here, within(victim.process()) as itself:
            before = here.scan(moved.second, victim.address, [22, 443, 7000, 9100, 9101])
            assert before == {22: "open", 443: "open", 7000: "open", 9100: "open", 9101: "closed"}
            # All hosts of the group have the one address that nobody else has.
            run = victim.run("firewall", ours, firewall_addresses=[moved.third])
            assert not run.failed, run.output
            ports = range(1, 10001)
            allowed = {22: "open", 443: "open", 8080: "open", 8081: "closed", 8082: "closed"}
            assert here.scan(moved.first, victim.address, list(ports)) == allowed
            assert here.scan(moved.second, victim.address, list(ports)) == {443: "open"}
            assert here.scan(moved.third, victim.address, [22, 443, 7000, 8080]) == {443: "open", 7000: "open"}
            # On the host itself all is as it was.
            assert itself.scan("127.0.0.1", "127.0.0.1", [22, 443, 7000, 9100]) == dict.fromkeys([22, 443, 7000, 9100], "open")
    finally:
        victim.console("systemctl stop 'listen-*'", check=False)


def test_logging_of_drops_is_limited(victim, moved):
    assert not victim.run("firewall", {"ssh_sources": [moved.first], "log_drops": True}).failed
    with within(os.getpid()) as here:
        here.scan(moved.second, victim.address, list(range(1, 301)))
    counted = counters(victim)
    assert counted["the rest"] >= 300
    assert 20 <= counted["log of drops"] <= 25


def counters(victim: Host) -> dict[str, int]:
    """Packets by what each rule is for."""
    entries = json.loads(victim.console("nft -j list table inet lockstep"))["nftables"]
    found: dict[str, int] = {}
    for rule in (entry["rule"] for entry in entries if "rule" in entry):
        packets = next((one["counter"]["packets"] for one in rule["expr"] if "counter" in one), 0)
        found[rule["comment"]] = found.get(rule["comment"], 0) + packets
    return found


def test_unchanged_rules_go_on_counting_and_the_result_shows_it(victim, moved):
    options: dict[str, t.Any] = {"ssh_sources": [moved.first], "rules": [{"name": "old", "ports": ["7777"]}]}
    assert not victim.run("firewall", options).failed
    with within(os.getpid()) as here:
        assert all(here.connects([(moved.first, victim.address, 22)] * 30, range(30)))
        here.scan(moved.second, victim.address, list(range(1, 101)))
    before = counters(victim)
    assert before["SSH"] >= 30 and before["the rest"] >= 100
    options["rules"] = [{"name": "new", "ports": ["7778"]}]
    run = victim.run("firewall", options, verbose=True)
    assert not run.failed, run.output
    after = counters(victim)
    assert after["SSH"] >= before["SSH"] and after["the rest"] >= before["the rest"]
    assert after["new"] == 0 and "old" not in after
    # A unit that somebody stopped is started again, which loads the file: that loses nothing either.
    victim.console("systemctl stop lockstep-firewall")
    run = victim.run("firewall", options, verbose=True)
    assert not run.failed and "start lockstep-firewall.service" in run.said, run.output
    assert counters(victim)["SSH"] >= after["SSH"]
    assert f'"chain": "input", "packets": {after["new"]}, "rule": "tcp dport 7778 counter accept comment' in run.said


def test_a_host_behind_the_limit_waits_and_this_controller_does_not(victim, moved):
    options = {"ssh_sources": [moved.first, moved.second], "ssh_rate_limit": "12/hour"}
    assert not victim.run("firewall", options).failed
    with within(os.getpid()) as here:
        assert sum(here.connects([(moved.second, victim.address, 22)] * 20, range(12))) == 12
        assert all(here.connects([(moved.first, victim.address, 22)] * 20, range(20)))
    # What the kernel remembers of sources is no part of the rules; another controller is one more element.
    again = victim.run("firewall", options)
    assert not again.failed and "changed=0" in again.said, again.output
    victim.console("nft flush set inet lockstep ssh_rate_ipv4")
    moved.flag.touch()
    other = victim.run("firewall", options, moved.config, verbose=True, ansible_ssh_args="-o ControlMaster=no")
    assert not other.failed and f"add to set controllers_ipv4: {moved.second}" in other.said, other.output
    back = victim.run("firewall", options)
    assert not back.failed and "changed=0" in back.said, back.output
