# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who listens on this host, and who is connected to it, from /proc.

This module util is private to the collection.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import os
import re
import sys
import typing as t

_ESTABLISHED = "01"
_LISTENING = {"tcp": "0A", "udp": "07"}
_SOCKET = re.compile(r"socket:\[([0-9]+)\]")


@dataclasses.dataclass(frozen=True)
class Socket:
    """One socket. Addresses are plain: an IPv4 peer of an IPv6 socket is an IPv4 peer. ``both``: it serves IPv4 too."""

    protocol: str
    state: str
    local: str
    local_port: int
    remote: str
    remote_port: int
    inode: int
    both: bool = False

    @property
    def listens(self) -> bool:
        """Whether it waits for anybody: listening, or unconnected with UDP."""
        return self.state == _LISTENING[self.protocol] and not self.remote_port

    @property
    def established(self) -> bool:
        """Whether it is one end of an open connection."""
        return self.protocol == "tcp" and self.state == _ESTABLISHED

    @property
    def at_home(self) -> bool:
        """Whether an end of it is an address that only this host itself has."""
        return ipaddress.ip_address(self.local).is_loopback or ipaddress.ip_address(self.remote).is_loopback


def read_sockets(proc: str = "/proc") -> list[Socket]:
    """Return all TCP and UDP sockets of this network namespace."""
    found = []
    for protocol in ("tcp", "udp"):
        for suffix in ("", "6"):
            try:
                with open(f"{proc}/net/{protocol}{suffix}", encoding="ascii") as file:
                    found += parse_sockets(file.read(), protocol)
            except OSError:
                # Without IPv6 there is no file for it.
                continue
    return found


def parse_sockets(text: str, protocol: str) -> list[Socket]:
    """Read the text of /proc/net/tcp, tcp6, udp or udp6."""
    found = []
    for line in text.splitlines()[1:]:
        words = line.split()
        if len(words) < 10:
            continue
        (local, local_port, both), (remote, remote_port, _both) = _end(words[1]), _end(words[2])
        found.append(Socket(protocol, words[3], local, local_port, remote, remote_port, int(words[9]), both))
    return found


def _end(word: str) -> tuple[str, int, bool]:
    """Read ``0100007F:0016``: the address as 32-bit words in the order of this machine, then the port."""
    address, _colon, port = word.partition(":")
    raw = b"".join(_swapped(address[index:index + 8]) for index in range(0, len(address), 8))
    found = ipaddress.ip_address(raw)
    mapped = found.ipv4_mapped if found.version == 6 else None
    # "::" takes IPv4 as well unless the program asked for IPv6 alone, which /proc does not tell.
    return str(mapped or found), int(port, 16), found.version == 6 and int(found) == 0


def _swapped(word: str) -> bytes:
    raw = bytes.fromhex(word)
    return raw[::-1] if sys.byteorder == "little" else raw


def ephemeral_ports(proc: str = "/proc") -> range:
    """Return the ports that a program is given when it does not ask for one."""
    try:
        with open(f"{proc}/sys/net/ipv4/ip_local_port_range", encoding="ascii") as file:
            low, high = map(int, file.read().split())
    except (OSError, ValueError):
        return range(32768, 61000)
    return range(low, high + 1)


def processes(inodes: t.Collection[int], proc: str = "/proc") -> dict[int, str]:
    """Return inode -> name of a process that has the socket, for those that can be known."""
    found, _blind = holders(lambda _pid, _name: True, proc)
    return {inode: name for inode, (name, _pid) in found.items() if inode in inodes}


def holders(
    wanted: t.Callable[[int, str], bool], proc: str = "/proc"
) -> tuple[dict[int, tuple[str, int]], bool]:
    """Return inode -> name and number of a process that is ``wanted`` and has the socket.

    Also whether this process may not look into one of them, as root in a container may not.
    """
    found: dict[int, tuple[str, int]] = {}
    blind = False
    for pid in sorted(int(name) for name in os.listdir(proc) if name.isdigit()):
        try:
            with open(f"{proc}/{pid}/comm", encoding="utf-8", errors="replace") as file:
                name = file.read().strip()
            if not wanted(pid, name):
                continue
            for descriptor in os.listdir(f"{proc}/{pid}/fd"):
                link = _SOCKET.fullmatch(os.readlink(f"{proc}/{pid}/fd/{descriptor}"))
                if link:
                    found.setdefault(int(link[1]), (name, pid))
        except PermissionError:
            blind = True
        except OSError:
            # It has ended meanwhile.
            continue
    return found, blind
