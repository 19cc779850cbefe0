# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""access_noop: the roles ssh_hardening and firewall on hosts that are as wanted already, for 1 and 3 hosts.

Peers in the same run: ``plain-tasks``, the same two subjects as people write them with ansible.builtin tasks, which compare
two files and see two services run, but ask neither sshd nor the kernel what is in force (access_peer.yml); and ``ping``.
``access_change`` is the change of both on one host, with logins before and after, against the tasks and their handlers.
"""

from __future__ import annotations

import pathlib
import statistics

from benchmarks.fleet import Fleet
from benchmarks.provision import calls_per_host

HERE = pathlib.Path(__file__).parent
COUNTS = (1, 3)
RUNS = 3
OURS = HERE / "access_ours.yml"
PEER = HERE / "access_peer.yml"
PLAYBOOKS = {"ours": OURS, "plain-tasks": PEER, "ping": HERE / "peer_ping.yml"}


def measure() -> dict[str, dict[str, float]]:
    """Return ``{"access_noop": {"ours": seconds, ...}, "access_noop_3": ..., "access_change": ...}``, medians."""
    measured: dict[str, dict[str, float]] = {}
    with Fleet(max(COUNTS)) as fleet:
        measured["access_change"] = {
            name: statistics.median(
                fleet.play(playbook, hosts=[host]).seconds for host in fleet.hosts
            )
            for name, playbook in (("ours", OURS), ("plain-tasks", PEER))
        }
        for count in COUNTS:
            name = "access_noop" if count == 1 else f"access_noop_{count}"
            measured[name] = {}
            for peer, playbook in PLAYBOOKS.items():
                played = [fleet.play(playbook, hosts=fleet.hosts[:count], noop=True) for _number in range(RUNS)]
                measured[name][peer] = statistics.median(one.seconds for one in played)
                print(f"  {name}: {peer}: {measured[name][peer]:.2f} s, {calls_per_host(played[-1])} module calls on each host")
    return measured
