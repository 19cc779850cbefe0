# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whom sshd has let in as the login account, and nobody else."""

from __future__ import annotations

import json

import pytest
from ansible_collections.lockstep.gpufleet.plugins.module_utils._nftables.lockout import Session
from ansible_collections.lockstep.gpufleet.plugins.module_utils._nftables.sessions import by_journal, open_sessions
from ansible_collections.lockstep.gpufleet.plugins.module_utils._nftables.sockets import parse_sockets

TCP = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 100 1 0000 100 0 0 10 0
   1: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 101 1 0000 100 0 0 10 0
   2: 0B42580A:0016 0142580A:D431 01 00000000:00000000 02:000A1234 00000000     0        0 102 4 0000 20 4 30 10 -1
"""


@pytest.fixture
def proc(tmp_path):
    """A /proc with the sockets above, and processes that hold them."""
    (tmp_path / "net").mkdir()
    (tmp_path / "net" / "tcp").write_text(TCP)

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
    assert open_sessions("ops", account, str(folder)) == [Session("10.88.66.1", 22, 40)] * served


def test_what_a_session_itself_connects_to_is_no_session(proc):
    folder, add = proc
    (folder / "net" / "tcp").write_text(TCP.replace("0B42580A:0016", "0B42580A:C000").replace("D431", "0016"))
    add(40, "sshd", 1000, 102)
    assert open_sessions("ops", 1000, str(folder)) == []


def logged(message, **more):
    return json.dumps({"MESSAGE": message, "_PID": "77", **more})


@pytest.mark.parametrize(
    ("line", "served"),
    [
        (logged("Accepted publickey for ops from 10.88.66.1 port 54321 ssh2: ED25519 SHA256:x"), True),
        (logged("Accepted password for ops from 10.88.66.1 port 54321 ssh2"), True),
        (logged("Accepted publickey for mia from 10.88.66.1 port 54321 ssh2"), False),
        (logged("Accepted publickey for ops from 10.88.66.1 port 54322 ssh2"), False),
        (logged("Failed publickey for ops from 10.88.66.1 port 54321 ssh2"), False),
        (logged("Invalid user Accepted publickey for ops from 10.88.66.1 port 54321 ssh2"), False),
        (logged([1, 2, 3]), False),
    ],
)
def test_the_journal_knows_them_by_address_and_port(line, served):
    candidates = [one for one in parse_sockets(TCP, "tcp") if one.established]
    assert by_journal("ops", candidates, [line]) == ({102: 77} if served else {})
