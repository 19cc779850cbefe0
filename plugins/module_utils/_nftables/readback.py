# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reading our table back from ``nft -j list table``: equal to the wanted one when both mean the same.

This module util is private to the collection. Pure. The JSON's shape is libnftables-json(5). Whatever our rules never
use is kept as it was printed, so that it differs from every wanted rule.
"""

from __future__ import annotations

import ipaddress
import json
import typing as t

from .rules import Chain, Match, Rule, Set, Table, spell_addresses, spell_elements, spell_ports

_ADDRESSES = {("ip", "saddr"): 4, ("ip6", "saddr"): 6, ("ip", "daddr"): 4, ("ip6", "daddr"): 6}
_PORTS = {(protocol, field) for protocol in ("tcp", "udp") for field in ("dport", "sport")}
_DAY = 86400


def read_table(output: str) -> Table:
    """Return the table that nft printed."""
    entries: list[dict[str, t.Any]] = json.loads(output)["nftables"]
    rules: dict[str, list[Rule]] = {}
    heads: list[dict[str, t.Any]] = []
    sets: list[Set] = []
    extras: list[str] = []
    for entry in entries:
        for kind, content in entry.items():
            if kind == "rule":
                rules.setdefault(content["chain"], []).append(_rule(content))
            elif kind == "chain":
                heads.append(content)
            elif kind == "set":
                sets.append(_set(content))
            elif kind not in ("metainfo", "table"):
                extras.append(f"{kind} {content.get('name', '')} {{ ... }}")
    chains = [
        Chain(
            head["name"], head.get("hook", ""), int(head.get("prio", 0)), head.get("policy", ""),
            tuple(rules.get(head["name"], ())),
        )
        for head in heads
    ]
    return Table(tuple(sorted(sets, key=lambda one: one.name)), tuple(chains), tuple(extras))


def _set(content: dict[str, t.Any]) -> Set:
    kind = content.get("type")
    name = str(content.get("name", ""))
    if content.get("flags") == ["timeout"] or content.get("flags") == ["timeout", "dynamic"]:
        # The kernel fills it; nft before 1.1 does not print the flag "dynamic".
        seconds = int(content.get("timeout", 0))
        timeout = "1d" if seconds == _DAY else f"{seconds}s"
        size = f"size {content.get('size')}"
        return Set(name, str(kind), (), (size, "flags dynamic,timeout", f"timeout {timeout}"))
    known = ("family", "name", "table", "type", "handle", "elem", "flags")
    attributes = [f"{key} {json.dumps(value)}" for key, value in sorted(content.items()) if key not in known]
    if content.get("flags"):
        attributes.append("flags " + ",".join(map(str, content["flags"])))
    elements = content.get("elem", [])
    try:
        return Set(name, str(kind), spell_elements(elements), tuple(attributes))
    except (TypeError, ValueError):
        return Set(name, str(kind), tuple(json.dumps(element, sort_keys=True) for element in elements), tuple(attributes))


def _rule(content: dict[str, t.Any]) -> Rule:
    matches: list[Match] = []
    verdict: list[str] = []
    counted = (0, 0)
    for statement in content.get("expr", []):
        kind = next(iter(statement), "")
        if kind == "match" and not verdict:
            matches.append(_match(statement["match"]))
        elif kind in ("accept", "drop", "return", "continue"):
            verdict.append(kind)
        elif kind == "counter" and isinstance(statement["counter"], dict):
            verdict.append("counter")
            counted = (int(statement["counter"].get("packets", 0)), int(statement["counter"].get("bytes", 0)))
        else:
            verdict.append(_statement(kind, statement))
    return Rule(tuple(matches), " ".join(verdict), content.get("comment", ""), counted)


def _statement(kind: str, statement: dict[str, t.Any]) -> str:
    """Spell the other statements that our rules have: a limit, a limit for each source, a line in the log."""
    content = statement[kind]
    if kind == "limit" and set(content) == {"rate", "burst", "per"}:
        return f"limit rate {content['rate']}/{content['per']} burst {content['burst']} packets"
    if kind == "log" and set(content or ()) == {"prefix"}:
        return f'log prefix "{content["prefix"]}"'
    if kind == "set" and set(content) == {"op", "elem", "set", "stmt"} and len(content["stmt"]) == 1:
        source, limit = _source(content["elem"]), content["stmt"][0].get("limit", {})
        if source and set(limit) == {"rate", "burst", "per", "inv"} and limit["inv"]:
            each = f"limit rate over {limit['rate']}/{limit['per']} burst {limit['burst']} packets"
            return f"{content['op']} {content['set']} {{ {source} {each} }}"
    return json.dumps(statement, sort_keys=True)


def _source(element: t.Any) -> str:
    """Spell what a limit counts by; empty where it is nothing that our rules count by."""
    if not isinstance(element, dict):
        return ""
    if set(element) == {"&"} and len(element["&"]) == 2 and isinstance(element["&"][1], str):
        inner = _source(element["&"][0])
        return f"{inner} & {element['&'][1]}" if inner else ""
    field = element.get("payload", {})
    return f"{field['protocol']} {field['field']}" if set(field) == {"protocol", "field"} else ""


def _match(match: dict[str, t.Any]) -> Match:
    left, right = match.get("left", {}), match.get("right")
    values = right["set"] if isinstance(right, dict) and "set" in right else [right]
    negated = match.get("op") == "!="
    if "payload" in left and isinstance(left["payload"], dict) and "field" in left["payload"]:
        field = (left["payload"]["protocol"], left["payload"]["field"])
        key = " ".join(field)
        if field in _ADDRESSES and isinstance(right, str) and right.startswith("@"):
            return Match(key + " !=" * negated, (right,))
        try:
            if field in _PORTS and not negated:
                return Match(key, spell_ports(_port_range(value) for value in values))
            if field in _ADDRESSES:
                words = spell_addresses([_address_range(value) for value in values], _ADDRESSES[field])
                return Match(key + " !=" * negated, words)
        except (KeyError, TypeError, ValueError):
            return Match(json.dumps(match, sort_keys=True), ())
        if not negated and all(isinstance(value, (str, int)) for value in values):
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
