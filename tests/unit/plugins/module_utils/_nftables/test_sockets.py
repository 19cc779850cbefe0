# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sockets, as the kernel prints them."""

from __future__ import annotations

import os
import pathlib
import socket

from ansible_collections.lockstep.gpufleet.plugins.module_utils._nftables import sockets

TCP = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 100 1 0000 100 0 0 10 0
   1: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 101 1 0000 100 0 0 10 0
   2: 0B42580A:0016 0142580A:D431 01 00000000:00000000 02:000A1234 00000000     0        0 102 4 0000 20 4 30 10 -1
"""
TCP6 = """\
  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000000000000000000000000000:0016 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 200
   1: 0000000000000000FFFF00000B42580A:0016 0000000000000000FFFF00000142580A:D432 01 00000000:00000000 02:000A1234 00000000     0        0 201
   2: B80D0120000000000000000001000000:0016 B80D0120000000000000000002000000:D433 01 00000000:00000000 02:000A1234 00000000     0        0 202
"""
UDP = """\
   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
  700: 00000000:0044 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 300 2 0000 0
  701: 0B42580A:A000 0142580A:0035 01 00000000:00000000 00:00000000 00000000     0        0 301 2 0000 0
"""


def test_ipv4():
    listening, at_home, open_one = sockets.parse_sockets(TCP, "tcp")
    assert (listening.local, listening.local_port, listening.listens) == ("0.0.0.0", 22, True)
    assert at_home.at_home and not open_one.at_home
    assert open_one.established and not open_one.listens
    assert (open_one.local, open_one.remote, open_one.remote_port, open_one.inode) == ("10.88.66.11", "10.88.66.1", 54321, 102)


def test_ipv6_and_ipv4_in_its_form():
    listening, mapped, plain = sockets.parse_sockets(TCP6, "tcp")
    assert listening.both and listening.local == "::"
    assert (mapped.local, mapped.remote) == ("10.88.66.11", "10.88.66.1")
    assert (plain.local, plain.remote) == ("2001:db8::1", "2001:db8::2")


def test_udp_has_no_listening_but_waits_for_anybody():
    waiting, asking = sockets.parse_sockets(UDP, "udp")
    assert waiting.listens and waiting.local_port == 68
    assert not asking.listens and not asking.established


def test_this_process_is_found_as_the_kernel_sees_it():
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        port = server.getsockname()[1]
        found = {one.inode: one for one in sockets.read_sockets()}
        listening = found[os.fstat(server.fileno()).st_ino]
        assert listening.listens and listening.local_port == port and listening.at_home
        opened = found[os.fstat(client.fileno()).st_ino]
        assert opened.established and opened.remote_port == port
        name = pathlib.Path("/proc/self/comm").read_text().strip()
        assert sockets.processes({listening.inode}) == {listening.inode: name}


def test_ports_for_those_who_ask(tmp_path):
    (tmp_path / "sys/net/ipv4").mkdir(parents=True)
    assert sockets.ephemeral_ports(str(tmp_path)) == range(32768, 61000)
    (tmp_path / "sys/net/ipv4/ip_local_port_range").write_text("1000\t1003\n")
    assert list(sockets.ephemeral_ports(str(tmp_path))) == [1000, 1001, 1002, 1003]
