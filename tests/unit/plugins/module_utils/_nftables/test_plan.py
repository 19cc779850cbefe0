# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""The firewall's plan: what it does, what it says, and what it refuses."""

from __future__ import annotations

import dataclasses

import pytest
from ansible_collections.lockstep.gpufleet.plugins.module_utils._nftables import persistence, plan
from ansible_collections.lockstep.gpufleet.plugins.module_utils._nftables.host import State
from ansible_collections.lockstep.gpufleet.plugins.module_utils._nftables.rules import Chain, Set


OPTIONS = {
    "ssh_source_groups": [], "ssh_rate_limit": None, "ssh_rate_limit_exempt": [], "trusted_interfaces": ["docker0"],
    "published_sources": None, "published_source_groups": [], "log_drops": False,
}


def wanted(sources=("192.0.2.0/24",), rules=(), ports=(22,), groups=(), former=None, controllers=(), **more):
    openings = plan.read_openings({**OPTIONS, "ssh_sources": sources, "rules": rules, **more}, ports, dict(groups))
    return plan.make_wanted(openings, dict(groups), former, controllers)


def bare():
    paths = persistence.files(wanted().table, "nft")
    return State("nft", None, dict.fromkeys(paths), dict.fromkeys(persistence.LINKS), False, True)


def converged(what):
    texts = {path: text for path, (text, _mode) in persistence.files(what.table, "nft").items()}
    return State("nft", what.table, texts, dict(persistence.LINKS), True, True)


def with_more(**more):
    return dataclasses.replace(wanted().table, **more)


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
        'add rule: ip saddr 192.0.2.7 tcp dport 80 counter accept comment "web"',
        "write /etc/lockstep/firewall.nft",
    ]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"unit_active": False}, ["start lockstep-firewall.service"]),
        ({"links": dict.fromkeys(persistence.LINKS)}, ["enable lockstep-firewall.service"]),
        ({"table": None}, ["load the nftables table inet lockstep"]),
        ({"table": with_more(extras=("map m { ... }",))}, ["remove map m { ... }"]),
        ({"table": with_more(sets=(Set("s", "ipv4_addr", ("10.0.0.1",)),))}, ["remove set s"]),
        ({"table": with_more(chains=(*wanted().table.chains, Chain("x", "", 0, "", ())))}, ["remove chain x"]),
        (
            {"table": with_more(chains=(dataclasses.replace(wanted().table.chains[0], policy="accept"),))},
            ["replace chain input"],
        ),
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


GPU = [("gpu", ["10.0.0.1", "10.0.0.2"])]
NCCL = [{"name": "nccl", "ports": ["1024-65535"], "source_groups": ["gpu"]}]


def test_one_more_host_in_a_group_is_one_element():
    before = wanted(rules=NCCL, groups=GPU)
    after = wanted(rules=NCCL, groups=[("gpu", ["10.0.0.1", "10.0.0.3"])])
    made = plan.make_plan(after, converged(before))
    assert sentences(made) == [
        "add to set group_gpu_ipv4: 10.0.0.3", "remove from set group_gpu_ipv4: 10.0.0.2",
        "write /etc/lockstep/firewall.nft",
    ]
    assert "\t\t10.0.0.3," in made.diff[0]["after"].split("\n")


def test_what_was_loaded_says_who_was_in_the_groups():
    groups = {"gpu": ["10.0.0.1", "2001:db8::1"], "nobody": []}
    options = {**OPTIONS, "ssh_sources": [], "ssh_source_groups": ["nobody"], "rules": NCCL}
    made = plan.make_wanted(plan.read_openings(options, [22], groups), groups, None, ())
    assert plan.loaded_groups(options, made.table) == groups
    assert plan.loaded_groups(options, None) == {"gpu": [], "nobody": []}


def test_a_new_group_is_a_set_and_a_rule():
    made = plan.make_plan(wanted(rules=NCCL, groups=GPU), converged(wanted()))
    assert sentences(made)[:2] == [
        "add set group_gpu_ipv4: 10.0.0.1, 10.0.0.2",
        'add rule: ip saddr @group_gpu_ipv4 tcp dport 1024-65535 counter accept comment "nccl"',
    ]


def test_a_group_without_hosts_is_warned_about():
    made = wanted(rules=NCCL, groups=[("gpu", [])])
    assert made.warnings == ("the group gpu has no hosts, so naming it as a source lets nobody in",)


def test_a_trusted_bridge_to_a_real_network_is_warned_about():
    options = {**OPTIONS, "ssh_sources": ["192.0.2.0/24"], "rules": [], "trusted_interfaces": ["br-*"]}
    openings = plan.read_openings(options, [22], {})
    assert plan.make_wanted(openings, {}, None, (), {"vmbr0": "eno1"}).warnings == ()
    (warning,) = plan.make_wanted(openings, {}, None, (), {"br-lan": "bond0", "vmbr0": "eno1"}).warnings
    assert "the trusted interface br-lan is a bridge to a real network (by its port bond0)" in warning


def test_controllers_of_earlier_runs_stay_uncounted():
    first = wanted(ssh_rate_limit="6/minute", controllers=["192.0.2.9"])
    again = wanted(ssh_rate_limit="6/minute", former=first.table, controllers=["192.0.2.9"])
    assert not plan.make_plan(again, converged(first))
    other = wanted(ssh_rate_limit="6/minute", former=first.table, controllers=["192.0.2.10"])
    assert sentences(plan.make_plan(other, converged(first))) == [
        "add to set controllers_ipv4: 192.0.2.10", "write /etc/lockstep/firewall.nft",
    ]
    assert not plan.make_plan(wanted(ssh_rate_limit="6/minute", former=other.table), converged(other))


def test_the_first_rules_name_what_they_close():
    closing = plan.Closing(("tcp 0.0.0.0:9100 (exporter)",), ("10.0.0.5 to tcp port 9100 (exporter)",))
    made = plan.make_plan(wanted(), bare(), closing)
    assert sentences(made)[1:3] == [
        "close tcp 0.0.0.0:9100 (exporter)", "leave out 10.0.0.5 to tcp port 9100 (exporter), which is connected now",
    ]
    assert made.diff[1]["before"] == "tcp 0.0.0.0:9100 (exporter)\npeer 10.0.0.5 to tcp port 9100 (exporter)\n"
    assert made.diff[1]["after"] == ""


def test_limiting_published_ports_is_a_chain_of_its_own():
    made = plan.make_plan(wanted(published_sources=["10.0.0.0/8"]), converged(wanted()))
    assert sentences(made)[0] == "add chain forward"
    back = plan.make_plan(wanted(), converged(wanted(published_sources=["10.0.0.0/8"])))
    assert sentences(back)[0] == "remove chain forward"
