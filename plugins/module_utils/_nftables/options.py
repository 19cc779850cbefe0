# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reading the user's options: each mistake is one error that names the option and the value.

This module util is private to the collection. Pure.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import re
import typing as t

from .._plan import Problem
from .rules import Network

_PROTOCOLS = ("tcp", "udp")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ,._:/+-]{0,99}")
_INTERFACE = re.compile(r"[A-Za-z0-9_.:@-]{1,15}\*?")
# The kernel takes names of sets up to 255 characters; ours add a beginning and an end.
_GROUP = re.compile(r"[A-Za-z0-9_.-]{1,100}")
_RATE = re.compile(r"([0-9]{1,5})/(second|minute|hour|day)")

#: Addresses of the hosts of inventory groups, as the action found them.
Groups = t.Mapping[str, t.Sequence[str]]


@dataclasses.dataclass(frozen=True)
class Service:
    """What the user opens: ``protocol`` to ``ports`` from ``sources`` and from the hosts of ``groups``.

    Neither sources nor groups: from anywhere. A group without hosts lets nobody in, never everybody.
    """

    name: str
    protocol: str
    ports: tuple[tuple[int, int], ...]
    sources: tuple[Network, ...]
    groups: tuple[str, ...] = ()

    @property
    def anywhere(self) -> bool:
        """Whether any address may use it."""
        return not self.sources and not self.groups


def parse_network(text: str, where: str) -> Network:
    """Read an address or CIDR; ``where`` names the option. Raises Problem, also for a network with host bits set."""
    word = text.strip()
    if "%" in word:
        raise Problem(
            f"{where}: '{text}' has a zone; sources have none. Write {word.partition('%')[0]}, or trust the interface "
            "(trusted_interfaces)"
        )
    try:
        network = ipaddress.ip_network(word)
    except ValueError as error:
        hint = ""
        try:
            hint = f"; did you mean {ipaddress.ip_network(word, strict=False)}?"
        except ValueError:
            pass
        raise Problem(f"{where}: '{text}' is not an IP address or CIDR ({error}){hint}") from None
    if network.version == 6 and network.network_address.ipv4_mapped is not None and network.prefixlen >= 96:
        plain = ipaddress.ip_network((int(network.network_address) & 0xFFFFFFFF, network.prefixlen - 96))
        raise Problem(
            f"{where}: '{text}' is an IPv4 address in IPv6's form, which no packet has; write "
            f"{plain.network_address if plain.prefixlen == 32 else plain}"
        )
    return network


def parse_networks(texts: t.Iterable[t.Any], where: str) -> tuple[Network, ...]:
    """Read a list of sources; duplicates and overlaps are harmless. Raises Problem."""
    return tuple(parse_network(str(text), where) for text in texts)


def parse_groups(names: t.Iterable[t.Any], where: str, groups: Groups) -> tuple[str, ...]:
    """Read names of inventory groups, whose hosts' addresses are ``groups``; raises Problem."""
    found: list[str] = []
    for name in map(str, names):
        if not _GROUP.fullmatch(name):
            raise Problem(f"{where}: '{name}' must be letters, digits or _ . - and at most 100 of them")
        if name not in groups:
            raise Problem(f"{where}: the addresses of the group '{name}' are not known here")
        if name not in found:
            found.append(name)
    return tuple(found)


def parse_ports(text: str, where: str) -> tuple[int, int]:
    """Read ``8888`` or ``6000-6010``; raises Problem."""
    found = re.fullmatch(r"([0-9]{1,5})(?:-([0-9]{1,5}))?", text.strip())
    if found:
        first, last = int(found[1]), int(found[2] or found[1])
        if 1 <= first <= last <= 65535:
            return first, last
    raise Problem(f"{where}: '{text}' is not a port (1 to 65535) or a range such as 6000-6010")


def parse_service(rule: t.Mapping[str, t.Any], where: str, groups: Groups) -> Service:
    """Read one entry of the option ``rules``; raises Problem that names the entry."""
    name = str(rule.get("name") or "")
    if not _NAME.fullmatch(name):
        raise Problem(f"{where}: name '{name}' must be letters, digits, spaces or , . _ : / + - and at most 100 of them")
    where = f"{where} ({name})"
    protocol = rule.get("protocol") or "tcp"
    if protocol not in _PROTOCOLS:
        raise Problem(f"{where}: protocol '{protocol}' must be one of {', '.join(_PROTOCOLS)}")
    ports = tuple(parse_ports(str(text), f"{where}, ports") for text in rule.get("ports") or ())
    if not ports:
        raise Problem(f"{where}: ports is empty")
    sources = parse_networks(rule.get("sources") or (), f"{where}, sources")
    return Service(
        name, protocol, ports, sources, parse_groups(rule.get("source_groups") or (), f"{where}, source_groups", groups)
    )


def parse_interfaces(names: t.Iterable[t.Any]) -> tuple[str, ...]:
    """Read names of interfaces, or beginnings of names as in ``br-*``; raises Problem."""
    found: list[str] = []
    for name in map(str, names):
        if not _INTERFACE.fullmatch(name):
            raise Problem(f"trusted_interfaces: '{name}' is not the name of an interface, or its beginning and a *")
        if name not in found:
            found.append(name)
    return tuple(found)


def parse_rate(text: str | None) -> tuple[int, str] | None:
    """Read ``10/minute``; None means no limit. Raises Problem."""
    if text is None:
        return None
    found = _RATE.fullmatch(text.strip())
    if not found or not int(found[1]):
        raise Problem(
            f"ssh_rate_limit: '{text}' is not a number of connections (1 to 99999) for a time, such as 10/minute "
            "(second, minute, hour, day)"
        )
    return int(found[1]), found[2]


def parse_published(
    sources: t.Sequence[t.Any] | None, groups: t.Sequence[t.Any], known: Groups
) -> tuple[tuple[Network, ...], tuple[str, ...]] | None:
    """Read who may use published ports; None: nothing is limited. Raises Problem."""
    if sources is None and not groups:
        return None
    if not sources and not groups:
        raise Problem(
            "published_sources is empty, which would close every published port. Leave it out to limit nothing, or name "
            "who may use them; to close them to everybody, name 127.0.0.1"
        )
    return (
        parse_networks(sources or (), "published_sources"),
        parse_groups(groups, "published_source_groups", known),
    )
