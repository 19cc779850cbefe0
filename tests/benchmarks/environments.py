# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""env_new_cold, env_new_warm, env_noop: an environment of about a hundred packages, on one host.

What counts is the time of the module on the host, its own start included, not Ansible's way there. Peers on the same host,
filesystem and channel, for the same conda packages: real conda's ``create --file``, which compiles bytecode as we do,
and the bare engine (py-rattler), which does not, and neither seals nor verifies what is in place. Cold: no archive, package or
bytecode is cached, but the programs themselves are installed. No-op: nothing is to be done; ``ping`` is the floor of any module.
"""

from __future__ import annotations

import pathlib
import statistics
import typing as t

from benchmarks.fleet import Fleet

HERE = pathlib.Path(__file__).parent
RUNS = 3
TIMES = "/run/benchmark-times"
STORE = "/opt/lockstep"
PEERS = "/opt/benchmark"
CONDA = f"CONDA_PKGS_DIRS={PEERS}/pkgs /opt/miniconda3/bin/conda create --yes --quiet --prefix {PEERS}/conda --file /root/md5.txt"
RATTLER = f"/opt/miniconda3/bin/python -I -B /root/bare_rattler.py /root/sha256.txt {PEERS}/rattler-cache {PEERS}/rattler"


def measure() -> dict[str, dict[str, float]]:
    """Return the medians in seconds, by benchmark and by who did it."""
    with Fleet(1) as fleet:
        host = fleet.hosts[0]

        def ours() -> None:
            fleet.play(HERE / "environments_ours.yml", hosts=[host])

        def ping() -> None:
            fleet.play(HERE / "environments_ping.yml", hosts=[host])

        def command(line: str) -> t.Callable[[], None]:
            return lambda: t.cast(None, fleet.console(host, "/usr/local/bin/timed", "sh", "-c", f"{line} > /dev/null"))

        def remove(*paths: str) -> None:
            fleet.console(host, "rm", "-rf", *paths)
            fleet.console(host, "sync")

        def timed(act: t.Callable[[], None], *first: str) -> float:
            seconds = []
            for _number in range(RUNS):
                if first:
                    remove(*first)
                fleet.console(host, "rm", "-f", TIMES)
                act()
                seconds.append(sum(float(line) for line in fleet.console(host, "cat", TIMES).split()))
            print("  " + ", ".join(f"{one:.2f}" for one in seconds) + " s", flush=True)
            return statistics.median(seconds)

        fleet.play(HERE / "environments_prepare.yml", hosts=[host])
        ours()  # unpacks the engine, which the bare engine uses too
        built = [f"{STORE}/{name}" for name in ("envs", "generations", "history")]
        cases = {
            "env_new_cold": {
                "ours": (ours, *built, f"{STORE}/cache"),
                "conda": (command(CONDA), PEERS),
                "py-rattler": (command(RATTLER), f"{PEERS}/rattler-cache", f"{PEERS}/rattler"),
            },
            "env_new_warm": {
                "ours": (ours, *built),
                "conda": (command(CONDA), f"{PEERS}/conda"),
                "py-rattler": (command(RATTLER), f"{PEERS}/rattler"),
            },
            "env_noop": {"ours": (ours,), "py-rattler": (command(RATTLER),), "ping": (ping,)},
        }
        measured: dict[str, dict[str, float]] = {}
        for name, peers in cases.items():
            for who, (act, *first) in peers.items():
                print(f"  {name}, {who}:", end="", flush=True)
                measured.setdefault(name, {})[who] = timed(act, *first)
    return measured
