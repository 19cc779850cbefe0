# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the first rules close is named, and nothing else."""

from __future__ import annotations

import ipaddress

import pytest
from ansible_collections.lockstep.gpufleet.plugins.module_utils._nftables import closing
from ansible_collections.lockstep.gpufleet.plugins.module_utils._nftables.options import Service
from ansible_collections.lockstep.gpufleet.plugins.module_utils._nftables.sockets import Socket
from ansible_collections.lockstep.gpufleet.plugins.module_utils._nftables.table import Openings, make_table

TABLE = make_table(
    Openings(
        Service("SSH", "tcp", ((22, 22),), (ipaddress.ip_network("10.0.0.0/8"),)),
        (Service("web", "tcp", ((80, 80),), ()),),
        ("docker0",),
    ),
    {},
)
EPHEMERAL = range(32768, 61000)


def listening(protocol, local, port, both=False):
    return Socket(protocol, "0A" if protocol == "tcp" else "07", local, port, "0.0.0.0", 0, 7, both)


def connected(remote, port, local="10.0.0.2"):
    return Socket("tcp", "01", local, port, remote, 50000, 8)


@pytest.mark.parametrize(
    ("socket", "line"),
    [
        (listening("tcp", "0.0.0.0", 22), None),
        (listening("tcp", "::", 22, both=True), None),
        (listening("tcp", "2001:db8::1", 22), "tcp [2001:db8::1]:22 (exporter)"),
        (listening("tcp", "2001:db8::1", 80), None),
        (listening("tcp", "0.0.0.0", 9100), "tcp 0.0.0.0:9100 (exporter)"),
        (listening("tcp", "127.0.0.1", 9100), None),
        (listening("tcp", "::1", 9100), None),
        (listening("udp", "0.0.0.0", 5353), "udp 0.0.0.0:5353 (exporter)"),
        (listening("udp", "0.0.0.0", 68), None),
        (listening("udp", "0.0.0.0", 40000), None),
        (listening("tcp", "0.0.0.0", 40000), "tcp 0.0.0.0:40000 (exporter)"),
        (connected("10.0.0.9", 9100), None),
    ],
)
def test_listeners(socket, line):
    assert closing.closed_listeners(TABLE, [socket], {7: "exporter"}, EPHEMERAL) == [line] * (line is not None)


def test_listeners_come_in_order_of_their_ports_and_once():
    sockets = [listening("tcp", "0.0.0.0", port) for port in (9100, 111, 9100)]
    assert closing.closed_listeners(TABLE, sockets, {}, EPHEMERAL) == ["tcp 0.0.0.0:111", "tcp 0.0.0.0:9100"]


@pytest.mark.parametrize(
    ("socket", "line"),
    [
        (connected("10.0.0.9", 22), None),
        (connected("192.0.2.9", 22), "192.0.2.9 to tcp port 22 (sshd)"),
        (connected("192.0.2.9", 80), None),
        (connected("127.0.0.1", 9100), None),
        (connected("10.0.0.2", 9100, local="127.0.0.1"), None),
        (connected("172.17.0.2", 9100), None),
        (connected("192.0.2.9", 9100), "192.0.2.9 to tcp port 9100 (sshd)"),
        # Nobody listens there: this host connected to the peer.
        (connected("192.0.2.9", 45000), None),
    ],
)
def test_peers(socket, line):
    sockets = [*[listening("tcp", "0.0.0.0", port) for port in (22, 80, 9100)], socket, socket]
    interfaces = {"172.17.0.2": "docker0"}
    found = closing.uncovered_peers(TABLE, sockets, {8: "sshd"}, lambda address: interfaces.get(address, "eth0"))
    assert found == [line] * (line is not None)
