# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses of inventory groups: what is known of each host, and one clear error where nothing is."""

from __future__ import annotations

import pytest
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils import _inventory_addresses as addresses

NAMES = {"gpu01.example": ["10.0.0.1", "2001:db8::1"], "gpu02": ["127.0.1.1"], "bare": ["10.0.0.9"]}


def resolve(name):
    if name not in NAMES:
        raise OSError(-2, "Name or service not known")
    return NAMES[name]


@pytest.mark.parametrize(
    ("host", "variables", "expected"),
    [
        ("a", {"ansible_host": "10.0.0.5"}, ["10.0.0.5"]),
        ("a", {"ansible_host": "2001:DB8:0::5"}, ["2001:db8::5"]),
        ("a", {"ansible_host": "::ffff:10.0.0.5"}, ["10.0.0.5"]),
        ("10.0.0.6", {}, ["10.0.0.6"]),
        ("bare", {"ansible_host": None}, ["10.0.0.9"]),
        ("a", {"ansible_host": "gpu01.example"}, ["10.0.0.1", "2001:db8::1"]),
        # What was gathered, and of whom, differs from run to run: rules that followed it would, too.
        ("a", {"ansible_host": "10.0.0.5", "ansible_facts": {"default_ipv4": {"address": "10.1.0.5"}}}, ["10.0.0.5"]),
        ("a", {"ansible_host": "10.0.0.5", "firewall_addresses": ["10.2.0.5", "10.2.0.5", "fd00::5"]}, ["10.2.0.5", "fd00::5"]),
        ("a", {"ansible_host": "elsewhere", "firewall_addresses": "10.2.0.5"}, ["10.2.0.5"]),
    ],
)
def test_what_is_known_of_a_host(host, variables, expected):
    assert addresses.host_addresses(host, variables, resolve, "gpu") == expected


@pytest.mark.parametrize(
    ("host", "variables", "says"),
    [
        ("gpu07", {"ansible_host": "elsewhere"}, "the address of gpu07, a host of the group gpu, cannot be known: 'elsewhere' is not an address"),
        ("gpu07", {}, "'gpu07' is not an address and is not resolved here (Name or service not known)"),
        ("gpu02", {}, "'gpu02' is an address that only the host itself can use"),
        ("gpu07", {"ansible_host": "127.0.0.1"}, "Set its ansible_host to an address, or firewall_addresses"),
        ("gpu07", {"ansible_host": "fe80::1%eth0"}, "cannot be known"),
        ("gpu07", {"firewall_addresses": []}, "firewall_addresses of gpu07 must be a list of its addresses"),
        ("gpu07", {"firewall_addresses": 5}, "firewall_addresses of gpu07 must be a list"),
        ("gpu07", {"firewall_addresses": ["10.0.0.0/24"]}, "firewall_addresses of gpu07: '10.0.0.0/24' is not an address"),
        ("gpu07", {"firewall_addresses": ["127.0.0.1"]}, "firewall_addresses of gpu07: '127.0.0.1'"),
    ],
)
def test_a_host_whose_address_is_not_known_is_named(host, variables, says):
    with pytest.raises(Problem) as caught:
        addresses.host_addresses(host, variables, resolve, "gpu")
    assert says in str(caught.value)


def test_groups_share_hosts_and_each_host_is_asked_once():
    asked = []

    def variables_of(host):
        asked.append(host)
        return {"ansible_host": {"a": "10.0.0.1", "b": "10.0.0.2"}[host]}

    groups = {"gpu": ["a", "b"], "slurm": ["b"], "nobody": [], "all": ["a", "b", "c"]}
    found = addresses.group_addresses(["gpu", "slurm", "nobody"], groups, variables_of, resolve)
    assert found == {"gpu": ["10.0.0.1", "10.0.0.2"], "slurm": ["10.0.0.2"], "nobody": []}
    assert asked == ["a", "b"]


def test_a_group_that_does_not_exist_is_named_with_those_that_do():
    with pytest.raises(Problem) as caught:
        addresses.group_addresses(["gpus"], {"gpu": [], "all": []}, lambda _host: {}, resolve)
    assert "no group 'gpus'" in str(caught.value) and "all, gpu" in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({}, []),
        ({"ssh_source_groups": ["a"], "published_source_groups": ["b", "a"]}, ["a", "b"]),
        ({"rules": [{"source_groups": ["c"]}, {"source_groups": None}, {"name": "x"}]}, ["c"]),
        ({"ssh_source_groups": "a, b"}, ["a", "b"]),
        ({"ssh_source_groups": 5, "rules": "x"}, []),
        ({"rules": ["x", None]}, []),
    ],
)
def test_groups_that_a_task_names(arguments, expected):
    assert addresses.named_groups(arguments) == expected
