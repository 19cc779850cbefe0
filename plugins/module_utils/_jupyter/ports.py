# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which port whose server has, and who listens where. Pure.

This module util is private to the collection.

A port, once given to a user, stays that user's: a bookmark or a tunnel of yesterday must never lead to somebody else's server.
"""

from __future__ import annotations

import json
import typing as t

from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem

#: How far above ``base_port`` an automatic port may lie.
SPAN = 1000
_LISTEN = "0A"  # include/net/tcp_states.h, TCP_LISTEN


def parse_listening(*tables: str) -> dict[int, int]:
    """Return port -> uid of whoever listens there, from the texts of /proc/net/tcp and tcp6.

    Which address it listens on does not matter: a port taken on any of them may lead elsewhere than to the server.
    """
    listening = {}
    for table in tables:
        for line in table.splitlines()[1:]:
            fields = line.split()
            if len(fields) > 7 and fields[3] == _LISTEN:
                listening[int(fields[1].rsplit(":", 1)[1], 16)] = int(fields[7])
    return listening


def parse_remembered(text: str | None, path: str) -> dict[str, int]:
    """Return user -> port from the file of remembered ports. Raises Problem where it is not what we write."""
    if text is None:
        return {}
    try:
        ports = json.loads(text)["ports"]
        return {str(name): int(port) for name, port in ports.items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Problem(
            f"{path} is broken: it says which port is whose, so that none is given to two users. Restore it from a backup, or "
            "remove it if every user's server may get another port."
        ) from None


def remembered_text(ports: t.Mapping[str, int]) -> str:
    """Return the file of remembered ports."""
    return json.dumps({"ports": dict(sorted(ports.items()))}, indent=1) + "\n"


def assign(
    wanted: t.Mapping[str, int | None],
    remembered: t.Mapping[str, int],
    listening: t.Mapping[int, int],
    uids: t.Mapping[str, int | None],
    base_port: int,
) -> dict[str, int]:
    """Return user -> port for every wanted user.

    ``wanted``: user -> the port that was asked for, or None for the remembered or the next free one.
    ``remembered``: all ports ever given, of users that are gone as well. ``listening``: port -> uid.
    ``uids``: user -> uid, None for an account that is still to be made.
    Raises Problem for a port of somebody else's, given or merely listened on.
    """
    owners = {port: name for name, port in remembered.items()}
    assigned: dict[str, int] = {}
    for name, port in wanted.items():
        if port is None:
            continue
        if owners.get(port, name) != name:
            raise Problem(
                f"users, {name}: port {port} was given to {owners[port]} before, whose bookmarks and tunnels still lead there. "
                "Choose another port, or leave 'port' out."
            )
        owners[port] = name
        assigned[name] = port
    for name, port in wanted.items():
        if port is not None:
            continue
        if name in remembered:
            assigned[name] = remembered[name]
            continue
        free = (p for p in range(base_port, base_port + SPAN) if p not in owners and p not in listening)
        found = next(free, None)
        if found is None:
            raise Problem(f"base_port: no port is free between {base_port} and {base_port + SPAN - 1} for {name}.")
        owners[found] = name
        assigned[name] = found
    for name, port in assigned.items():
        if port in listening and listening[port] != uids.get(name):
            raise Problem(
                f"users, {name}: port {port} is taken, a process of uid {listening[port]} listens there "
                f"(ss -ltnp sport = :{port}). Stop it, or give {name} another 'port'."
            )
    return {name: assigned[name] for name in wanted}
