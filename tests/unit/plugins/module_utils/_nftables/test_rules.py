# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tables as data: what the kernel gives back is what we meant, and what others changed never is."""

from __future__ import annotations

import dataclasses
import ipaddress
import json
import os
import shutil
import subprocess

import pytest
from ansible_collections.lockstep.gpufleet.plugins.module_utils._nftables import rules
from ansible_collections.lockstep.gpufleet.plugins.module_utils._nftables.options import Service
from ansible_collections.lockstep.gpufleet.plugins.module_utils._nftables.readback import read_table
from ansible_collections.lockstep.gpufleet.plugins.module_utils._nftables.table import Openings, make_table
from hypothesis import given, settings
from hypothesis import strategies as st

SSH = Service("SSH", "tcp", ((22, 22),), ())


NETWORKS4 = st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 32)).map(
    lambda pair: ipaddress.IPv4Network((pair[0], pair[1]), strict=False)
)
NETWORKS6 = st.tuples(st.integers(0, 2**128 - 1), st.integers(0, 128)).map(
    lambda pair: ipaddress.IPv6Network((pair[0], pair[1]), strict=False)
)
PORTS = st.tuples(st.integers(1, 65535), st.integers(1, 65535)).map(lambda pair: (min(pair), max(pair)))
SERVICES = st.builds(
    Service,
    st.just("a service"),
    st.sampled_from(["tcp", "udp"]),
    st.lists(PORTS, min_size=1, max_size=4).map(tuple),
    st.lists(NETWORKS4 | NETWORKS6, max_size=5).map(tuple),
    st.lists(st.sampled_from(["one", "two", "none"]), max_size=2, unique=True).map(tuple),
)
ADDRESSES = st.lists(st.ip_addresses(v=4) | st.ip_addresses(v=6), max_size=6).map(lambda some: [str(one) for one in some])
OPENINGS = st.builds(
    Openings,
    SERVICES.map(lambda service: dataclasses.replace(service, protocol="tcp")),
    st.lists(SERVICES, max_size=4).map(tuple),
    st.lists(st.sampled_from(["docker0", "br-*", "wg0"]), max_size=2, unique=True).map(tuple),
    st.none() | st.tuples(st.integers(1, 99999), st.sampled_from(["second", "minute", "hour", "day"])),
    st.lists(NETWORKS4 | NETWORKS6, max_size=3).map(tuple),
    st.none() | st.tuples(st.lists(NETWORKS4 | NETWORKS6, max_size=3).map(tuple), st.just(("one",))),
    st.booleans(),
)

NFT = shutil.which("nft") or "/usr/sbin/nft"
ABLE = os.geteuid() == 0 and os.path.exists(NFT) and not subprocess.run(
    ["unshare", "-n", NFT, "list", "tables"], capture_output=True, check=False
).returncode


@pytest.mark.skipif(not ABLE, reason="needs root, nft and network namespaces")
@settings(max_examples=40, deadline=None)
@given(OPENINGS, ADDRESSES, ADDRESSES, ADDRESSES)
def test_the_kernel_gives_back_what_we_meant(openings, one, two, controllers):
    wanted = make_table(openings, {"one": one, "two": two, "none": []}, controllers)
    done = subprocess.run(
        ["unshare", "-n", "sh", "-c", f"{NFT} -f - && {NFT} -j list table inet lockstep"],
        input=rules.table_text(wanted), capture_output=True, text=True, check=False, timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert read_table(done.stdout) == wanted


TCP_PORT = {"payload": {"protocol": "tcp", "field": "dport"}}


@pytest.mark.parametrize(
    "expressions",
    [
        [{"match": {"op": "!=", "left": TCP_PORT, "right": 22}}, {"accept": None}],
        [{"match": {"op": "==", "left": TCP_PORT, "right": "@ports"}}, {"accept": None}],
        [{"limit": {"rate": 1}}, {"accept": None}],
        [{"jump": {"target": "x"}}],
        [],
    ],
)
def test_what_others_put_into_our_table_never_equals_a_rule_of_ours(expressions):
    entry = {"rule": {"chain": "input", "expr": expressions}}
    head = {"chain": {"name": "input", "hook": "input", "prio": 0, "policy": "drop"}}
    found = read_table(json.dumps({"nftables": [head, entry]})).chains[0].rules
    ours = make_table(Openings(SSH, trusted=("x",), rate=(1, "day"), log_drops=True), {}).chains[0].rules
    assert len(found) == 1
    assert found[0] not in ours
    assert str(found[0]) not in [str(rule) for rule in ours]


@pytest.mark.parametrize(
    "content",
    [
        {"name": "s", "type": "ipv4_addr"},
        {"name": "group_one_ipv4", "type": "ipv4_addr", "elem": ["10.0.0.1", {"prefix": {"addr": "10.1.0.0", "len": 16}}]},
        {"name": "group_one_ipv4", "type": "ipv4_addr", "elem": ["10.0.0.1"], "flags": ["interval"]},
        {"name": "group_one_ipv4", "type": "ipv4_addr", "elem": ["10.0.0.1"], "flags": ["timeout"], "timeout": 5},
        {"name": "group_one_ipv4", "type": ["ipv4_addr", "inet_service"], "elem": [{"concat": ["10.0.0.1", 22]}]},
        {"name": "group_one_ipv4", "type": "ipv4_addr", "elem": ["10.0.0.1"], "policy": "memory"},
    ],
)
def test_a_set_that_others_changed_never_equals_ours(content):
    ours = make_table(Openings(Service("SSH", "tcp", ((22, 22),), (), ("one",))), {"one": ["10.0.0.1"]}).sets
    same = {"name": "group_one_ipv4", "type": "ipv4_addr", "elem": ["10.0.0.1"]}
    assert read_table(json.dumps({"nftables": [{"set": same}]})).sets == ours
    assert read_table(json.dumps({"nftables": [{"set": content}]})).sets != ours


def test_what_else_is_in_our_table_is_drift():
    assert read_table(json.dumps({"nftables": [{"map": {"name": "m"}}]})).extras == ("map m { ... }",)


def test_counters_are_read_and_mean_nothing():
    counted = {"rule": {"chain": "input", "expr": [{"counter": {"packets": 3, "bytes": 180}}, {"drop": None}]}}
    head = {"chain": {"name": "input", "hook": "input", "prio": 0, "policy": "drop"}}
    rule = read_table(json.dumps({"nftables": [head, counted]})).chains[0].rules[0]
    assert rule.counted == (3, 180) and rule == rules.Rule((), "counter drop")
