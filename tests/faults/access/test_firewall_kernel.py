# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""The evaluator that refuses a lock-out says of every connection what the kernel does with it.

Random rules are loaded into a namespace, and connections are tried from all addresses, over all interfaces, to all
ports: each is accepted if and only if the evaluator has said so. Needs root and nft.
"""

from __future__ import annotations

import ipaddress
import json

import pytest
from ansible_collections.lockstep.gpufleet.plugins.module_utils._nftables.evaluate import Packet, admits
from ansible_collections.lockstep.gpufleet.plugins.module_utils._nftables.options import Service
from ansible_collections.lockstep.gpufleet.plugins.module_utils._nftables.rules import table_text
from ansible_collections.lockstep.gpufleet.plugins.module_utils._nftables.table import Openings, make_table
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from faults.access.namespaces import Namespace, give, join, namespaces

#: Interface of the host -> its networks (without their last number), and the last numbers of who is there.
CABLES = {"eth0": ("10.77.0.", "fd77::", (2, 3, 130)), "docker0": ("10.78.0.", "fd78::", (2,)), "wg0": ("10.79.0.", "fd79::", (2,))}
PORTS = (22, 80, 2222, 8080, 8081)
#: Where connections come from: address, address of the host on that cable, interface.
SOURCES = [
    (f"{network}{last}", f"{network}1", interface)
    for interface, (four, six, lasts) in CABLES.items()
    for network in (four, six)
    for last in lasts
]
ATTEMPTS = [(source, target, port, interface) for source, target, interface in SOURCES for port in PORTS]

_SOME_ADDRESS = st.sampled_from([source for source, _target, _interface in SOURCES] + ["10.77.0.4", "10.76.255.255", "fd77::4"])
_NETWORK = st.tuples(_SOME_ADDRESS, st.integers(0, 128)).map(
    lambda pair: ipaddress.ip_network((pair[0], pair[1] if ":" in pair[0] else pair[1] % 33), strict=False)
)
_RANGE = st.tuples(st.sampled_from(PORTS), st.integers(-1, 1), st.integers(0, 70)).map(
    lambda three: (three[0] + three[1], three[0] + three[1] + three[2])
)
_SERVICE = st.builds(
    Service,
    st.just("a service"),
    st.sampled_from(["tcp", "tcp", "udp"]),
    st.lists(_RANGE, min_size=1, max_size=3).map(tuple),
    st.lists(_NETWORK, max_size=4).map(tuple),
    st.lists(st.sampled_from(["one", "two", "nobody"]), max_size=2, unique=True).map(tuple),
)
_OPENINGS = st.builds(
    Openings,
    st.builds(
        Service, st.just("SSH"), st.just("tcp"), st.just(((22, 22), (2222, 2222))), st.lists(_NETWORK, max_size=3).map(tuple),
        st.lists(st.sampled_from(["one", "nobody"]), max_size=1).map(tuple),
    ),
    st.lists(_SERVICE, max_size=3).map(tuple),
    st.lists(st.sampled_from(["docker0", "dock*", "wg0", "w*", "eth", "eth01"]), max_size=2, unique=True).map(tuple),
    st.none() | st.just((99999, "second")),
    st.lists(_NETWORK, max_size=2).map(tuple),
    st.none(),
    st.booleans(),
)
_GROUP = st.lists(_SOME_ADDRESS, max_size=4)
_NOBODY = Service("SSH", "tcp", ((22, 22),), (), ("nobody",))


@pytest.fixture(scope="module")
def cabled():
    """A host with three interfaces, and somebody at the other end of each."""
    with namespaces(2) as (host, outside):
        for number, (interface, (four, six, lasts)) in enumerate(CABLES.items()):
            join(host, interface, outside, f"out{number}")
            give(host, interface, f"{four}1/24", f"{six}1/64")
            for last in lasts:
                give(outside, f"out{number}", f"{four}{last}/24", f"{six}{last}/64")
        host.listen(*PORTS)
        assert all(outside.connects([attempt[:3] for attempt in ATTEMPTS], range(len(ATTEMPTS)))), "the cables do not work"
        yield host, outside


# No shrinking: each example takes a third of a second, and a failing one says already which connections differ.
@settings(max_examples=60, deadline=None, database=None, phases=[Phase.explicit, Phase.generate])
@given(_OPENINGS, _GROUP, _GROUP)
@example(Openings(_NOBODY), [], [])
@example(Openings(_NOBODY, trusted=("dock*",)), [], [])
@example(Openings(Service("SSH", "tcp", ((22, 22),), (), ("one",)), rate=(99999, "second")), ["10.77.0.2", "fd78::2"], [])
def test_the_evaluator_and_the_kernel_agree(cabled: tuple[Namespace, Namespace], openings, one, two):
    host, outside = cabled
    table = make_table(openings, {"one": one, "two": two, "nobody": []}, ["10.77.0.2"])
    host.run("nft", "-f", "-", stdin="flush ruleset\n" + table_text(table))
    said = [admits(table, Packet(source, port, interface=interface)) for source, _target, port, interface in ATTEMPTS]
    done = outside.connects(
        [attempt[:3] for attempt in ATTEMPTS], [number for number, accepted in enumerate(said) if accepted]
    )
    host.ask(do="drain")
    assert dict(zip(ATTEMPTS, done)) == dict(zip(ATTEMPTS, said))
    # Nothing has been lost on the way: what was not accepted was dropped by the last rule, one SYN at least for each.
    assert dropped(host) >= said.count(False)


def dropped(host: Namespace) -> int:
    """Return what the last rule of the input chain has counted."""
    entries = json.loads(host.run("nft", "-j", "list", "chain", "inet", "lockstep", "input"))["nftables"]
    last = [entry["rule"] for entry in entries if "rule" in entry][-1]
    return next(one["counter"]["packets"] for one in last["expr"] if "counter" in one)


def test_a_source_that_knocks_too_often_waits_and_a_controller_does_not(cabled):
    host, outside = cabled
    ssh = Service("SSH", "tcp", ((22, 22),), ())
    openings = Openings(ssh, rate=(5, "hour"), uncounted=(ipaddress.ip_network("10.77.0.3"), ipaddress.ip_network("fd78::/64")))
    host.run("nft", "-f", "-", stdin="flush ruleset\n" + table_text(make_table(openings, {}, ["10.78.0.2"])))
    counted = {source: [(source, target, 22)] * 9 for source, target, _interface in SOURCES}

    def accepted(source: str) -> int:
        return sum(outside.connects(counted[source], range(5)))

    assert accepted("10.77.0.2") == 5
    assert accepted("10.77.0.2") == 0
    # Another source has its own account; a controller and whoever is exempt have none.
    assert accepted("10.77.0.130") == 5
    assert accepted("10.78.0.2") == 9 and accepted("10.77.0.3") == 9 and accepted("fd78::2") == 9
    # With IPv6 the network of 64 bits counts, for whoever has one has all its addresses.
    assert accepted("fd77::2") == 5 and accepted("fd77::3") == 0
    assert accepted("fd79::2") == 5
    host.ask(do="drain")
