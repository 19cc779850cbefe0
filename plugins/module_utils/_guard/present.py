# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The present connection: who logged in from where, seen from a module that runs behind sudo.

This module util is private to the collection.
"""

from __future__ import annotations

import dataclasses
import os
import typing as t


@dataclasses.dataclass(frozen=True)
class PresentConnection:
    """The SSH connection that this module was started over; addresses without zone, ports as numbers."""

    user: str
    client: str
    client_port: int
    server: str
    server_port: int


def parse_ssh_connection(value: str, user: str) -> PresentConnection | None:
    """Read ``SSH_CONNECTION`` (sshd's "client port server port"); None when it is not of that form."""
    words = value.split()
    if len(words) != 4 or not (words[1].isdigit() and words[3].isdigit()):
        return None
    client, server = (_plain_address(words[index]) for index in (0, 2))
    return PresentConnection(user, client, int(words[1]), server, int(words[3]))


def _plain_address(text: str) -> str:
    """Drop the zone of a link-local address, and the IPv6 form of an IPv4 peer."""
    text = text.partition("%")[0]
    return text[7:] if text.lower().startswith("::ffff:") and "." in text else text


def present_connection(pid: int | None = None, proc: str = "/proc") -> PresentConnection | None:
    """Find the connection in the environment of an ancestor of ``pid`` (default: this process).

    sudo and su drop SSH_CONNECTION from the environment, their parents keep it: the topmost ancestor that has it is
    what sshd started, as the login account.
    """
    current = os.getpid() if pid is None else pid
    found = None
    while current > 1:
        environment = _environment(proc, current)
        value = environment.get("SSH_CONNECTION")
        if value:
            account = environment.get("LOGNAME") or environment.get("USER") or ""
            found = parse_ssh_connection(value, account) or found
        parent = _parent(proc, current)
        if parent is None:
            break
        current = parent
    return found


def _environment(proc: str, pid: int) -> dict[str, str]:
    try:
        with open(f"{proc}/{pid}/environ", "rb") as file:
            entries = file.read().decode("utf-8", "replace").split("\0")
    except OSError:
        return {}
    return {name: value for name, separator, value in (entry.partition("=") for entry in entries) if separator}


def _parent(proc: str, pid: int) -> t.Optional[int]:
    try:
        with open(f"{proc}/{pid}/stat", encoding="utf-8", errors="replace") as file:
            # The command's name is in parentheses and may hold anything: proc(5).
            return int(file.read().rpartition(")")[2].split()[1])
    except (OSError, ValueError, IndexError):
        return None
