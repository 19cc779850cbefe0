# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Tables, sets, chains and rules as data, and their one spelling.

This module util is private to the collection. Pure.

A rule that the user wants and a rule that the kernel holds become the same ``Rule`` when they mean the same: address
and port sets are kept as merged ranges, because nft prints ``{10.0.0.0/24, 10.0.1.0/24}`` back as one range. So a
comparison of spellings is a comparison of meanings.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import typing as t

TABLE = "inet lockstep"

Network = t.Union[ipaddress.IPv4Network, ipaddress.IPv6Network]


@dataclasses.dataclass(frozen=True)
class Match:
    """One condition. ``key``: ``tcp dport``, ``ip saddr``, ``ip saddr !=``, ``iifname`` ...; ``values``: normalised words.

    Several values mean any of them (after ``!=``: none of them); ``@name`` is a set of the table. The order of the
    values has no meaning, so they are sorted or merged.
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
    """One rule: all of ``matches``, then ``verdict`` (statements included); ``comment`` says what it is for.

    ``counted``: packets and bytes so far. They change all the time and are no part of what a rule means.
    """

    matches: tuple[Match, ...]
    verdict: str
    comment: str = ""
    counted: tuple[int, int] = dataclasses.field(default=(0, 0), compare=False)

    def __str__(self) -> str:
        words = [*map(str, self.matches), self.verdict]
        if self.comment:
            words.append(f'comment "{self.comment}"')
        return " ".join(words)


@dataclasses.dataclass(frozen=True)
class Set:
    """A named set of addresses. ``kind``: ``ipv4_addr`` or ``ipv6_addr``.

    ``attributes``: what else it is, in nftables' words. With any of them the kernel fills the set, and ``elements`` is
    empty: what is in it now is no part of what it means.
    """

    name: str
    kind: str
    elements: tuple[str, ...] = ()
    attributes: tuple[str, ...] = ()

    def lines(self) -> list[str]:
        """Return the set as lines of nftables' language, one for each element, so that a diff shows elements."""
        inner = [f"type {self.kind}", *self.attributes]
        if self.elements:
            inner += ["elements = {", *[f"\t{element}," for element in self.elements], "}"]
        return [f"set {self.name} {{", *["\t" + line for line in inner], "}"]


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
        return self._lines([str(rule) for rule in self.rules])

    def lines_that_go_on_counting(self, former: Chain | None) -> list[str]:
        """Return the chain with each rule that is also in ``former`` counting on from where it is."""
        counted = {rule: rule.counted for rule in former.rules} if former else {}
        lines = []
        for rule in self.rules:
            packets, amount = counted.get(rule, (0, 0))
            verdict = rule.verdict
            if packets:
                # Only our own verdicts come here, and in them the word stands once.
                verdict = verdict.replace("counter", f"counter packets {packets} bytes {amount}", 1)
            lines.append(str(dataclasses.replace(rule, verdict=verdict)))
        return self._lines(lines)

    def _lines(self, rules: list[str]) -> list[str]:
        head = [f"type filter hook {self.hook} priority {self.priority}; policy {self.policy};"] if self.hook else []
        return [f"chain {self.name} {{", *["\t" + line for line in head + rules], "}"]


@dataclasses.dataclass(frozen=True)
class Table:
    """Our table. ``extras``: what others have put into it and we never use (maps, flow tables ...), for a diff."""

    sets: tuple[Set, ...]
    chains: tuple[Chain, ...]
    extras: tuple[str, ...] = ()

    def lines(self) -> list[str]:
        """Return what is in the table as lines of nftables' language."""
        return [*self.extras, *[line for part in (*self.sets, *self.chains) for line in part.lines()]]

    def chain(self, name: str) -> Chain | None:
        """Return the chain of that name, or None."""
        return next((chain for chain in self.chains if chain.name == name), None)

    def elements(self, name: str) -> tuple[str, ...]:
        """Return what is in the set of that name; nothing where there is none."""
        return next((one.elements for one in self.sets if one.name == name), ())


def table_text(table: Table, former: Table | None = None) -> str:
    """Return the table in nftables' language; ``former``: the one it replaces, whose counters go on."""
    lines = [line for one in table.sets for line in one.lines()]
    for chain in table.chains:
        lines += chain.lines_that_go_on_counting(former.chain(chain.name) if former else None)
    return "\n".join([f"table {TABLE} {{", *["\t" + line for line in lines], "}", ""])


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


def spell_elements(addresses: t.Iterable[str]) -> tuple[str, ...]:
    """Return single addresses as elements of a set: each once, in order of their numbers."""
    return tuple(str(address) for address in sorted({ipaddress.ip_address(text) for text in addresses}, key=int))


def network_range(network: Network) -> tuple[int, int]:
    """Return first and last address of ``network`` as integers."""
    return int(network.network_address), int(network.broadcast_address)
