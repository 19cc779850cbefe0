# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Our table: what it says in nftables' words."""

from __future__ import annotations

import ipaddress

import pytest
from ansible_collections.lockstep.gpufleet.plugins.module_utils._nftables import rules, table
from ansible_collections.lockstep.gpufleet.plugins.module_utils._nftables.options import Service
from ansible_collections.lockstep.gpufleet.plugins.module_utils._nftables.table import Openings

SSH = Service("SSH", "tcp", ((22, 22),), ())
GROUPS = {"gpu_servers": ["10.0.0.2", "10.0.0.1", "2001:db8::1", "10.0.0.1"], "four": ["10.9.0.1"], "nobody": []}


def networks(*texts):
    return tuple(map(ipaddress.ip_network, texts))


def lines(openings, controllers=()):
    return [line.strip() for line in table.make_table(openings, GROUPS, controllers).lines()]


@pytest.mark.parametrize(
    ("sources", "lines"),
    [
        ([], ['tcp dport 22 counter accept comment "SSH"']),
        (["10.0.0.0/24", "10.0.1.0/24"], ['ip saddr 10.0.0.0/23 tcp dport 22 counter accept comment "SSH"']),
        (["10.0.1.0/24", "10.0.2.0/24"], ['ip saddr 10.0.1.0-10.0.2.255 tcp dport 22 counter accept comment "SSH"']),
        (["10.0.0.0/8", "10.1.0.0/16", "10.0.0.0/8"], ['ip saddr 10.0.0.0/8 tcp dport 22 counter accept comment "SSH"']),
        (
            ["2001:db8::/32", "10.0.0.1"],
            [
                'ip saddr 10.0.0.1 tcp dport 22 counter accept comment "SSH"',
                'ip6 saddr 2001:db8::/32 tcp dport 22 counter accept comment "SSH"',
            ],
        ),
        (["0.0.0.0/0"], ['meta nfproto ipv4 tcp dport 22 counter accept comment "SSH"']),
        (["0.0.0.0/1", "128.0.0.0/1"], ['meta nfproto ipv4 tcp dport 22 counter accept comment "SSH"']),
        (["::/0"], ['meta nfproto ipv6 tcp dport 22 counter accept comment "SSH"']),
    ],
)
def test_a_service_in_nftables_words(sources, lines):
    service = Service("SSH", "tcp", ((22, 22),), networks(*sources))
    assert [str(rule) for rule in table.service_rules(service)] == lines


def test_groups_are_named_sets_of_single_addresses():
    said = lines(Openings(SSH, (Service("nccl", "tcp", ((1024, 65535),), (), ("gpu_servers", "four")),)))
    start = said.index("set group_gpu_servers_ipv4 {")
    assert said[start:start + 6] == [
        "set group_gpu_servers_ipv4 {", "type ipv4_addr", "elements = {", "10.0.0.1,", "10.0.0.2,", "}",
    ]
    assert [line for line in said if "nccl" in line] == [
        'ip saddr @group_gpu_servers_ipv4 tcp dport 1024-65535 counter accept comment "nccl"',
        'ip saddr @group_four_ipv4 tcp dport 1024-65535 counter accept comment "nccl"',
        'ip6 saddr @group_gpu_servers_ipv6 tcp dport 1024-65535 counter accept comment "nccl"',
    ]
    assert "set group_four_ipv6 {" not in said


def test_a_group_without_hosts_lets_nobody_in():
    ssh = Service("SSH", "tcp", ((22, 22),), (), ("nobody",))
    assert not [line for line in lines(Openings(ssh)) if "SSH" in line]


def test_nothing_is_limited_and_logged_unless_asked_for():
    said = " ".join(lines(Openings(SSH)))
    assert "limit" not in said and "log" not in said and "forward" not in said and "set" not in said.split()


def test_the_rate_limit_counts_each_source_but_no_controller():
    said = lines(
        Openings(SSH, rate=(6, "minute"), uncounted=networks("10.5.0.0/16")), ["2001:db8::9", "10.0.0.7", "10.0.0.7"]
    )
    assert [line for line in said if "too many" in line] == [
        "tcp dport 22 ct state new ip saddr != @controllers_ipv4 ip saddr != 10.5.0.0/16 update @ssh_rate_ipv4 "
        '{ ip saddr limit rate over 6/minute burst 6 packets } counter drop comment "too many SSH connections"',
        "tcp dport 22 ct state new ip6 saddr != @controllers_ipv6 update @ssh_rate_ipv6 { ip6 saddr & "
        'ffff:ffff:ffff:ffff:: limit rate over 6/minute burst 6 packets } counter drop comment "too many SSH connections"',
    ]
    assert "10.0.0.7," in said and "2001:db8::9," in said
    order = [index for index, line in enumerate(said) if "too many" in line or 'comment "SSH"' in line]
    assert "SSH" in said[order[-1]] and "too many" in said[order[-2]]


def test_drops_are_logged_at_a_limited_rate_before_the_last_rule():
    said = lines(Openings(SSH, log_drops=True))
    assert said[-3:-1] == [
        'limit rate 10/minute burst 20 packets counter log prefix "lockstep drop: " comment "log of drops"',
        'counter drop comment "the rest"',
    ]


def test_published_ports_are_limited_in_a_chain_that_drops_nothing_else():
    openings = Openings(SSH, trusted=("docker0",), published=(networks("10.0.0.0/8"), ("gpu_servers",)))
    said = lines(openings)
    start = said.index("chain forward {")
    assert said[start + 1:-1] == [
        "type filter hook forward priority 0; policy accept;",
        'iifname "docker0" counter accept comment "trusted interface"',
        'ct status dnat ct state new ip saddr 10.0.0.0/8 counter accept comment "published ports"',
        'ct status dnat ct state new ip saddr @group_gpu_servers_ipv4 counter accept comment "published ports"',
        'ct status dnat ct state new ip6 saddr @group_gpu_servers_ipv6 counter accept comment "published ports"',
        'ct status dnat ct state new counter drop comment "published ports, everybody else"',
    ]


def test_rules_that_stay_go_on_counting():
    before = table.make_table(Openings(SSH, (Service("old", "tcp", ((80, 80),), ()),)), {})
    counted = rules.Table(
        before.sets,
        tuple(
            rules.Chain(
                chain.name, chain.hook, chain.priority, chain.policy,
                tuple(rules.Rule(rule.matches, rule.verdict, rule.comment, (7, 420)) for rule in chain.rules),
            )
            for chain in before.chains
        ),
    )
    assert counted == before
    after = table.make_table(Openings(SSH, (Service("new", "tcp", ((81, 81),), ()),)), {})
    text = rules.table_text(after, counted)
    assert 'tcp dport 22 counter packets 7 bytes 420 accept comment "SSH"' in text
    assert 'tcp dport 81 counter accept comment "new"' in text
    assert "packets" not in rules.table_text(after)
