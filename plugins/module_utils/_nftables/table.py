# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Our table: from what the user opens to sets, chains and rules.

This module util is private to the collection. Pure.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import typing as t

from .options import Groups, Service
from .rules import Chain, Match, Network, Rule, Set, Table, network_range, spell_addresses, spell_elements, spell_ports

INPUT = "input"
FORWARD = "forward"
#: Sources that the rate limit never counts: those that a run came from.
CONTROLLERS = {4: "controllers_ipv4", 6: "controllers_ipv6"}
LOG_PREFIX = "lockstep drop: "

_RATED = {4: "ssh_rate_ipv4", 6: "ssh_rate_ipv6"}
# What one source is: an address, and with IPv6 the network that one customer has at least.
_SOURCE = {4: "ip saddr", 6: "ip6 saddr & ffff:ffff:ffff:ffff::"}
_SADDR = {4: "ip saddr", 6: "ip6 saddr"}
_KIND = {4: "ipv4_addr", 6: "ipv6_addr"}
_NFPROTO = {4: "ipv4", 6: "ipv6"}
_NEW = Match("ct state", ("new",))
ACCEPT = "counter accept"
DROP = "counter drop"


@dataclasses.dataclass(frozen=True)
class Openings:
    """What the user opens and limits, read and checked.

    ``rate``: new SSH connections of one source for a time, or None; ``uncounted``: sources it never counts.
    ``published``: sources and groups that may use published ports, or None: not limited.
    """

    ssh: Service
    services: tuple[Service, ...] = ()
    trusted: tuple[str, ...] = ()
    rate: tuple[int, str] | None = None
    uncounted: tuple[Network, ...] = ()
    published: tuple[tuple[Network, ...], tuple[str, ...]] | None = None
    log_drops: bool = False


def group_set(name: str, version: int) -> str:
    """Return the name of the set that holds the addresses of an inventory group."""
    return f"group_{name}_ipv{version}"


def make_table(openings: Openings, groups: Groups, controllers: t.Iterable[str] = ()) -> Table:
    """Return our table. ``controllers``: addresses that the rate limit never counts."""
    sets = _group_sets(openings, groups)
    if openings.rate:
        addresses = [ipaddress.ip_address(text) for text in controllers]
        for version in (4, 6):
            of_version = [str(address) for address in addresses if address.version == version]
            sets.append(Set(CONTROLLERS[version], _KIND[version], spell_elements(of_version)))
            sets.append(Set(_RATED[version], _KIND[version], (), ("size 65535", "flags dynamic,timeout", "timeout 1d")))
    named = {one.name for one in sets}
    chains = [_input_chain(openings, named)]
    if openings.published is not None:
        chains.append(_forward_chain(openings, *openings.published, named))
    return Table(tuple(sorted(sets, key=lambda one: one.name)), tuple(chains))


def _group_sets(openings: Openings, groups: Groups) -> list[Set]:
    used = {name for service in (openings.ssh, *openings.services) for name in service.groups}
    if openings.published is not None:
        used.update(openings.published[1])
    sets = []
    for name in used:
        for version in (4, 6):
            elements = spell_elements(text for text in groups[name] if ipaddress.ip_address(text).version == version)
            if elements:
                sets.append(Set(group_set(name, version), _KIND[version], elements))
    return sets


def from_sources(sources: t.Sequence[Network], groups: t.Sequence[str], named: t.Container[str]) -> list[Match]:
    """Return one condition for each way of being one of ``sources`` or a host of ``groups``.

    ``named``: the sets of the table; a group without addresses of a family has no set of that family.
    """
    matches = []
    for version, key in _SADDR.items():
        ranges = [network_range(network) for network in sources if network.version == version]
        if ranges:
            words = spell_addresses(ranges, version)
            everywhere = words == (("0.0.0.0/0",) if version == 4 else ("::/0",))
            # nft has no saddr match for a whole family; the family itself is the condition.
            matches.append(Match("meta nfproto", (_NFPROTO[version],)) if everywhere else Match(key, words))
        matches += [
            Match(key, (f"@{group_set(name, version)}",)) for name in groups if group_set(name, version) in named
        ]
    return matches


def service_rules(service: Service, named: t.Container[str] = ()) -> list[Rule]:
    """Return the rules that open ``service``: one for any source, or one for each family and group."""
    ports = Match(f"{service.protocol} dport", spell_ports(service.ports))
    if service.anywhere:
        return [Rule((ports,), ACCEPT, service.name)]
    return [
        Rule((source, ports), ACCEPT, service.name) for source in from_sources(service.sources, service.groups, named)
    ]


_ICMP = ("destination-unreachable", "echo-request", "parameter-problem", "time-exceeded")
# Neighbour discovery, multicast listening and path MTU discovery: without them IPv6 stops working (RFC 4890).
_ICMPV6 = (
    "destination-unreachable", "echo-reply", "echo-request", "ind-neighbor-advert", "ind-neighbor-solicit",
    "mld-listener-done", "mld-listener-query", "mld-listener-report", "mld2-listener-report", "nd-neighbor-advert",
    "nd-neighbor-solicit", "nd-redirect", "nd-router-advert", "nd-router-solicit", "packet-too-big",
    "parameter-problem", "time-exceeded",
)


def _trusted_rules(openings: Openings) -> list[Rule]:
    return [Rule((Match("iifname", (name,)),), ACCEPT, "trusted interface") for name in openings.trusted]


def _input_chain(openings: Openings, named: t.Container[str]) -> Chain:
    """What every host needs, trusted interfaces, SSH, the user's services; then drop."""
    rules = [
        Rule((Match("ct state", ("established", "related")),), ACCEPT, "answers"),
        Rule((Match("iifname", ("lo",)),), ACCEPT, "this host itself"),
        Rule((Match("ct state", ("invalid",)),), DROP, "no part of any connection"),
        Rule((Match("icmp type", _ICMP),), ACCEPT, "ping and errors"),
        Rule((Match("icmpv6 type", tuple(sorted(_ICMPV6))),), ACCEPT, "neighbours, ping and errors"),
        Rule((Match("udp sport", ("67",)), Match("udp dport", ("68",))), ACCEPT, "DHCP leases"),
        Rule(
            (Match("ip6 saddr", ("fe80::/10",)), Match("udp sport", ("547",)), Match("udp dport", ("546",))),
            ACCEPT,
            "DHCPv6 leases",
        ),
        *_trusted_rules(openings),
    ]
    if openings.rate:
        rules += _rate_rules(openings, *openings.rate)
    for service in (openings.ssh, *openings.services):
        rules += service_rules(service, named)
    if openings.log_drops:
        # Limited, or whoever knocks fills the disk.
        rules.append(Rule((), f'limit rate 10/minute burst 20 packets counter log prefix "{LOG_PREFIX}"', "log of drops"))
    rules.append(Rule((), DROP, "the rest"))
    return Chain(INPUT, "input", 0, "drop", tuple(rules))


def _rate_rules(openings: Openings, number: int, unit: str) -> list[Rule]:
    rules = []
    for version, key in _SADDR.items():
        matches = [Match("tcp dport", spell_ports(openings.ssh.ports)), _NEW, Match(f"{key} !=", (f"@{CONTROLLERS[version]}",))]
        ranges = [network_range(network) for network in openings.uncounted if network.version == version]
        if ranges:
            matches.append(Match(f"{key} !=", spell_addresses(ranges, version)))
        limit = f"update @{_RATED[version]} {{ {_SOURCE[version]} limit rate over {number}/{unit} burst {number} packets }}"
        rules.append(Rule(tuple(matches), f"{limit} {DROP}", "too many SSH connections"))
    return rules


def _forward_chain(
    openings: Openings, sources: t.Sequence[Network], groups: t.Sequence[str], named: t.Container[str]
) -> Chain:
    """Limit who begins a connection to a published port; all else is left to the chains of others."""
    begun = (Match("ct status", ("dnat",)), _NEW)
    rules = _trusted_rules(openings)
    rules += [Rule((*begun, source), ACCEPT, "published ports") for source in from_sources(sources, groups, named)]
    rules.append(Rule(begun, DROP, "published ports, everybody else"))
    return Chain(FORWARD, "forward", 0, "accept", tuple(rules))
