# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The addresses of the hosts of inventory groups, as other hosts of the fleet see them.

This plugin util is private to the collection. Pure; names are resolved by a function that is passed in.
"""

from __future__ import annotations

import ipaddress
import socket
import typing as t

from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem

#: A host's variable that names its addresses; then nothing is guessed.
ADDRESSES = "firewall_addresses"

#: All variables of a host that matter here.
VARIABLES = (ADDRESSES, "ansible_host")

#: Returns the addresses of a name; raises OSError where there are none.
Resolve = t.Callable[[str], t.Iterable[str]]


def named_groups(arguments: t.Mapping[str, t.Any]) -> list[str]:
    """Return the groups that a task's arguments name as sources, each once, in order."""
    lists = [arguments.get("ssh_source_groups"), arguments.get("published_source_groups")]
    rules = arguments.get("rules")
    if isinstance(rules, list):
        lists += [rule.get("source_groups") for rule in rules if isinstance(rule, dict)]
    found: dict[str, None] = {}
    for names in lists:
        # What else could stand here is for the module to refuse.
        words = names.split(",") if isinstance(names, str) else names if isinstance(names, list) else []
        found.update(dict.fromkeys(str(word).strip() for word in words))
    return list(found)


def group_addresses(
    names: t.Iterable[str],
    groups: t.Mapping[str, t.Sequence[str]],
    variables_of: t.Callable[[str], t.Mapping[str, t.Any]],
    resolve: Resolve,
) -> dict[str, list[str]]:
    """Return group -> addresses of its hosts; raises Problem that names the group or the host.

    ``groups``: the inventory's, with their hosts. ``variables_of``: the variables of one host.
    """
    found: dict[str, list[str]] = {}
    known: dict[str, list[str]] = {}
    for name in names:
        if name not in groups:
            raise Problem(
                f"the inventory has no group '{name}', which a firewall rule names as a source; its groups are: "
                f"{', '.join(sorted(groups)) or 'none'}"
            )
        for host in groups[name]:
            if host not in known:
                known[host] = host_addresses(host, variables_of(host), resolve, name)
        found[name] = list(dict.fromkeys(address for host in groups[name] for address in known[host]))
    return found


def host_addresses(host: str, variables: t.Mapping[str, t.Any], resolve: Resolve, group: str) -> list[str]:
    """Return the addresses of one host; raises Problem where none can be known.

    Its variable ``firewall_addresses``, where it has one, and nothing else; otherwise ``ansible_host``, resolved if it
    is a name. Facts are not asked: whether they were gathered, and of which hosts, would change the rules from run to run.
    """
    said = variables.get(ADDRESSES)
    if said is not None:
        return _said(host, said)
    name = str(variables.get("ansible_host") or host)
    candidates: list[str] = []
    why = f"'{name}' is an address that only the host itself can use"
    try:
        candidates = [str(ipaddress.ip_address(name))] if _is_address(name) else list(resolve(name))
    except (OSError, UnicodeError) as error:
        why = f"'{name}' is not an address and is not resolved here ({getattr(error, 'strerror', None) or error})"
    usable = [address for address in dict.fromkeys(map(_plain, candidates)) if _is_usable(address)]
    if not usable:
        raise Problem(
            f"the address of {host}, a host of the group {group}, cannot be known: {why}. "
            f"Set its ansible_host to an address, or {ADDRESSES} to a list of its addresses"
        )
    return usable


def _said(host: str, said: t.Any) -> list[str]:
    words = [said] if isinstance(said, str) else said
    if not isinstance(words, (list, tuple)) or not words:
        raise Problem(f"{ADDRESSES} of {host} must be a list of its addresses")
    for word in words:
        if not _is_address(str(word)) or not _is_usable(_plain(str(word))):
            raise Problem(f"{ADDRESSES} of {host}: '{word}' is not an address by which other hosts see it")
    return list(dict.fromkeys(_plain(str(word)) for word in words))


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _plain(text: str) -> str:
    address = ipaddress.ip_address(text.partition("%")[0])
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)


def _is_usable(text: str) -> bool:
    address = ipaddress.ip_address(text)
    return not (address.is_loopback or address.is_unspecified or address.is_multicast or address.is_link_local)


def resolve_here(name: str) -> list[str]:
    """Resolve a name as this controller does."""
    return [str(entry[4][0]) for entry in socket.getaddrinfo(name, None, proto=socket.IPPROTO_TCP)]
