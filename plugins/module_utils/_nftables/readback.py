# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reading our table back from ``nft -j list table``: the same ``Rule`` as the wanted one when they mean the same.

This module util is private to the collection. Pure. The JSON's shape is libnftables-json(5). Whatever our rules never
use is kept as it was printed, so that it differs from every wanted rule.
"""

from __future__ import annotations

import ipaddress
import json
import typing as t

from .rules import Chain, Match, Rule, spell_addresses, spell_ports

_ADDRESSES = {("ip", "saddr"): 4, ("ip6", "saddr"): 6, ("ip", "daddr"): 4, ("ip6", "daddr"): 6}
_PORTS = {(protocol, field) for protocol in ("tcp", "udp") for field in ("dport", "sport")}


def read_table(output: str) -> tuple[list[Chain], list[str]]:
    """Return the chains of the table, and what else is in it (sets, maps ...) as lines for a diff."""
    entries: list[dict[str, t.Any]] = json.loads(output)["nftables"]
    rules: dict[str, list[Rule]] = {}
    heads: list[dict[str, t.Any]] = []
    others: list[str] = []
    for entry in entries:
        for kind, content in entry.items():
            if kind == "rule":
                rules.setdefault(content["chain"], []).append(_rule(content))
            elif kind == "chain":
                heads.append(content)
            elif kind not in ("metainfo", "table"):
                others.append(f"{kind} {content.get('name', '')} {{ ... }}")
    chains = [
        Chain(
            head["name"], head.get("hook", ""), int(head.get("prio", 0)), head.get("policy", ""),
            tuple(rules.get(head["name"], ())),
        )
        for head in heads
    ]
    return chains, others


def _rule(content: dict[str, t.Any]) -> Rule:
    matches: list[Match] = []
    verdict: list[str] = []
    for statement in content.get("expr", []):
        kind = next(iter(statement), "")
        if kind == "match" and not verdict:
            matches.append(_match(statement["match"]))
        elif kind in ("accept", "drop", "return", "continue"):
            verdict.append(kind)
        elif kind == "counter":
            # Counting decides nothing, and its numbers change all the time.
            verdict.append("counter")
        else:
            verdict.append(json.dumps(statement, sort_keys=True))
    return Rule(tuple(matches), " ".join(verdict), content.get("comment", ""))


def _match(match: dict[str, t.Any]) -> Match:
    left, right = match.get("left", {}), match.get("right")
    values = right["set"] if isinstance(right, dict) and "set" in right else [right]
    negated = match.get("op") == "!="
    if "payload" in left and isinstance(left["payload"], dict) and "field" in left["payload"] and not negated:
        field = (left["payload"]["protocol"], left["payload"]["field"])
        key = " ".join(field)
        try:
            if field in _PORTS:
                return Match(key, spell_ports(_port_range(value) for value in values))
            if field in _ADDRESSES:
                return Match(key, spell_addresses([_address_range(value) for value in values], _ADDRESSES[field]))
        except (KeyError, TypeError, ValueError):
            return Match(json.dumps(match, sort_keys=True), ())
        if all(isinstance(value, (str, int)) for value in values):
            return Match(key, tuple(sorted(map(str, values))))
    if not negated and all(isinstance(value, str) for value in values):
        if "ct" in left:
            return Match(f"ct {left['ct'].get('key')}", tuple(sorted(values)))
        if "meta" in left:
            key = left["meta"].get("key", "")
            return Match(key if key == "iifname" else f"meta {key}", tuple(sorted(values)))
    return Match(json.dumps(match, sort_keys=True), ())


def _port_range(value: t.Any) -> tuple[int, int]:
    if isinstance(value, dict):
        low, high = value["range"]
        return int(low), int(high)
    return int(value), int(value)


def _address_range(value: t.Any) -> tuple[int, int]:
    if isinstance(value, dict) and "prefix" in value:
        network = ipaddress.ip_network(f"{value['prefix']['addr']}/{value['prefix']['len']}")
        return int(network.network_address), int(network.broadcast_address)
    if isinstance(value, dict):
        low, high = value["range"]
        return int(ipaddress.ip_address(low)), int(ipaddress.ip_address(high))
    return int(ipaddress.ip_address(value)), int(ipaddress.ip_address(value))
