# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ports: which lines of ours make sshd listen where it shall, and on which ones it listens while it moves.

This module util is private to the collection. Pure.

Port is no directive of which the first value wins: every line adds one. So what other files say stays, and where that
is too much it is refused by name.
"""

from __future__ import annotations

import dataclasses
import typing as t

from .._plan import Problem
from . import configuration
from .configuration import ConfigLine, parse_lines
from .listener import Listener


@dataclasses.dataclass(frozen=True)
class Move:
    """Where sshd listens ``now`` and shall listen ``then``.

    ``own``: ports that our drop-in names in the end; ``between``: while it listens on old and new. Empty ``then``: the
    ports are none of our business.
    """

    now: tuple[int, ...] = ()
    then: tuple[int, ...] = ()
    own: tuple[int, ...] = ()
    between: tuple[int, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.then) and set(self.now) != set(self.then)

    @property
    def meanwhile(self) -> tuple[int, ...]:
        """All ports that sshd listens on while it moves."""
        return tuple(sorted({*self.now, *self.then}))

    @property
    def step(self) -> str:
        """The move as a sentence."""
        return f"listen on {_listed(self.then)} instead of {_listed(self.now)}"


def _listed(ports: t.Iterable[int]) -> str:
    return ", ".join(str(port) for port in ports)


def plan(
    wanted: t.Sequence[int], now: t.Sequence[int], lines: t.Iterable[ConfigLine], ours: str | None, listener: Listener
) -> Move:
    """Return the move; raises Problem for lines of others that add a port or fix one, and for a socket's own ports.

    ``now``: the ports that sshd listens on. ``lines``: the directives of all other files. ``ours``: our drop-in as it is.
    """
    if not wanted:
        return Move(own=_named(parse_lines(configuration.PATH, ours or "")))
    if listener.socket and not listener.generated:
        if set(listener.ports) != set(wanted):
            where = "; ".join(str(line) for line in listener.addresses)
            raise Problem(
                f"ports is {list(wanted)}, but {listener.socket} listens for sshd and decides: {where}. Change it there "
                f"(systemctl edit {listener.socket}), or let ssh.service listen, then run again"
            )
        return Move(listener.ports, tuple(sorted(wanted)))
    others = list(lines)
    unwanted = [
        line for line in others
        if (line.keyword.lower() == "port" and line.value.isdigit() and int(line.value) not in wanted)
        or (line.keyword.lower() == "listenaddress" and _fixed_port(line.value) not in (None, *wanted))
    ]
    if unwanted:
        raise Problem(
            f"ports is {list(wanted)}, but other files name further ones, and every such line adds one; remove "
            + "; ".join(str(line) for line in unwanted)
        )
    foreign = set(_named(others))
    own = tuple(port for port in wanted if port not in foreign)
    between = (*own, *(port for port in now if port not in foreign and port not in own))
    return Move(tuple(sorted(now)), tuple(sorted(wanted)), own, between)


def _named(lines: t.Iterable[ConfigLine]) -> tuple[int, ...]:
    return tuple(int(line.value) for line in lines if line.keyword.lower() == "port" and line.value.isdigit())


def _fixed_port(address: str) -> int | None:
    """Return the port that a ListenAddress names itself: 10.0.0.1:22, [::1]:22; a bare IPv6 address names none."""
    address = address.split()[0] if address.split() else ""
    if address.startswith("["):
        port = address.partition("]")[2].lstrip(":")
    elif address.count(":") == 1:
        port = address.partition(":")[2]
    else:
        return None
    return int(port) if port.isdigit() else None


def check_in_force(wished: t.Collection[int], found: t.Collection[int], blamed: t.Sequence[object]) -> None:
    """Raise Problem where sshd would listen elsewhere than it shall; ``blamed``: lines that may be the reason."""
    if set(wished) != set(found):
        reason = f", because of {'; '.join(str(line) for line in blamed)}" if blamed else ""
        raise Problem(
            f"sshd would listen on {_listed(sorted(found))} instead of {_listed(sorted(wished))}{reason}; "
            "until then nothing is changed"
        )


def check_login_port(server_port: int, after: t.Collection[int], wanted: t.Collection[int]) -> None:
    """Raise Problem where the port of the present connection would be closed without anybody having asked for it."""
    if server_port not in after and not wanted:
        raise Problem(
            f"refused, because sshd would no longer listen on port {server_port}, which this run is connected to, but on "
            f"{_listed(sorted(after))}; first move there with ports: {sorted(after)}"
        )
