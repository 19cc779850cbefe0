# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""The firewall's plan: what it does, what it says, and what it refuses."""

from __future__ import annotations

import dataclasses

import pytest
from ansible_collections.lockstep.gpufleet.plugins.module_utils._guard.present import PresentConnection
from ansible_collections.lockstep.gpufleet.plugins.module_utils._nftables import persistence, plan
from ansible_collections.lockstep.gpufleet.plugins.module_utils._nftables.host import State
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem

HERE = PresentConnection("ops", "192.0.2.9", 4711, "192.0.2.1", 22)


def wanted(sources=("192.0.2.0/24",), rules=(), ports=(22,)):
    return plan.make_wanted(sources, ports, rules, ["docker0"])


def bare():
    paths = persistence.files(wanted().chain, "nft")
    return State("nft", None, (), dict.fromkeys(paths), dict.fromkeys(persistence.LINKS), False, True)


def converged(what):
    texts = {path: text for path, (text, _mode) in persistence.files(what.chain, "nft").items()}
    return State("nft", (what.chain,), (), texts, dict(persistence.LINKS), True, True)


def sentences(made):
    return [str(step) for step in made.steps]


def test_a_bare_host_gets_everything():
    made = plan.make_plan(wanted(), bare())
    assert sentences(made) == [
        "load the nftables table inet lockstep",
        "write /etc/lockstep/firewall.nft",
        "write /etc/systemd/system/lockstep-firewall.service",
        "write /etc/systemd/system/lockstep-firewall-again.service",
        "enable lockstep-firewall.service",
        "start lockstep-firewall.service",
    ]
    assert made.diff[0]["before_header"].endswith("(absent)")


def test_a_converged_host_gets_nothing():
    assert not plan.make_plan(wanted(), converged(wanted()))


def test_one_more_rule_is_one_line():
    before = wanted()
    after = wanted(rules=[{"name": "web", "ports": ["80"], "sources": ["192.0.2.7"]}])
    assert sentences(plan.make_plan(after, converged(before))) == [
        'add rule: ip saddr 192.0.2.7 tcp dport 80 accept comment "web"',
        "write /etc/lockstep/firewall.nft",
    ]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"unit_active": False}, ["start lockstep-firewall.service"]),
        ({"links": dict.fromkeys(persistence.LINKS)}, ["enable lockstep-firewall.service"]),
        ({"chains": None}, ["load the nftables table inet lockstep"]),
        ({"extras": ("set s { ... }",)}, ["remove rule: set s { ... }"]),
    ],
)
def test_each_drift_is_named(change, expected):
    state = dataclasses.replace(converged(wanted()), **change)
    assert sentences(plan.make_plan(wanted(), state)) == expected


def test_without_systemd_no_unit_is_planned():
    state = dataclasses.replace(bare(), systemd=False)
    assert not any(sentence.startswith(("enable", "start")) for sentence in sentences(plan.make_plan(wanted(), state)))


def test_absent_removes_ours_and_then_nothing():
    assert [step.kind for step in plan.make_plan(None, converged(wanted())).steps] == ["unload", "forget"]
    assert not plan.make_plan(None, bare())


def test_any_source_is_warned_about():
    assert "firewall_ssh_sources" in plan.make_plan(wanted(sources=()), bare()).warnings[0]
    assert not plan.make_plan(wanted(), bare()).warnings


@pytest.mark.parametrize(
    ("what", "connection", "says"),
    [
        ({}, HERE, None),
        ({"sources": ()}, HERE, None),
        ({"sources": ("192.0.2.9",)}, HERE, None),
        ({"sources": ("10.0.0.0/8",)}, HERE, "192.0.2.9 to port 22: SSH is allowed from 10.0.0.0/8 to 22"),
        ({"ports": (2222,)}, HERE, "shut out the present connection"),
        (
            {"sources": ("10.0.0.0/8",), "rules": [{"name": "x", "ports": ["1-100"], "sources": ["192.0.2.9"]}]},
            HERE,
            None,
        ),
        ({}, None, None),
        ({"sources": ()}, None, "name the addresses that may use SSH in ssh_sources"),
    ],
)
def test_what_shuts_us_out_is_refused(what, connection, says):
    if says is None:
        plan.refuse_lockout(wanted(**what), connection)
        return
    with pytest.raises(Problem) as caught:
        plan.refuse_lockout(wanted(**what), connection)
    assert says in str(caught.value)
