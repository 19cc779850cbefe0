# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""What our rules do with a new connection; the kernel judges the same in tests/faults/access/test_firewall_kernel.py."""

from __future__ import annotations

import ipaddress

import pytest
from ansible_collections.lockstep.gpufleet.plugins.module_utils._nftables.evaluate import Packet, admits, has_door
from ansible_collections.lockstep.gpufleet.plugins.module_utils._nftables.options import Service
from ansible_collections.lockstep.gpufleet.plugins.module_utils._nftables.rules import Match, Rule, Table
from ansible_collections.lockstep.gpufleet.plugins.module_utils._nftables.table import ACCEPT, Openings, make_table

GROUPS = {"gpu": ["10.0.0.1", "2001:db8::1"], "nobody": []}


def table(sources=(), groups=(), services=(), **more):
    ssh = Service("SSH", "tcp", ((22, 22), (2222, 2222)), tuple(map(ipaddress.ip_network, sources)), groups)
    return make_table(Openings(ssh, services, **more), GROUPS)


@pytest.mark.parametrize(
    ("what", "packet", "expected"),
    [
        ({}, Packet("192.0.2.1", 22), True),
        ({}, Packet("192.0.2.1", 2222), True),
        ({}, Packet("192.0.2.1", 23), False),
        ({}, Packet("192.0.2.1", 22, "udp"), False),
        ({"sources": ["192.0.2.0/24"]}, Packet("192.0.2.1", 22), True),
        ({"sources": ["192.0.2.0/24"]}, Packet("192.0.3.1", 22), False),
        ({"sources": ["192.0.2.0/24"]}, Packet("2001:db8::1", 22), False),
        ({"sources": ["192.0.2.128/25", "192.0.3.0/24"]}, Packet("192.0.3.1", 22), True),
        ({"sources": ["192.0.2.128/25", "192.0.3.0/24"]}, Packet("192.0.2.127", 22), False),
        ({"sources": ["2001:db8::/32"]}, Packet("2001:db8::1", 22), True),
        ({"sources": ["::/0"]}, Packet("10.0.0.1", 22), False),
        ({"sources": ["0.0.0.0/0"]}, Packet("10.0.0.1", 22), True),
        ({"groups": ("gpu",)}, Packet("10.0.0.1", 22), True),
        ({"groups": ("gpu",)}, Packet("2001:db8::1", 22), True),
        ({"groups": ("gpu",)}, Packet("10.0.0.2", 22), False),
        ({"groups": ("nobody",)}, Packet("10.0.0.1", 22), False),
        ({"sources": ["10.1.0.0/16"], "groups": ("nobody",)}, Packet("10.1.0.1", 22), True),
        ({"sources": ["10.1.0.0/16"], "trusted": ("wg0",)}, Packet("10.9.0.1", 22, interface="wg0"), True),
        ({"sources": ["10.1.0.0/16"], "trusted": ("wg*",)}, Packet("10.9.0.1", 80, interface="wg0"), True),
        ({"sources": ["10.1.0.0/16"], "trusted": ("wg0",)}, Packet("10.9.0.1", 22, interface="wg01"), False),
        ({"sources": ["10.1.0.0/16"], "trusted": ("wg*",)}, Packet("10.9.0.1", 22), False),
        ({"rate": (1, "day")}, Packet("10.9.0.1", 22), True),
        ({"log_drops": True}, Packet("10.9.0.1", 23), False),
        ({}, Packet("10.0.0.9", 68, "udp", source_port=67), True),
        ({}, Packet("10.0.0.9", 68, "udp"), False),
        ({}, Packet("fe80::1", 546, "udp", source_port=547), True),
        ({"services": (Service("x", "udp", ((22, 22),), ()),), "sources": ["10.1.0.0/16"]}, Packet("10.9.0.1", 22), False),
    ],
)
def test_admits(what, packet, expected):
    assert admits(table(**what), packet) is expected


def test_a_condition_that_it_does_not_know_is_never_guessed():
    chains = table().chains
    strange = Rule((Match("meta mark", ("1",)),), ACCEPT)
    with pytest.raises(ValueError, match="meta mark"):
        admits(Table((), (chains[0].__class__("input", "input", 0, "drop", (strange,)),)), Packet("10.0.0.1", 22))


@pytest.mark.parametrize(
    ("what", "door", "expected"),
    [
        ({}, ("tcp", 22, 4), True),
        ({}, ("tcp", 80, 4), False),
        ({"sources": ["10.0.0.0/8"]}, ("tcp", 22, 4), True),
        ({"sources": ["10.0.0.0/8"]}, ("tcp", 22, 6), False),
        ({"sources": ["0.0.0.0/0"]}, ("tcp", 22, 6), False),
        ({"sources": ["::/0"]}, ("tcp", 22, 6), True),
        ({"groups": ("gpu",)}, ("tcp", 22, 6), True),
        ({"groups": ("nobody",)}, ("tcp", 22, 4), False),
        ({"trusted": ("docker0",)}, ("tcp", 80, 4), False),
        ({"services": (Service("x", "udp", ((514, 514),), ()),)}, ("udp", 514, 6), True),
        ({"services": (Service("x", "udp", ((514, 514),), ()),)}, ("tcp", 514, 6), False),
        ({}, ("udp", 68, 4), True),
    ],
)
def test_doors(what, door, expected):
    assert has_door(table(**what), *door) is expected
