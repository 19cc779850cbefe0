# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sockets: as the kernel prints them, and whom sshd serves."""

from __future__ import annotations

import os
import pathlib
import socket

import pytest
from ansible_collections.lockstep.gpufleet.plugins.module_utils._nftables import sockets

TCP = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 100 1 0000 100 0 0 10 0
   1: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 101 1 0000 100 0 0 10 0
   2: 0B42580A:0016 0142580A:D431 01 00000000:00000000 02:000A1234 00000000     0        0 102 4 0000 20 4 30 10 -1
"""
TCP6 = """\
  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000000000000000000000000000:0016 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 200 1 0000 100 0 0 10 0
   1: 0000000000000000FFFF00000B42580A:0016 0000000000000000FFFF00000142580A:D432 01 00000000:00000000 02:000A1234 00000000     0        0 201 2 0000 20 4 30 10 -1
   2: B80D0120000000000000000001000000:0016 B80D0120000000000000000002000000:D433 01 00000000:00000000 02:000A1234 00000000     0        0 202 2 0000 20 4 30 10 -1
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


@pytest.fixture
def proc(tmp_path):
    """A /proc with the sockets above, and processes that hold them."""
    (tmp_path / "net").mkdir()
    for name, text in (("tcp", TCP), ("tcp6", TCP6), ("udp", UDP)):
        (tmp_path / "net" / name).write_text(text)

    def add(pid, name, uid, inode, title=b""):
        (tmp_path / str(pid) / "fd").mkdir(parents=True)
        (tmp_path / str(pid) / "comm").write_text(name + "\n")
        (tmp_path / str(pid) / "status").write_text(f"Name:\t{name}\nUid:\t{uid}\t{uid}\t{uid}\t{uid}\n")
        (tmp_path / str(pid) / "cmdline").write_bytes(title)
        (tmp_path / str(pid) / "fd" / "3").symlink_to(f"socket:[{inode}]")

    return tmp_path, add


@pytest.mark.parametrize(
    ("name", "uid", "title", "account", "served"),
    [
        ("sshd", 1000, b"sshd: ops@notty", 1000, True),
        ("sshd-session", 1000, b"sshd-session: ops@pts/0", 1000, True),
        ("sshd", 1001, b"sshd: mia@notty", 1000, False),
        # Not let in yet: whoever only knocks decides nothing.
        ("sshd", 0, b"sshd: ops [priv]", 1000, False),
        ("sshd", 106, b"sshd: ops [net]", 1000, False),
        ("sshd", 0, b"sshd: root [priv]", 0, False),
        ("sshd", 0, b"sshd: root@notty", 0, True),
        ("sshd-session", 0, b"sshd-session: root@pts/0", 0, True),
        ("python3", 1000, b"sshd: ops@notty", 1000, False),
    ],
)
def test_sessions_are_those_that_sshd_has_let_in(proc, name, uid, title, account, served):
    folder, add = proc
    add(40, name, uid, 102, title)
    found = sockets.sessions(account, str(folder))
    assert [(one.remote, one.local_port, pid) for one, pid in found] == [("10.88.66.1", 22, 40)] * served


def test_what_a_session_itself_connects_to_is_no_session(proc):
    folder, add = proc
    (folder / "net" / "tcp").write_text(TCP.replace("0B42580A:0016", "0B42580A:C000").replace("D431", "0016"))
    add(40, "sshd", 1000, 102)
    assert sockets.sessions(1000, str(folder)) == []


def test_ports_for_those_who_ask(tmp_path):
    (tmp_path / "sys/net/ipv4").mkdir(parents=True)
    assert sockets.ephemeral_ports(str(tmp_path)) == range(32768, 61000)
    (tmp_path / "sys/net/ipv4/ip_local_port_range").write_text("1000\t1003\n")
    assert list(sockets.ephemeral_ports(str(tmp_path))) == [1000, 1001, 1002, 1003]
