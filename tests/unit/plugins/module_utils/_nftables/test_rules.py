# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules: their one spelling, what they admit, and what the kernel gives back."""

from __future__ import annotations

import ipaddress
import json
import os
import shutil
import subprocess

import pytest
from ansible_collections.lockstep.gpufleet.plugins.module_utils._nftables import rules
from ansible_collections.lockstep.gpufleet.plugins.module_utils._nftables.readback import read_table
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem
from hypothesis import given, settings
from hypothesis import strategies as st

SSH = rules.Service("SSH", "tcp", ((22, 22),), ())


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("10.0.0.1/24", "did you mean 10.0.0.0/24?"),
        ("10.0.0.0/33", "not an IP address or CIDR"),
        ("everywhere", "not an IP address or CIDR"),
        ("", "not an IP address or CIDR"),
        ("2001:db8::1/32", "did you mean 2001:db8::/32?"),
    ],
)
def test_a_bad_network_is_named(text, says):
    with pytest.raises(Problem) as caught:
        rules.parse_network(text, "ssh_sources")
    assert str(caught.value).startswith(f"ssh_sources: '{text}'") and says in str(caught.value)


@pytest.mark.parametrize(
    ("text", "expected"), [("22", (22, 22)), (" 6000-6010 ", (6000, 6010)), ("1-65535", (1, 65535))]
)
def test_ports(text, expected):
    assert rules.parse_ports(text, "x") == expected


@pytest.mark.parametrize("text", ["0", "65536", "22-", "-22", "30-20", "http", "1 2", "22,23", "²"])
def test_bad_ports(text):
    with pytest.raises(Problem, match="is not a port"):
        rules.parse_ports(text, "x")


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        ({"name": 'a" accept', "ports": ["1"]}, "name 'a\" accept' must be"),
        ({"name": "", "ports": ["1"]}, "must be"),
        ({"name": "web", "ports": []}, "rules, entry 1 (web): ports is empty"),
        ({"name": "web", "ports": ["x"]}, "rules, entry 1 (web), ports: 'x'"),
        ({"name": "web", "ports": ["1"], "sources": ["x"]}, "rules, entry 1 (web), sources: 'x'"),
        ({"name": "web", "ports": ["1"], "protocol": "gre"}, "protocol 'gre'"),
    ],
)
def test_a_bad_rule_is_named(rule, says):
    with pytest.raises(Problem) as caught:
        rules.parse_service(rule, "rules, entry 1")
    assert says in str(caught.value)


@pytest.mark.parametrize("name", ["eth0", "br-*", "enp1s0.100", "wg0"])
def test_interfaces(name):
    assert rules.parse_interface(name) == name


@pytest.mark.parametrize("name", ["", "*", 'eth0"', "a b", "x" * 16, "br-**", "e*h"])
def test_bad_interfaces(name):
    with pytest.raises(Problem):
        rules.parse_interface(name)


@pytest.mark.parametrize(
    ("sources", "lines"),
    [
        ([], ['tcp dport 22 accept comment "SSH"']),
        (["10.0.0.0/24", "10.0.1.0/24"], ['ip saddr 10.0.0.0/23 tcp dport 22 accept comment "SSH"']),
        (["10.0.1.0/24", "10.0.2.0/24"], ['ip saddr 10.0.1.0-10.0.2.255 tcp dport 22 accept comment "SSH"']),
        (["10.0.0.0/8", "10.1.0.0/16"], ['ip saddr 10.0.0.0/8 tcp dport 22 accept comment "SSH"']),
        (
            ["2001:db8::/32", "10.0.0.1"],
            [
                'ip saddr 10.0.0.1 tcp dport 22 accept comment "SSH"',
                'ip6 saddr 2001:db8::/32 tcp dport 22 accept comment "SSH"',
            ],
        ),
        (["0.0.0.0/0"], ['meta nfproto ipv4 tcp dport 22 accept comment "SSH"']),
        (["0.0.0.0/1", "128.0.0.0/1"], ['meta nfproto ipv4 tcp dport 22 accept comment "SSH"']),
        (["::/0"], ['meta nfproto ipv6 tcp dport 22 accept comment "SSH"']),
    ],
)
def test_a_service_in_nftables_words(sources, lines):
    service = rules.Service("SSH", "tcp", ((22, 22),), tuple(map(ipaddress.ip_network, sources)))
    assert [str(rule) for rule in rules.service_rules(service)] == lines


@pytest.mark.parametrize(
    ("sources", "address", "port", "admitted"),
    [
        ([], "192.0.2.1", 22, True),
        ([], "192.0.2.1", 23, False),
        (["192.0.2.0/24"], "192.0.2.1", 22, True),
        (["192.0.2.0/24"], "192.0.3.1", 22, False),
        (["192.0.2.0/24"], "2001:db8::1", 22, False),
        (["2001:db8::/32"], "2001:db8::1", 22, True),
    ],
)
def test_admits(sources, address, port, admitted):
    service = rules.Service("SSH", "tcp", ((22, 22),), tuple(map(ipaddress.ip_network, sources)))
    assert rules.admits([service], address, port) is admitted


def test_udp_does_not_let_ssh_in():
    assert not rules.admits([rules.Service("x", "udp", ((22, 22),), ())], "192.0.2.1", 22)


NETWORKS4 = st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 32)).map(
    lambda pair: ipaddress.IPv4Network((pair[0], pair[1]), strict=False)
)
NETWORKS6 = st.tuples(st.integers(0, 2**128 - 1), st.integers(0, 128)).map(
    lambda pair: ipaddress.IPv6Network((pair[0], pair[1]), strict=False)
)
PORTS = st.tuples(st.integers(1, 65535), st.integers(1, 65535)).map(lambda pair: (min(pair), max(pair)))
SERVICES = st.builds(
    rules.Service,
    st.just("a service"),
    st.sampled_from(["tcp", "udp"]),
    st.lists(PORTS, min_size=1, max_size=4).map(tuple),
    st.lists(NETWORKS4 | NETWORKS6, max_size=5).map(tuple),
)

NFT = shutil.which("nft") or "/usr/sbin/nft"
ABLE = os.geteuid() == 0 and os.path.exists(NFT) and not subprocess.run(
    ["unshare", "-n", NFT, "list", "tables"], capture_output=True, check=False
).returncode


@pytest.mark.skipif(not ABLE, reason="needs root, nft and network namespaces")
@settings(max_examples=25, deadline=None)
@given(st.lists(SERVICES, max_size=4))
def test_the_kernel_gives_back_what_we_meant(services):
    chain = rules.input_chain(SSH, services, ["docker0", "br-*"])
    done = subprocess.run(
        ["unshare", "-n", "sh", "-c", f"{NFT} -f - && {NFT} -j list table inet lockstep"],
        input=rules.table_text(chain), capture_output=True, text=True, check=False, timeout=60,
    )
    assert done.returncode == 0, done.stderr
    chains, extras = read_table(done.stdout)
    assert extras == []
    assert chains == [chain]


TCP_PORT = {"payload": {"protocol": "tcp", "field": "dport"}}


@pytest.mark.parametrize(
    "expressions",
    [
        [{"match": {"op": "!=", "left": TCP_PORT, "right": 22}}, {"accept": None}],
        [{"match": {"op": "==", "left": TCP_PORT, "right": "@ports"}}, {"accept": None}],
        [{"limit": {"rate": 1}}, {"accept": None}],
        [{"jump": {"target": "x"}}],
        [],
    ],
)
def test_what_others_put_into_our_table_never_equals_a_rule_of_ours(expressions):
    entry = {"rule": {"chain": "input", "expr": expressions}}
    head = {"chain": {"name": "input", "hook": "input", "prio": 0, "policy": "drop"}}
    chains, _extras = read_table(json.dumps({"nftables": [head, entry]}))
    assert len(chains[0].rules) == 1
    assert chains[0].rules[0] not in rules.input_chain(SSH, [], ["x"]).rules
    assert str(chains[0].rules[0]) not in [str(rule) for rule in rules.input_chain(SSH, [], ["x"]).rules]


def test_sets_of_others_in_our_table_are_drift():
    _chains, extras = read_table(json.dumps({"nftables": [{"set": {"name": "s"}}]}))
    assert extras == ["set s { ... }"]
