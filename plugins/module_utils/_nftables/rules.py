# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Rules as data, and their one spelling.

This module util is private to the collection. Pure.

A rule that the user wants and a rule that the kernel holds become the same ``Rule`` when they mean the same: address
and port sets are kept as merged ranges, because nft prints ``{10.0.0.0/24, 10.0.1.0/24}`` back as one range. So a
comparison of spellings is a comparison of meanings.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import re
import typing as t

from .._plan import Problem

TABLE = "inet lockstep"
CHAIN = "input"
_PROTOCOLS = ("tcp", "udp")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._:/+-]{0,99}")
_INTERFACE = re.compile(r"[A-Za-z0-9_.:@-]{1,15}\*?")

Network = t.Union[ipaddress.IPv4Network, ipaddress.IPv6Network]


@dataclasses.dataclass(frozen=True)
class Match:
    """One condition. ``key``: ``tcp dport``, ``ip saddr``, ``iifname``, ``ct state`` ...; ``values``: normalised words.

    Several values mean any of them. The order of the values has no meaning, so they are sorted or merged.
    """

    key: str
    values: tuple[str, ...]

    def __str__(self) -> str:
        words = [f'"{value}"' if self.key == "iifname" else value for value in self.values]
        if not words:
            return self.key
        return f"{self.key} {words[0]}" if len(words) == 1 else f"{self.key} {{ {', '.join(words)} }}"


@dataclasses.dataclass(frozen=True)
class Rule:
    """One rule of the input chain: all of ``matches``, then ``verdict``; ``comment`` says what it is for."""

    matches: tuple[Match, ...]
    verdict: str
    comment: str = ""

    def __str__(self) -> str:
        words = [*map(str, self.matches), self.verdict]
        if self.comment:
            words.append(f'comment "{self.comment}"')
        return " ".join(words)


@dataclasses.dataclass(frozen=True)
class Chain:
    """A chain as nftables sees it. ``hook`` empty: a chain that others have put into our table."""

    name: str
    hook: str
    priority: int
    policy: str
    rules: tuple[Rule, ...]

    def lines(self) -> list[str]:
        """Return the chain as lines of nftables' language: what is loaded, and what a diff shows."""
        head = [f"type filter hook {self.hook} priority {self.priority}; policy {self.policy};"] if self.hook else []
        return [f"chain {self.name} {{", *["\t" + line for line in head + [str(rule) for rule in self.rules]], "}"]


@dataclasses.dataclass(frozen=True)
class Service:
    """What the user opens: ``protocol`` to ``ports`` (single ones or ranges) from ``sources`` (empty: anywhere)."""

    name: str
    protocol: str
    ports: tuple[tuple[int, int], ...]
    sources: tuple[Network, ...]


def parse_network(text: str, where: str) -> Network:
    """Read an address or CIDR; ``where`` names the option. Raises Problem, also for a network with host bits set."""
    try:
        return ipaddress.ip_network(text.strip())
    except ValueError as error:
        hint = ""
        try:
            hint = f"; did you mean {ipaddress.ip_network(text.strip(), strict=False)}?"
        except ValueError:
            pass
        raise Problem(f"{where}: '{text}' is not an IP address or CIDR ({error}){hint}") from None


def parse_ports(text: str, where: str) -> tuple[int, int]:
    """Read ``8888`` or ``6000-6010``; raises Problem."""
    found = re.fullmatch(r"([0-9]{1,5})(?:-([0-9]{1,5}))?", text.strip())
    if found:
        first, last = int(found[1]), int(found[2] or found[1])
        if 1 <= first <= last <= 65535:
            return first, last
    raise Problem(f"{where}: '{text}' is not a port (1 to 65535) or a range such as 6000-6010")


def parse_service(rule: t.Mapping[str, t.Any], where: str) -> Service:
    """Read one entry of the option ``rules``; raises Problem that names the entry."""
    name = str(rule.get("name") or "")
    if not _NAME.fullmatch(name):
        raise Problem(f"{where}: name '{name}' must be letters, digits, spaces or . _ : / + - and at most 100 of them")
    where = f"{where} ({name})"
    protocol = rule.get("protocol") or "tcp"
    if protocol not in _PROTOCOLS:
        raise Problem(f"{where}: protocol '{protocol}' must be one of {', '.join(_PROTOCOLS)}")
    ports = tuple(parse_ports(str(text), f"{where}, ports") for text in rule.get("ports") or ())
    if not ports:
        raise Problem(f"{where}: ports is empty")
    sources = tuple(parse_network(str(text), f"{where}, sources") for text in rule.get("sources") or ())
    return Service(name, protocol, ports, sources)


def parse_interface(text: str) -> str:
    """Read an interface's name, or the beginning of names as in ``br-*``; raises Problem."""
    if not _INTERFACE.fullmatch(text):
        raise Problem(f"trusted_interfaces: '{text}' is not the name of an interface, or its beginning and a *")
    return text


def merge_ranges(ranges: t.Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the ranges in order, overlapping and adjacent ones as one."""
    merged: list[tuple[int, int]] = []
    for low, high in sorted(ranges):
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(merged[-1][1], high))
        else:
            merged.append((low, high))
    return merged


def spell_ports(ranges: t.Iterable[tuple[int, int]]) -> tuple[str, ...]:
    """Return port ranges as nft words in their one spelling."""
    return tuple(str(low) if low == high else f"{low}-{high}" for low, high in merge_ranges(ranges))


def spell_addresses(ranges: t.Iterable[tuple[int, int]], version: int) -> tuple[str, ...]:
    """Return address ranges (as integers) as nft words in their one spelling."""
    words = []
    kind: t.Any = ipaddress.IPv4Address if version == 4 else ipaddress.IPv6Address
    for low, high in merge_ranges(ranges):
        networks = list(ipaddress.summarize_address_range(kind(low), kind(high)))
        if len(networks) > 1:
            words.append(f"{kind(low)}-{kind(high)}")
        elif networks[0].num_addresses == 1:
            words.append(str(networks[0].network_address))
        else:
            words.append(str(networks[0]))
    return tuple(words)


def network_range(network: Network) -> tuple[int, int]:
    """Return first and last address of ``network`` as integers."""
    return int(network.network_address), int(network.broadcast_address)


def service_rules(service: Service) -> list[Rule]:
    """Return the rules that open ``service``: one for any source, or one for each address family."""
    ports = Match(f"{service.protocol} dport", spell_ports(service.ports))
    if not service.sources:
        return [Rule((ports,), "accept", service.name)]
    rules = []
    for version, key in ((4, "ip saddr"), (6, "ip6 saddr")):
        ranges = [network_range(network) for network in service.sources if network.version == version]
        if not ranges:
            continue
        words = spell_addresses(ranges, version)
        everywhere = words == (("0.0.0.0/0",) if version == 4 else ("::/0",))
        # nft has no saddr match for a whole family; the family itself is the condition.
        match = Match("meta nfproto", ("ipv4" if version == 4 else "ipv6",)) if everywhere else Match(key, words)
        rules.append(Rule((match, ports), "accept", service.name))
    return rules


_ICMP = ("destination-unreachable", "echo-request", "parameter-problem", "time-exceeded")
# Neighbour discovery, multicast listening and path MTU discovery: without them IPv6 stops working (RFC 4890).
_ICMPV6 = (
    "destination-unreachable", "echo-reply", "echo-request", "ind-neighbor-advert", "ind-neighbor-solicit",
    "mld-listener-done", "mld-listener-query", "mld-listener-report", "mld2-listener-report", "nd-neighbor-advert",
    "nd-neighbor-solicit", "nd-redirect", "nd-router-advert", "nd-router-solicit", "packet-too-big",
    "parameter-problem", "time-exceeded",
)


def input_chain(ssh: Service, services: t.Iterable[Service], trusted: t.Iterable[str]) -> Chain:
    """Return our one chain: what every host needs, trusted interfaces, SSH, the user's services; then drop."""
    rules = [
        Rule((Match("ct state", ("established", "related")),), "accept", "answers"),
        Rule((Match("iifname", ("lo",)),), "accept", "this host itself"),
        Rule((Match("ct state", ("invalid",)),), "drop", "no part of any connection"),
        Rule((Match("icmp type", _ICMP),), "accept", "ping and errors"),
        Rule((Match("icmpv6 type", tuple(sorted(_ICMPV6))),), "accept", "neighbours, ping and errors"),
        Rule((Match("udp sport", ("67",)), Match("udp dport", ("68",))), "accept", "DHCP leases"),
        Rule(
            (Match("ip6 saddr", ("fe80::/10",)), Match("udp sport", ("547",)), Match("udp dport", ("546",))),
            "accept",
            "DHCPv6 leases",
        ),
    ]
    rules += [
        Rule((Match("iifname", (parse_interface(name),)),), "accept", "trusted interface") for name in trusted
    ]
    rules += service_rules(ssh)
    for service in services:
        rules += service_rules(service)
    return Chain(CHAIN, "input", 0, "drop", tuple(rules))


def table_text(chain: Chain) -> str:
    """Return the table in nftables' language."""
    return "\n".join([f"table {TABLE} {{", *["\t" + line for line in chain.lines()], "}", ""])


def admits(services: t.Iterable[Service], source: str, port: int) -> bool:
    """Return whether a new TCP connection from ``source`` to ``port`` passes one of ``services``."""
    address = ipaddress.ip_address(source)
    for service in services:
        if service.protocol != "tcp" or not any(low <= port <= high for low, high in service.ports):
            continue
        if not service.sources or any(
            address.version == network.version and address in network for network in service.sources
        ):
            return True
    return False
