# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options: each mistake is one error that names the option and the value."""

from __future__ import annotations

import ipaddress

import pytest
from ansible_collections.lockstep.gpufleet.plugins.module_utils._nftables import options, plan
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem

GROUPS = {"gpu_servers": ["10.0.0.1"], "nobody": []}
#: What the module passes when the user says nothing.
DEFAULTS = {
    "ssh_sources": [], "ssh_source_groups": [], "ssh_rate_limit": None, "ssh_rate_limit_exempt": [],
    "trusted_interfaces": list(plan.TRUSTED), "rules": [], "published_sources": None, "published_source_groups": [],
    "log_drops": False,
}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("10.0.0.1/24", "did you mean 10.0.0.0/24?"),
        ("10.0.0.0/33", "not an IP address or CIDR"),
        ("everywhere", "not an IP address or CIDR"),
        ("", "not an IP address or CIDR"),
        ("2001:db8::1/32", "did you mean 2001:db8::/32?"),
        ("::ffff:192.0.2.7", "write 192.0.2.7"),
        ("::ffff:192.0.2.0/120", "write 192.0.2.0/24"),
        ("::ffff:0:0/96", "write 0.0.0.0/0"),
        ("fe80::1%eth0", "has a zone; sources have none. Write fe80::1"),
        ("010.0.0.1", "not an IP address or CIDR"),
    ],
)
def test_a_bad_network_is_named(text, says):
    with pytest.raises(Problem) as caught:
        options.parse_network(text, "ssh_sources")
    assert str(caught.value).startswith(f"ssh_sources: '{text}'") and says in str(caught.value)


@pytest.mark.parametrize("text", ["10.0.0.1", " 10.0.0.0/8 ", "0.0.0.0/0", "::/0", "2001:db8::1", "fe80::/10", "::/8"])
def test_networks(text):
    assert options.parse_network(text, "x") == ipaddress.ip_network(text.strip())


@pytest.mark.parametrize(
    ("text", "expected"), [("22", (22, 22)), (" 6000-6010 ", (6000, 6010)), ("1-65535", (1, 65535))]
)
def test_ports(text, expected):
    assert options.parse_ports(text, "x") == expected


@pytest.mark.parametrize("text", ["0", "65536", "22-", "-22", "30-20", "http", "1 2", "22,23", "²"])
def test_bad_ports(text):
    with pytest.raises(Problem, match="is not a port"):
        options.parse_ports(text, "x")


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        ({"name": 'a" accept', "ports": ["1"]}, "name 'a\" accept' must be"),
        ({"name": "", "ports": ["1"]}, "must be"),
        ({"name": "x" * 101, "ports": ["1"]}, "at most 100"),
        ({"name": "web", "ports": []}, "rules, entry 1 (web): ports is empty"),
        ({"name": "web", "ports": ["x"]}, "rules, entry 1 (web), ports: 'x'"),
        ({"name": "web", "ports": ["1"], "sources": ["x"]}, "rules, entry 1 (web), sources: 'x'"),
        ({"name": "web", "ports": ["1"], "protocol": "gre"}, "protocol 'gre'"),
        ({"name": "web", "ports": ["1"], "source_groups": ["x"]}, "rules, entry 1 (web), source_groups: the addresses of the group 'x'"),
        ({"name": "web", "ports": ["1"], "source_groups": ["x}"]}, "source_groups: 'x}' must be letters"),
    ],
)
def test_a_bad_rule_is_named(rule, says):
    with pytest.raises(Problem) as caught:
        options.parse_service(rule, "rules, entry 1", GROUPS)
    assert says in str(caught.value)


@pytest.mark.parametrize("name", ["eth0", "br-*", "enp1s0.100", "wg0"])
def test_interfaces(name):
    assert options.parse_interfaces([name, name]) == (name,)


@pytest.mark.parametrize("name", ["", "*", 'eth0"', "a b", "x" * 16, "br-**", "e*h"])
def test_bad_interfaces(name):
    with pytest.raises(Problem):
        options.parse_interfaces([name])


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"ssh_rate_limit": "10"}, "ssh_rate_limit: '10' is not a number of connections"),
        ({"ssh_rate_limit": "0/minute"}, "ssh_rate_limit: '0/minute'"),
        ({"ssh_rate_limit": "10/fortnight"}, "ssh_rate_limit: '10/fortnight'"),
        ({"ssh_rate_limit_exempt": ["10.0.0.1"]}, "there is no ssh_rate_limit"),
        ({"ssh_rate_limit": "1/second", "ssh_rate_limit_exempt": ["x"]}, "ssh_rate_limit_exempt: 'x'"),
        ({"ssh_source_groups": ["x" * 101]}, "ssh_source_groups: '" + "x" * 101 + "' must be"),
        ({"ssh_source_groups": ["elsewhere"]}, "ssh_source_groups: the addresses of the group 'elsewhere'"),
        ({"published_sources": []}, "published_sources is empty, which would close every published port"),
        ({"published_sources": ["10.0.0.1/8"]}, "published_sources: '10.0.0.1/8'"),
        ({"published_source_groups": ["elsewhere"]}, "published_source_groups: the addresses of"),
        ({"trusted_interfaces": ["*"]}, "trusted_interfaces: '*'"),
        ({"rules": [{"name": "a", "ports": ["1"]}, {"name": "b", "ports": ["0"]}]}, "rules, entry 2 (b), ports: '0'"),
    ],
)
def test_each_wrong_option_is_named(change, says):
    with pytest.raises(Problem) as caught:
        plan.read_openings({**DEFAULTS, **change}, [22], GROUPS)
    assert says in str(caught.value)


@pytest.mark.parametrize("port", [0, 65536, -22])
def test_a_wrong_port_of_ssh_is_named(port):
    with pytest.raises(Problem, match=f"ssh_ports: '{port}' is not a port"):
        plan.read_openings(DEFAULTS, [port], GROUPS)


def test_all_options_at_once():
    read = plan.read_openings(
        {
            **DEFAULTS, "ssh_sources": ["10.0.0.0/8"], "ssh_source_groups": ["gpu_servers", "gpu_servers"],
            "ssh_rate_limit": "6/minute", "ssh_rate_limit_exempt": ["10.0.0.9"], "published_source_groups": ["nobody"],
            "log_drops": True,
        },
        [22, 2222],
        GROUPS,
    )
    assert read.ssh.groups == ("gpu_servers",) and read.ssh.ports == ((22, 22), (2222, 2222))
    assert read.rate == (6, "minute") and [str(one) for one in read.uncounted] == ["10.0.0.9/32"]
    assert read.published == ((), ("nobody",)) and read.log_drops


def test_a_group_without_hosts_is_not_anywhere():
    service = options.parse_service({"name": "a", "ports": ["1"], "source_groups": ["nobody"]}, "x", GROUPS)
    assert not service.anywhere
    assert options.parse_service({"name": "a", "ports": ["1"]}, "x", GROUPS).anywhere
