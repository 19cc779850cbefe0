# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""provision_noop: the whole playbook on hosts that are as wanted already, for 1, 3 and 10 hosts.

Peers in the same run: ``plain-tasks``, the same subjects as people write them with ansible.builtin tasks, which look at
much less (peer_provision.yml says what); and ``ping``, the floor of what any playbook costs.
"""

from __future__ import annotations

import pathlib
import statistics

from benchmarks.fleet import Fleet, Played

HERE = pathlib.Path(__file__).parent
COUNTS = (1, 3, 10)
RUNS = 3
PLAYBOOKS: dict[str, str | pathlib.Path] = {
    "ours": "lockstep.gpufleet.provision",
    "plain-tasks": HERE / "peer_provision.yml",
    "ping": HERE / "peer_ping.yml",
}


def measure() -> dict[str, dict[str, float]]:
    """Return ``{"provision_noop": {"ours": seconds, ...}, "provision_noop_3": ..., ...}``, medians."""
    measured: dict[str, dict[str, float]] = {}
    with Fleet(max(COUNTS)) as fleet:
        for playbook in PLAYBOOKS.values():
            fleet.play(playbook)
        for count in COUNTS:
            name = "provision_noop" if count == 1 else f"provision_noop_{count}"
            measured[name] = {}
            for peer, playbook in PLAYBOOKS.items():
                played = [fleet.play(playbook, hosts=fleet.hosts[:count], noop=True) for _number in range(RUNS)]
                measured[name][peer] = statistics.median(one.seconds for one in played)
                print(f"  {name}: {peer}: {measured[name][peer]:.2f} s, {calls_per_host(played[-1])} module calls on each host")
    return measured


def calls_per_host(played: Played) -> str:
    """Return how many modules each host was sent, as one number or a range."""
    counts = sorted(set(played.calls.values())) or [0]
    return str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
