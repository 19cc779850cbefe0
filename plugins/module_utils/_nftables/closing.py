# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the first rules close: sockets that nobody reaches any more, and peers that no rule covers.

This module util is private to the collection. Pure.
"""

from __future__ import annotations

import ipaddress
import typing as t

from .evaluate import Packet, admits, has_door
from .rules import Table
from .sockets import Socket


def closed_listeners(table: Table, sockets: t.Iterable[Socket], names: t.Mapping[int, str], ephemeral: range) -> list[str]:
    """Return a line for each listening socket that ``table`` lets nobody reach.

    ``names``: of processes by inode. ``ephemeral``: UDP ports that programs are given when they ask somebody; who has
    one waits for an answer, which comes in.
    """
    lines = set()
    for one in sockets:
        if not one.listens or one.at_home or (one.protocol == "udp" and one.local_port in ephemeral):
            continue
        versions = (4, 6) if one.both else (ipaddress.ip_address(one.local).version,)
        if not any(has_door(table, one.protocol, one.local_port, version) for version in versions):
            where = f"[{one.local}]" if ":" in one.local else one.local
            lines.add((one.protocol, one.local_port, f"{one.protocol} {where}:{one.local_port}{_by(one, names)}"))
    return [line for _protocol, _port, line in sorted(lines)]


def uncovered_peers(
    table: Table, sockets: t.Sequence[Socket], names: t.Mapping[int, str], interface_to: t.Callable[[str], str]
) -> list[str]:
    """Return a line for each peer that is connected to a service here and could not connect again.

    ``interface_to``: the interface through which a peer is reached; empty where that is not known.
    """
    served = {one.local_port for one in sockets if one.protocol == "tcp" and one.listens}
    lines = set()
    for one in sockets:
        if one.established and one.local_port in served and not one.at_home:
            if not admitted(table, one.remote, one.local_port, interface_to):
                lines.add(f"{one.remote} to tcp port {one.local_port}{_by(one, names)}")
    return sorted(lines)


def admitted(table: Table, source: str, port: int, interface_to: t.Callable[[str], str]) -> bool:
    """Return whether a new TCP connection passes; where it comes in is asked only if that can matter."""
    return admits(table, Packet(source, port)) or admits(table, Packet(source, port, interface=interface_to(source)))


def _by(one: Socket, names: t.Mapping[int, str]) -> str:
    return f" ({names[one.inode]})" if one.inode in names else ""
