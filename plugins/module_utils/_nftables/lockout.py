# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Refusing rules under which an administrator who is connected now could not connect again.

This module util is private to the collection. Pure.
"""

from __future__ import annotations

import dataclasses
import typing as t

from .._guard.present import PresentConnection
from .._plan import Problem
from .closing import admitted
from .plan import Wanted


@dataclasses.dataclass(frozen=True)
class Session:
    """Another SSH connection of the login account that is open now; ``pid``: the process of sshd that serves it."""

    client: str
    server_port: int
    pid: int


def controllers(connection: PresentConnection | None, sessions: t.Iterable[Session]) -> list[str]:
    """Return the addresses that administrators are connected from, each once."""
    found = [connection.client] if connection else []
    return list(dict.fromkeys([*found, *[session.client for session in sessions]]))


def refuse_lockout(
    wanted: Wanted,
    connection: PresentConnection | None,
    sessions: t.Iterable[Session] = (),
    interface_to: t.Callable[[str], str] = lambda _address: "",
) -> None:
    """Raise Problem where a new connection like the present one, or like ``sessions``, would be dropped.

    ``interface_to``: the interface through which an address is reached. Without an SSH connection nobody can log in
    afresh to confirm, so the sources of SSH must be said.
    """
    if connection is None:
        if wanted.openings.ssh.anywhere:
            raise Problem(
                "this run is not over SSH, so no fresh login can confirm the rules: name the addresses that may use "
                "SSH in ssh_sources"
            )
        return
    if not admitted(wanted.table, connection.client, connection.server_port, interface_to):
        raise Problem(
            f"refused, because these rules would shut out the present connection, {connection.client} to port "
            f"{connection.server_port}: {_allowed(wanted)}"
        )
    for session in sessions:
        if not admitted(wanted.table, session.client, session.server_port, interface_to):
            raise Problem(
                f"refused, because these rules would shut out another open connection of {connection.user or 'the login account'}, "
                f"{session.client} to port {session.server_port} (process {session.pid}): {_allowed(wanted)}. If nobody "
                "needs that connection, end it first"
            )


def _allowed(wanted: Wanted) -> str:
    ssh = wanted.openings.ssh
    sources = [*map(str, ssh.sources), *[f"the group {name}" for name in ssh.groups]]
    ports = ", ".join(str(low) for low, _high in ssh.ports)
    return f"SSH is allowed from {', '.join(sources) or 'any'} to {ports}"
