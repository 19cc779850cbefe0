# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The SSH connections of the login account that are open now: each is somebody whom new rules must not shut out.

This module util is private to the collection.

Only those whom sshd has let in count: whoever merely knocks must not decide anything. The process that serves one of
them runs as the account and has the socket. Where nobody may look into that process (root in a container), the journal
says from which address and port sshd has let somebody in.
"""

from __future__ import annotations

import json
import re
import subprocess
import typing as t

from .lockout import Session
from .sockets import Socket, holders, read_sockets

_ACCEPTED = re.compile(r"Accepted \S+ for (\S+) from (\S+) port ([0-9]+)")


def open_sessions(account: str, user_id: int, proc: str = "/proc") -> list[Session]:
    """Return the sessions of ``account`` from outside, each with a process whose end ends it."""
    found = read_sockets(proc)
    # A port that is listened on: what sshd connects to for a tunnel is no session.
    ports = {one.local_port for one in found if one.protocol == "tcp" and one.listens}
    candidates = {one.inode: one for one in found if one.established and one.local_port in ports and not one.at_home}
    if not candidates:
        return []
    served, blind = holders(lambda pid, name: name.startswith("sshd") and _serves(proc, pid, user_id), proc)
    known = {inode: pid for inode, (_name, pid) in served.items() if inode in candidates}
    if blind:
        known.update(by_journal(account, candidates.values(), _journal()))
    return [
        Session(candidates[inode].remote, candidates[inode].local_port, pid) for inode, pid in sorted(known.items())
    ]


def _serves(proc: str, pid: int, user_id: int) -> bool:
    try:
        # Not the owner of the folder: a process that has changed its user belongs to root there.
        with open(f"{proc}/{pid}/status", encoding="utf-8", errors="replace") as file:
            real = next((line.split()[1] for line in file if line.startswith("Uid:")), "")
        if real != str(user_id):
            return False
        if user_id != 0:
            return True
        # All processes of sshd are root's; its title says whom it serves.
        with open(f"{proc}/{pid}/cmdline", "rb") as file:
            return re.match(rb"sshd(-session)?: root@", file.read()) is not None
    except OSError:
        return False


def by_journal(account: str, candidates: t.Iterable[Socket], lines: t.Iterable[str]) -> dict[int, int]:
    """Return inode -> process of those ``candidates`` that ``lines`` (journalctl -o json) say were let in as ``account``."""
    accepted: dict[tuple[str, int], int] = {}
    for line in lines:
        entry: dict[str, t.Any] = json.loads(line)
        said = _ACCEPTED.match(str(entry.get("MESSAGE")))
        if said and said[1] == account:
            accepted[said[2], int(said[3])] = int(entry.get("_PID") or 0)
    ends = {one.inode: (one.remote, one.remote_port) for one in candidates}
    return {inode: accepted[end] for inode, end in ends.items() if end in accepted}


def _journal() -> list[str]:
    command = ["journalctl", "--quiet", "--boot", "--output=json", "--output-fields=MESSAGE,_PID"]
    try:
        # Only sshd itself is believed: anybody may write to the log under its name.
        done = subprocess.run(
            [*command, "--identifier=sshd", "--identifier=sshd-session", "_UID=0"],
            capture_output=True, text=True, errors="replace", timeout=60, check=False,
        )
    except OSError:
        return []
    return done.stdout.splitlines()
