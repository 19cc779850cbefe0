# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What our table does with a new connection, and which doors it has.

This module util is private to the collection. Pure. It reads the same rules that are loaded, and is compared with the
kernel's own verdicts (tests/faults/access/test_firewall_kernel.py). What tables of others drop is not seen here.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import typing as t

from .rules import Match, Rule, Table
from .table import INPUT


@dataclasses.dataclass(frozen=True)
class Packet:
    """The first packet of a connection. ``interface``: where it comes in; empty: not known, so no one is trusted."""

    source: str
    port: int
    protocol: str = "tcp"
    interface: str = ""
    source_port: int = 49152


def admits(table: Table, packet: Packet) -> bool:
    """Return whether the input chain accepts ``packet``."""
    chain = table.chain(INPUT)
    if chain is None:
        return True
    for rule in chain.rules:
        verdict = rule.verdict.split()[-1]
        # A limit is taken as not reached: it counts nobody who could be locked out by it.
        if verdict in ("accept", "drop") and "limit" not in rule.verdict and all(
            _applies(match, packet, table) for match in rule.matches
        ):
            return verdict == "accept"
    return chain.policy != "drop"


def has_door(table: Table, protocol: str, port: int, version: int) -> bool:
    """Return whether anybody gets to ``port`` over IPv4 or IPv6, apart from this host and trusted interfaces."""
    chain = table.chain(INPUT)
    return chain is None or any(_opens(rule, protocol, port, version) for rule in chain.rules)


def _opens(rule: Rule, protocol: str, port: int, version: int) -> bool:
    if not rule.verdict.endswith("accept"):
        return False
    conditions = {match.key: match.values for match in rule.matches}
    other = 6 if version == 4 else 4
    if ("ip saddr" if other == 4 else "ip6 saddr") in conditions or conditions.get("meta nfproto") == (f"ipv{other}",):
        return False
    return _port_in(port, conditions.get(f"{protocol} dport", ()))


def _applies(match: Match, packet: Packet, table: Table) -> bool:
    negated = match.key.endswith(" !=")
    key = match.key[:-3] if negated else match.key
    if key == "ct state":
        return "new" in match.values
    if key == "iifname":
        return any(is_interface(packet.interface, name) for name in match.values)
    if key == "meta nfproto":
        return match.values == (f"ipv{ipaddress.ip_address(packet.source).version}",)
    if key in ("ip saddr", "ip6 saddr"):
        address = ipaddress.ip_address(packet.source)
        if address.version != (4 if key == "ip saddr" else 6):
            return False
        return _address_in(address, match.values, table) != negated
    if key == f"{packet.protocol} dport":
        return _port_in(packet.port, match.values)
    if key == f"{packet.protocol} sport":
        return _port_in(packet.source_port, match.values)
    if key in ("tcp dport", "udp dport", "udp sport", "icmp type", "icmpv6 type"):
        return False
    raise ValueError(f"no rule of ours has the condition {match}")


def is_interface(interface: str, name: str) -> bool:
    """Return whether an interface is the one of that name, or one of those that begin so (``br-*``)."""
    if not interface:
        return False
    return interface.startswith(name[:-1]) if name.endswith("*") else interface == name


def _port_in(port: int, words: t.Iterable[str]) -> bool:
    for word in words:
        low, _dash, high = word.partition("-")
        if int(low) <= port <= int(high or low):
            return True
    return False


def _address_in(address: t.Any, words: t.Iterable[str], table: Table) -> bool:
    for word in words:
        if word.startswith("@"):
            if str(address) in table.elements(word[1:]):
                return True
        elif "-" in word:
            low, _dash, high = word.partition("-")
            if int(ipaddress.ip_address(low)) <= int(address) <= int(ipaddress.ip_address(high)):
                return True
        elif address in ipaddress.ip_network(word):
            return True
    return False
