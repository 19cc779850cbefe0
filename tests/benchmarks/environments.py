# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""What environments cost on one host: ``env_*`` for 108 packages (ai_env), ``many_*`` for 300 packages of 60,000 files.

What counts is the time of the module on the host, its own start included, not Ansible's way there. Peers on the same host,
filesystem and channel, for the same conda packages, in turns with ours: real conda's ``create --file``, which compiles bytecode
as we do; the bare engine (py-rattler), which does not; and the two together, py-rattler and then ``compileall`` on all processors. None of them
seals or verifies what is in place. Cold: no archive, package or bytecode is cached, but the programs themselves are installed.
No-op: nothing is to be done, at each level of comparison; ``ping`` is the floor of any module.
Flip and roll-back go between two generations that exist. The switch is one rename; what grows with the size is the comparison
of the generation that is switched to, path by path: compare with ``noop_paths``.
"""

from __future__ import annotations

import dataclasses
import os
import pathlib
import statistics
import typing as t

from benchmarks.fleet import PROJECT, Fleet
from testbed import web
from testbed.channel.many import build as many

HERE = pathlib.Path(__file__).parent
LOCKS = PROJECT / "build" / "bed" / "locks"
RUNS = 3
TIMES = "/run/benchmark-times"
STORE = "/opt/lockstep"
BUILT = tuple(f"{STORE}/{name}" for name in ("envs", "generations", "history", "holds"))
PEERS = "/opt/benchmark"
CONDA = f"CONDA_PKGS_DIRS={PEERS}/pkgs /opt/miniconda3/bin/conda create --yes --quiet --prefix {PEERS}/conda --file /root/{{env}}-md5.txt"
RATTLER = f"/opt/miniconda3/bin/python -I -B /root/bare_rattler.py /root/{{env}}-sha256.txt {PEERS}/rattler-cache {PEERS}/rattler"
COMPILE = f"{PEERS}/rattler/bin/python -m compileall -q -j 0 {PEERS}/rattler/lib"

Act = t.Callable[[], None]
Case = t.Dict[str, t.Tuple[Act, t.Sequence[Act]]]
"""Who -> what is timed, and what comes before."""


@dataclasses.dataclass(frozen=True)
class Subject:
    """An environment: its lock, and another one that differs in one package."""

    label: str
    env: str
    lock: pathlib.Path
    next: pathlib.Path


@dataclasses.dataclass
class Stopwatch:
    """Does things on the host, and knows how long they took there."""

    fleet: Fleet
    measured: dict[str, dict[str, float]] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        self.host = self.fleet.hosts[0]

    def console(self, *argv: str) -> str:
        return self.fleet.console(self.host, *argv)

    def remove(self, *paths: str) -> Act:
        return lambda: t.cast("None", self.console("sh", "-c", f"rm -rf {' '.join(paths)} && sync"))

    def ours(self, env: str, **options: object) -> Act:
        words = [word for key, value in {"env": env, **options}.items() for word in ("-e", f"{key}={value}")]
        return lambda: t.cast("None", self.fleet.play(HERE / "environments_ours.yml", *words, hosts=[self.host]))

    def generation(self, env: str) -> str:
        """Return the folder of the active generation."""
        return self.console("readlink", "-f", f"{STORE}/envs/{env}/../..").strip()

    def ping(self) -> None:
        self.fleet.play(HERE / "environments_ping.yml", hosts=[self.host])

    def command(self, line: str) -> Act:
        return lambda: t.cast("None", self.console("/usr/local/bin/timed", "sh", "-c", f"{line} > /dev/null"))

    def _timed(self, act: Act) -> float:
        self.console("rm", "-f", TIMES)
        act()
        return sum(float(line) for line in self.console("cat", TIMES).split())

    def measure(self, name: str, case: Case) -> None:
        """Time what is in ``case``, each in its turn, and keep the medians under ``name``."""
        seconds: dict[str, list[float]] = {who: [] for who in case}
        for _number in range(RUNS):
            print(f"  {name}:", end="", flush=True)
            for who, (act, first) in case.items():
                for one in first:
                    one()
                seconds[who].append(self._timed(act))
                print(f" {who} {seconds[who][-1]:.2f} s,", end="", flush=True)
            print(f" load {os.getloadavg()[0]:.1f}")
        self.measured[name] = {who: statistics.median(some) for who, some in seconds.items()}


def subjects() -> tuple[Subject, Subject]:
    """Return what is measured; makes the channel of many packages, and a lock of ai_env without one of its own."""
    folder = many.build(LOCKS)
    web.publish("many", folder)
    small = LOCKS / "ai_env" / "explicit.txt"
    lines = small.read_text(encoding="utf-8").splitlines()
    next_small = PROJECT / "build" / "benchmarks" / "ai_env-next.txt"
    next_small.parent.mkdir(parents=True, exist_ok=True)
    next_small.write_text("\n".join(line for line in lines if "/noarch/jupyterlab-pygments-" not in line) + "\n", encoding="utf-8")
    return (
        Subject("env", "ai_env", small, next_small),
        Subject("many", "many", folder / "explicit.txt", folder / "next" / "explicit.txt"),
    )


def _builds(watch: Stopwatch, subject: Subject) -> None:
    build = watch.ours(subject.env, lock=subject.lock)
    conda = watch.command(CONDA.format(env=subject.env))
    rattler = watch.command(RATTLER.format(env=subject.env))
    both = watch.command(f"{RATTLER.format(env=subject.env)} && {COMPILE}")
    without_ours, without_conda, without_rattler = (watch.remove(*some) for some in (BUILT, (f"{PEERS}/conda",), (f"{PEERS}/rattler",)))
    if subject.label == "env":
        watch.ours(subject.env, lock=subject.lock)()  # unpacks the engine, which py-rattler uses too
        empty = watch.remove(f"{STORE}/cache", f"{PEERS}/pkgs", f"{PEERS}/rattler-cache")
        watch.measure(
            "env_new_cold",
            {
                "ours": (build, [without_ours, empty]),
                "conda": (conda, [without_conda, empty]),
                "py-rattler": (rattler, [without_rattler, empty]),
                "py-rattler, compileall": (both, [without_rattler, empty]),
            },
        )
    # Whatever the caches lack by now is fetched before the clock runs.
    for act, first in ((build, without_ours), (conda, without_conda), (rattler, without_rattler)):
        first()
        act()
    watch.measure(
        f"{subject.label}_new_warm",
        {
            "ours": (build, [without_ours]),
            "conda": (conda, [without_conda]),
            "py-rattler": (rattler, [without_rattler]),
            "py-rattler, compileall": (both, [without_rattler]),
        },
    )


def _comparisons(watch: Stopwatch, subject: Subject) -> None:
    for level in ("records", "paths", "full"):
        case: Case = {"ours": (watch.ours(subject.env, lock=subject.lock, level=level), []), "ping": (watch.ping, [])}
        if level == "paths":
            case["py-rattler"] = (watch.command(RATTLER.format(env=subject.env)), [])
        watch.measure(f"{subject.label}_noop_{level}", case)


def _switches(watch: Stopwatch, subject: Subject) -> None:
    """Measure going to another generation and back, and what the second one takes of the disk beside the first."""
    first, second = (watch.ours(subject.env, lock=lock, level="records") for lock in (subject.lock, subject.next))
    back = watch.ours(subject.env, state="rolled_back", level="records")
    places = [watch.generation(subject.env)]
    second()
    places.append(watch.generation(subject.env))
    # Links to the same file count for the first place that has one.
    sizes = [int(line.split()[0]) for line in watch.console("du", "-sk", *places).splitlines()]
    watch.measured[f"{subject.label}_second_percent"] = {"ours": 100 * sizes[1] / sizes[0]}
    watch.measure(f"{subject.label}_flip", {"ours": (second, [first]), "ping": (watch.ping, [])})
    watch.measure(f"{subject.label}_roll_back", {"ours": (back, [first, second]), "ping": (watch.ping, [])})


def measure() -> dict[str, dict[str, float]]:
    """Return the medians in seconds, by benchmark and by who did it; ``*_percent``: of the first generation's disk."""
    small, large = subjects()
    with Fleet(1) as fleet:
        watch = Stopwatch(fleet)
        fleet.play(HERE / "environments_prepare.yml", "-e", f"many={large.lock.parent}", hosts=[watch.host])
        for subject in (small, large):
            _builds(watch, subject)
            _comparisons(watch, subject)
            _switches(watch, subject)
    return watch.measured
