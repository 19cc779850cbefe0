# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The firewall's plan: from options and the host's state to what has to be done.

This module util is private to the collection. Pure.
"""

from __future__ import annotations

import dataclasses
import difflib
import typing as t
from types import MappingProxyType

from .._plan import Plan, Problem, text_diff
from . import persistence
from .evaluate import is_interface
from .host import State
from .options import (
    Groups, Service, parse_groups, parse_interfaces, parse_networks, parse_ports, parse_published, parse_rate,
    parse_service,
)
from .rules import TABLE, Chain, Set, Table
from .table import CONTROLLERS, Openings, group_set, make_table

#: Bridges and tunnels of containers and virtual machines, whose traffic is not ours to judge.
TRUSTED = (
    "docker0", "br-*", "podman*", "cni*", "cali*", "cilium_*", "flannel*", "virbr*", "lxc*", "lxdbr*",
)


@dataclasses.dataclass(frozen=True)
class Wanted:
    """What the user asked for, as read, and the table that says all of it."""

    openings: Openings
    table: Table
    warnings: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Closing:
    """What the first rules close, a line each: sockets that nobody reaches any more, and peers that no rule covers."""

    listeners: tuple[str, ...] = ()
    peers: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Step:
    """One step for people; ``kind``: load, unload, closes, persist, forget."""

    kind: str
    sentence: str

    def __str__(self) -> str:
        return self.sentence


def read_openings(options: t.Mapping[str, t.Any], ssh_ports: t.Sequence[int], groups: Groups) -> Openings:
    """Read the module's options; raises Problem that names the option and the value."""
    ports = tuple(parse_ports(str(port), "ssh_ports") for port in ssh_ports)
    ssh = Service(
        "SSH", "tcp", ports, parse_networks(options["ssh_sources"], "ssh_sources"),
        parse_groups(options["ssh_source_groups"], "ssh_source_groups", groups),
    )
    uncounted = parse_networks(options["ssh_rate_limit_exempt"], "ssh_rate_limit_exempt")
    rate = parse_rate(options["ssh_rate_limit"])
    if uncounted and rate is None:
        raise Problem("ssh_rate_limit_exempt names sources, but there is no ssh_rate_limit that counts anybody")
    return Openings(
        ssh,
        tuple(
            parse_service(rule, f"rules, entry {number}", groups)
            for number, rule in enumerate(options["rules"], start=1)
        ),
        parse_interfaces(options["trusted_interfaces"]),
        rate,
        uncounted,
        parse_published(options["published_sources"], options["published_source_groups"], groups),
        bool(options["log_drops"]),
    )


def loaded_groups(options: t.Mapping[str, t.Any], table: Table | None) -> dict[str, list[str]]:
    """Return the groups that the options name with the addresses that ``table`` has of them.

    Within a guard of the user's own (access_guard) what was loaded is confirmed later, and nobody asks the inventory again.
    """
    names = [*options["ssh_source_groups"], *options["published_source_groups"]]
    names += [name for rule in options["rules"] for name in rule.get("source_groups") or ()]
    return {
        name: [one for version in (4, 6) for one in (table.elements(group_set(name, version)) if table else ())]
        for name in names
    }


def make_wanted(
    openings: Openings, groups: Groups, former: Table | None, controllers: t.Iterable[str],
    bridges: t.Mapping[str, str] = MappingProxyType({}),
) -> Wanted:
    """Return what is wanted on this host.

    ``former``: the table that is there. ``controllers``: addresses that administrators are connected from now. The rate
    limit does not count them, and those of earlier runs neither: one run must not undo what another one needs.
    ``bridges``: those to a real network, with the port that leads there.
    """
    earlier = [address for name in CONTROLLERS.values() for address in (former.elements(name) if former else ())]
    warnings = []
    if openings.ssh.anywhere:
        warnings.append(
            "SSH is open to any address: set ssh_sources (firewall_ssh_sources) to the networks you administer from"
        )
    for name in sorted({name for service in (openings.ssh, *openings.services) for name in service.groups}):
        if not groups[name]:
            warnings.append(f"the group {name} has no hosts, so naming it as a source lets nobody in")
    for bridge, port in sorted(bridges.items()):
        if any(is_interface(bridge, name) for name in openings.trusted):
            warnings.append(
                f"the trusted interface {bridge} is a bridge to a real network (by its port {port}), so everything from "
                "there is let in: leave it out of trusted_interfaces (firewall_trusted_interfaces)"
            )
    table = make_table(openings, groups, [*earlier, *controllers])
    return Wanted(openings, table, tuple(warnings))


def make_plan(wanted: Wanted | None, state: State, closing: Closing = Closing()) -> Plan:
    """Return what to do; ``wanted`` None: remove all that is ours. ``closing``: what is closed by that."""
    before = state.table.lines() if state.table else []
    after = wanted.table.lines() if wanted else []
    steps: list[Step] = []
    diff: list[dict[str, str]] = []
    if before != after:
        steps += _rule_steps(state.table, wanted.table if wanted else None)
        diff.append(
            text_diff(
                f"nftables table {TABLE}",
                "\n".join(before) + "\n" if state.table is not None else None,
                "\n".join(after) + "\n" if wanted else None,
            )
        )
    steps += [Step("closes", f"close {line}") for line in closing.listeners]
    steps += [Step("closes", f"leave out {line}, which is connected now") for line in closing.peers]
    if closing.listeners or closing.peers:
        lines = [*closing.listeners, *[f"peer {line}" for line in closing.peers]]
        diff.append(text_diff("reachable from outside, and no longer", "\n".join(lines) + "\n", ""))
    if wanted:
        steps += _persist_steps(wanted, state, diff)
    elif any(text is not None for text in [*state.files.values(), *state.links.values()]):
        steps.append(Step("forget", "remove the file and the units that load the table at boot"))
    return Plan(tuple(steps), tuple(diff), wanted.warnings if wanted else ())


def with_warning_of_bypassing(
    plan: Plan, wanted: Wanted | None, bypassing: t.Sequence[t.Mapping[str, str]]
) -> Plan:
    """Return ``plan`` with a warning where rules change, and ports are published past them to anybody."""
    if not plan or wanted is None or wanted.openings.published is not None or not bypassing:
        return plan
    ports = ", ".join(f"{one['protocol']} {one['ports']}" for one in bypassing)
    warning = (
        f"published past these rules, by the rules of others: {ports}. Set published_sources (firewall_published_sources) "
        "to limit who may use them"
    )
    return dataclasses.replace(plan, warnings=(*plan.warnings, warning))


def _rule_steps(before: Table | None, after: Table | None) -> list[Step]:
    if after is None:
        return [Step("unload", f"remove the nftables table {TABLE}")]
    if before is None:
        return [Step("load", f"load the nftables table {TABLE}")]
    sentences = [f"remove {extra}" for extra in before.extras]
    sentences += _set_sentences({one.name: one for one in before.sets}, {one.name: one for one in after.sets})
    chains = {chain.name: chain for chain in before.chains}
    for chain in after.chains:
        sentences += _chain_sentences(chains.pop(chain.name, None), chain)
    sentences += [f"remove chain {name}" for name in chains]
    return [Step("load", sentence) for sentence in sentences]


def _set_sentences(before: dict[str, Set], after: dict[str, Set]) -> t.Iterator[str]:
    for name in sorted({*before, *after}):
        old, new = before.get(name), after.get(name)
        if new is None:
            yield f"remove set {name}"
        elif old is None:
            yield f"add set {name}" + (f": {', '.join(new.elements)}" if new.elements else "")
        elif (old.kind, old.attributes) != (new.kind, new.attributes):
            yield f"replace set {name}"
        else:
            yield from (f"add to set {name}: {one}" for one in new.elements if one not in old.elements)
            yield from (f"remove from set {name}: {one}" for one in old.elements if one not in new.elements)


def _chain_sentences(before: Chain | None, after: Chain) -> t.Iterator[str]:
    if before is None:
        yield f"add chain {after.name}"
        return
    if dataclasses.replace(before, rules=()) != dataclasses.replace(after, rules=()):
        yield f"replace chain {after.name}"
    old, new = ([str(rule) for rule in chain.rules] for chain in (before, after))
    for line in difflib.unified_diff(old, new, n=0, lineterm=""):
        if not line.startswith(("+++", "---", "@@")):
            yield f"{'add' if line[0] == '+' else 'remove'} rule: {line[1:]}"


def _persist_steps(wanted: Wanted, state: State, diff: list[dict[str, str]]) -> list[Step]:
    steps = []
    for path, (text, _mode) in persistence.files(wanted.table, state.nft).items():
        if state.files.get(path) != text:
            steps.append(Step("persist", f"write {path}"))
            if path != persistence.RULES:
                diff.append(text_diff(path, state.files.get(path), text))
    if not state.systemd:
        return steps
    if any(state.links.get(path) != target for path, target in persistence.LINKS.items()):
        steps.append(Step("persist", f"enable {persistence.UNIT}"))
    if not state.unit_active:
        steps.append(Step("persist", f"start {persistence.UNIT}"))
    return steps
