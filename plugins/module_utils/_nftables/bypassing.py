# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ports that others publish by rewriting addresses: their connections are forwarded and never reach an input chain.

This module util is private to the collection. Pure. Docker and podman write such rules with iptables or nftables; nft
shows the former without where they lead to, and older ones without their ports ("xt"); iptables-save gives both.
"""

from __future__ import annotations

import json
import typing as t


def from_ruleset(output: str) -> tuple[list[dict[str, str]], bool]:
    """Read ``nft -j list ruleset``; return the published ports, and whether there are rules to ask iptables about."""
    found: list[dict[str, str]] = []
    by_iptables = False
    for entry in json.loads(output)["nftables"]:
        rule = entry.get("rule")
        if not rule:
            continue
        table = f"{rule.get('family')} {rule.get('table')}"
        expressions = [one for one in rule.get("expr", []) if isinstance(one, dict)]
        if any("xt" in one for one in expressions):
            by_iptables = True
        target = next((one["dnat"] for one in expressions if "dnat" in one), None)
        if any(one.get("xt", {}).get("name") == "DNAT" for one in expressions if isinstance(one.get("xt"), dict)):
            target = {}
        if target is None or table == "inet lockstep":
            continue
        protocol, ports = _ports(expressions)
        if ports and not _for_this_host_alone(expressions):
            found.append(_entry(protocol, ports, _target(target), table))
    return found, by_iptables


def _ports(expressions: t.Iterable[dict[str, t.Any]]) -> tuple[str, str]:
    protocol, ports = "tcp", ""
    for one in expressions:
        match = one.get("match", {})
        left = match.get("left")
        payload = left.get("payload", {}) if isinstance(left, dict) else {}
        if isinstance(payload, dict) and payload.get("field") == "dport" and match.get("op") in ("==", "in"):
            # "th": any protocol with ports; then another condition says which.
            protocol = protocol if payload.get("protocol") == "th" else payload.get("protocol", "tcp")
            ports = _spell(match.get("right"))
        elif isinstance(left, dict) and left.get("meta", {}).get("key") == "l4proto" and isinstance(match["right"], str):
            protocol = match["right"]
    return protocol, ports


def _for_this_host_alone(expressions: t.Iterable[dict[str, t.Any]]) -> bool:
    """Whether only connections to a loopback address are rewritten."""
    for one in expressions:
        left = one.get("match", {}).get("left")
        payload = left.get("payload", {}) if isinstance(left, dict) else {}
        if isinstance(payload, dict) and payload.get("field") == "daddr" and one["match"].get("op") == "==":
            right = one["match"].get("right")
            address = right.get("prefix", {}).get("addr", "") if isinstance(right, dict) else right
            return str(address).startswith("127.") or address == "::1"
    return False


def _spell(value: t.Any) -> str:
    if isinstance(value, dict) and "range" in value:
        return "-".join(map(str, value["range"]))
    if isinstance(value, dict) and "set" in value:
        return ",".join(_spell(one) for one in value["set"])
    return str(value) if isinstance(value, (str, int)) else ""


def _target(target: t.Any) -> str:
    if not isinstance(target, dict):
        return ""
    address, port = target.get("addr"), target.get("port")
    where = address if isinstance(address, str) else ""
    where = f"[{where}]" if ":" in where and port else where
    return f"{where}:{port}" if isinstance(port, (int, str)) else where


def from_iptables(output: str, table: str) -> list[dict[str, str]]:
    """Read ``iptables-save -t nat``; ``table``: where the rules are, for people."""
    found = []
    for line in output.splitlines():
        words = line.split()
        if words[:1] != ["-A"] or _after(words, "-j") != "DNAT":
            continue
        ports = _after(words, "--dport") or _after(words, "--dports")
        if ports and not _after(words, "-d").startswith(("127.", "::1")):
            found.append(_entry(_after(words, "-p"), ports.replace(":", "-"), _after(words, "--to-destination"), table))
    return found


def _after(words: list[str], option: str) -> str:
    """Return what follows ``option``; empty where it is not there, or is turned round by ``!``."""
    if option not in words[:-1]:
        return ""
    index = words.index(option)
    return "" if words[index - 1] == "!" else words[index + 1]


def _entry(protocol: str, ports: str, target: str, table: str) -> dict[str, str]:
    return {"protocol": protocol, "ports": ports, "to": target, "table": table}


def merge(*lists: t.Iterable[dict[str, str]]) -> list[dict[str, str]]:
    """Return each published port once, in order; one whose end is not known only where no list knows it."""
    unique = {(one["protocol"], one["ports"], one["to"]): one for entries in lists for one in entries}
    known = {key[:2] for key in unique if key[2]}
    return [unique[key] for key in sorted(unique) if key[2] or key[:2] not in known]
