# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The firewall's plan: from options and the host's state to what has to be done, refusing what shuts us out.

This module util is private to the collection. Pure.
"""

from __future__ import annotations

import dataclasses
import difflib
import typing as t

from .._guard.present import PresentConnection
from .._plan import Plan, Problem, text_diff
from . import persistence
from .host import State
from .rules import TABLE, Chain, Service, admits, input_chain, parse_network, parse_service

#: Bridges and tunnels of containers and virtual machines, whose traffic is not ours to judge.
TRUSTED = ("docker0", "br-*", "podman*", "cni*", "virbr*", "lxcbr*", "lxdbr*")


@dataclasses.dataclass(frozen=True)
class Wanted:
    """What the user asked for: SSH's sources and ports, further services, and the chain that says all of it."""

    ssh: Service
    services: tuple[Service, ...]
    chain: Chain


@dataclasses.dataclass(frozen=True)
class Step:
    """One step for people; ``kind``: load, unload, persist, forget."""

    kind: str
    sentence: str

    def __str__(self) -> str:
        return self.sentence


def make_wanted(
    ssh_sources: t.Sequence[str], ssh_ports: t.Sequence[int], rules: t.Sequence[t.Mapping[str, t.Any]],
    trusted: t.Sequence[str],
) -> Wanted:
    """Read the options; raises Problem that names the option and the value."""
    sources = tuple(parse_network(str(text), "ssh_sources") for text in ssh_sources)
    ssh = Service("SSH", "tcp", tuple((port, port) for port in ssh_ports), sources)
    services = tuple(parse_service(rule, f"rules, entry {number}") for number, rule in enumerate(rules, start=1))
    return Wanted(ssh, services, input_chain(ssh, services, trusted))


def refuse_lockout(wanted: Wanted, connection: PresentConnection | None) -> None:
    """Raise Problem where a new connection like the present one would be dropped.

    Without an SSH connection nobody can log in afresh to confirm, so the sources of SSH must be said.
    """
    if connection is None:
        if not wanted.ssh.sources:
            raise Problem(
                "this run is not over SSH, so no fresh login can confirm the rules: name the addresses that may use "
                "SSH in ssh_sources"
            )
        return
    if not admits((wanted.ssh, *wanted.services), connection.client, connection.server_port):
        allowed = ", ".join(map(str, wanted.ssh.sources)) or "any"
        raise Problem(
            f"refused, because these rules would shut out the present connection, {connection.client} to port "
            f"{connection.server_port}: SSH is allowed from {allowed} to "
            f"{', '.join(str(low) for low, _high in wanted.ssh.ports)}"
        )


def make_plan(wanted: Wanted | None, state: State) -> Plan:
    """Return what to do; ``wanted`` None: remove all that is ours."""
    before = _lines(state.chains, state.extras)
    after = _lines((wanted.chain,), ()) if wanted else []
    steps: list[Step] = []
    diff: list[dict[str, str]] = []
    if before != after:
        steps += _rule_steps(before, after, wanted is None)
        diff.append(
            text_diff(
                f"nftables table {TABLE}",
                "\n".join(before) + "\n" if state.chains is not None else None,
                "\n".join(after) + "\n" if wanted else None,
            )
        )
    if wanted:
        steps += _persist_steps(wanted, state, diff)
    elif any(text is not None for text in [*state.files.values(), *state.links.values()]):
        steps.append(Step("forget", "remove the file and the units that load the table at boot"))
    warnings = []
    if wanted and not wanted.ssh.sources:
        warnings.append(
            "SSH is open to any address: set ssh_sources (firewall_ssh_sources) to the networks you administer from"
        )
    return Plan(tuple(steps), tuple(diff), tuple(warnings))


def _lines(chains: t.Sequence[Chain] | None, extras: t.Sequence[str]) -> list[str]:
    return [*extras, *[line for chain in chains or () for line in chain.lines()]]


def _rule_steps(before: list[str], after: list[str], removing: bool) -> list[Step]:
    if removing:
        return [Step("unload", f"remove the nftables table {TABLE}")]
    if not before:
        return [Step("load", f"load the nftables table {TABLE}")]
    lines = difflib.unified_diff(before, after, n=0, lineterm="")
    changes = [line for line in lines if not line.startswith(("+++", "---", "@@"))]
    return [Step("load", f"{'add' if line[0] == '+' else 'remove'} rule: {line[1:].strip()}") for line in changes]


def _persist_steps(wanted: Wanted, state: State, diff: list[dict[str, str]]) -> list[Step]:
    steps = []
    for path, (text, _mode) in persistence.files(wanted.chain, state.nft).items():
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
