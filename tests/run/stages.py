# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the stages of ``make test``: three at a time, a line for each, logs in build/logs, all of them even if one fails.

usage: stages.py [--jobs N] [--keep] all | GROUP | STAGE ...

A GROUP is ``lint`` or ``molecule``; a STAGE is any name that ``stages.py --list`` prints.
The last line is ``N passed, N failed``: pytest's tests, and one for each stage that has none.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import pathlib
import re
import signal
import subprocess
import sys
import time
import typing as t

PROJECT = pathlib.Path(__file__).resolve().parents[2]
BIN = PROJECT / "build" / "venv" / "bin"
LOGS = PROJECT / "build" / "logs"
TAIL_LINES = 60
# What takes long starts first, so that stages side by side end together. Scenarios about access mostly wait, for deadlines
# that have to pass, so three stages keep two cores busy.
START_FIRST = (
    *("bed", "molecule-lockout", "molecule-faults", "molecule-access_guard", "molecule-ssh_hardening", "molecule-firewall"),
    *("molecule-jupyter", "molecule-conda_env"),
    *("molecule-generations", "molecule-conda_env_life", "molecule-conda_env_info", "molecule-background", "molecule-downloads"),
    *("molecule-fleet", "sanity", "ansible-lint"),
)


@dataclasses.dataclass(frozen=True)
class Stage:
    """One program to run. ``after``: stages that must have passed; ``limit``: seconds, then it is stopped."""

    name: str
    argv: tuple[str, ...]
    group: str = ""
    after: tuple[str, ...] = ()
    limit: int = 2400
    inventory: pathlib.Path | None = None


@dataclasses.dataclass
class Outcome:
    """How a stage ended. ``status``: passed, failed, or not run (something that it needs failed)."""

    stage: Stage
    status: str
    seconds: float = 0.0
    passed: int = 0
    failed: int = 0
    pytest_lines: tuple[str, ...] = ()


def define_stages() -> list[Stage]:
    """Return all stages in the order in which they start."""
    python, bed = str(BIN / "python"), str(PROJECT / "tests" / "testbed" / "bed.py")
    stages = [
        Stage("bed", (python, bed, "build")),
        Stage("sanity", (python, "tests/run/sanity.py")),
        Stage("unit", (python, "-m", "pytest", "-q", "--color=no")),
        Stage("ansible-lint", (str(BIN / "ansible-lint"), "--nocolor"), "lint"),
        Stage("yamllint", (str(BIN / "yamllint"), "--strict", "."), "lint"),
        Stage(
            "docs",
            (str(BIN / "antsibull-docs"), "lint-collection-docs", "--plugin-docs", "--validate-collection-refs", "all", "."),
            "lint",
        ),
        Stage("changelog", (python, "tests/run/changelog.py"), "lint"),
        Stage("shell", ("sh", "-c", "git ls-files -z '*.sh' .ci/run | xargs -0 -n 1 sh -n"), "lint"),
    ]
    for name, folder in (("artifact", "tests/artifact"), ("bed-hosts", "tests/testbed/selftest")):
        inventory = PROJECT / folder / "inventory" / "hosts.yml"
        stages.append(Stage(name, (python, "-m", "pytest", "-q", "--color=no", folder), after=("bed",), inventory=inventory))
    for scenario in PROJECT.glob("molecule/*/molecule.yml"):
        name = scenario.parent.name
        stages.append(
            Stage(
                f"molecule-{name}",
                (str(BIN / "molecule"), "test", "--scenario-name", name),
                "molecule",
                after=("bed",),
                inventory=scenario.parent / "inventory" / "hosts.yml",
            )
        )
    return sorted(stages, key=lambda stage: (START_FIRST.index(stage.name) if stage.name in START_FIRST else 99, stage.name))


def environment(stage: Stage) -> dict[str, str]:
    """Return a stage's environment: our tools first, our collection, and no terminal tricks."""
    return {
        **os.environ,
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
        "ANSIBLE_COLLECTIONS_PATH": str(PROJECT / "build" / "collections"),
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_HOME": str(PROJECT / "build" / "ansible"),
        # Molecule's own default is below the home directory, under a name that two clones can share.
        "MOLECULE_EPHEMERAL_DIRECTORY": str(PROJECT / "build" / "molecule" / stage.name.removeprefix("molecule-") / "state"),
        "MOLECULE_GLOB": "molecule/*/molecule.yml",
        "NO_COLOR": "1",
        "PY_COLORS": "0",
        "PYTHONUNBUFFERED": "1",
    }


@dataclasses.dataclass
class Running:
    """A stage that has been started."""

    stage: Stage
    process: subprocess.Popen[bytes]
    started: float


class Run:
    """The stages of one ``make test``."""

    def __init__(self, stages: list[Stage], jobs: int, keep: bool) -> None:
        self.waiting = list(stages)
        self.jobs = jobs
        self.keep = keep
        self.running: list[Running] = []
        self.outcomes: list[Outcome] = []
        self.started = time.monotonic()

    def execute(self) -> list[Outcome]:
        """Run everything; whatever happens, no process and no host of the stages is left."""
        LOGS.mkdir(parents=True, exist_ok=True)
        try:
            while self.waiting or self.running:
                self.start_what_can()
                self.collect()
        finally:
            for one in self.running:
                stop(one.process)
                self.take_hosts_down(one.stage)
        return self.outcomes

    def start_what_can(self) -> None:
        """Start waiting stages while there is room and what they need has passed."""
        chosen = {stage.name for stage in self.waiting} | {one.stage.name for one in self.running}
        done = {outcome.stage.name: outcome.status for outcome in self.outcomes}
        for stage in list(self.waiting):
            needs = [name for name in stage.after if name in chosen or name in done]
            if any(done.get(name, "passed") != "passed" for name in needs):
                self.waiting.remove(stage)
                self.finish(Outcome(stage, "not run", failed=1))
            elif len(self.running) < self.jobs and all(name in done for name in needs):
                self.waiting.remove(stage)
                self.start(stage)

    def start(self, stage: Stage) -> None:
        """Start one stage in a process group of its own, without input."""
        with open(LOGS / f"{stage.name}.log", "wb") as log:
            process = subprocess.Popen(
                stage.argv,
                cwd=PROJECT,
                env=environment(stage),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.running.append(Running(stage, process, time.monotonic()))

    def collect(self) -> None:
        """Wait until a stage ends or reaches its limit, and note how it went."""
        while self.running:
            for one in self.running:
                seconds = time.monotonic() - one.started
                late = seconds > one.stage.limit
                if late:
                    stop(one.process)
                    with open(LOGS / f"{one.stage.name}.log", "a", encoding="utf-8") as log:
                        log.write(f"\nstopped: it had run for its limit of {one.stage.limit} s\n")
                if one.process.poll() is not None:
                    self.running.remove(one)
                    self.finish(judge(one.stage, one.process.returncode, seconds))
                    return
            time.sleep(0.2)

    def finish(self, outcome: Outcome) -> None:
        """Note and print one outcome; show the end of a failed stage's log."""
        self.outcomes.append(outcome)
        clock = time.strftime("%M:%S", time.gmtime(time.monotonic() - self.started))
        counts = ", ".join(outcome.pytest_lines)
        print(f"{clock}  {outcome.stage.name:<26} {outcome.status:<8} {outcome.seconds:6.1f} s  {counts}".rstrip(), flush=True)
        if outcome.status == "failed":
            path = LOGS / f"{outcome.stage.name}.log"
            lines = path.read_text(encoding="utf-8", errors="replace").splitlines()[-TAIL_LINES:]
            print("\n".join(f"    | {line}" for line in lines), flush=True)
            print(f"    the whole log: {path.relative_to(PROJECT)}", flush=True)
        if outcome.status != "passed":
            self.take_hosts_down(outcome.stage)

    def take_hosts_down(self, stage: Stage) -> None:
        """Remove the hosts of a stage that did not come to its own end."""
        if stage.inventory is None or self.keep or not stage.inventory.exists():
            return
        bed = PROJECT / "tests" / "testbed" / "bed.py"
        subprocess.run(
            [BIN / "python", bed, "down", stage.inventory],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
        )


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a stage with all its children, politely first."""
    for sign, patience in ((signal.SIGTERM, 10), (signal.SIGKILL, 10)):
        if process.poll() is None:
            os.killpg(process.pid, sign)
            try:
                process.wait(patience)
            except subprocess.TimeoutExpired:
                continue


def judge(stage: Stage, returncode: int, seconds: float) -> Outcome:
    """Read the stage's log for pytest's closing lines and count its tests; a stage without any is one test."""
    text = (LOGS / f"{stage.name}.log").read_text(encoding="utf-8", errors="replace")
    found = re.finditer(r"\d+ (?:passed|failed|error)[^\n\"]*? in [\d.]+s", text)
    # Ansible may show the output of one pytest more than once; to a hundredth of a second no two are the same.
    lines = tuple(dict.fromkeys(match.group(0) for match in found))
    passed = sum(int(number) for line in lines for number in re.findall(r"(\d+) passed", line))
    failed = sum(int(number) for line in lines for number in re.findall(r"(\d+) (?:failed|errors?)\b", line))
    # Molecule skips a step whose playbook it does not find and still ends with 0; prepare alone may be missing.
    if returncode or re.search(r"> (?!prepare|cleanup)\w+: Executed: Missing playbook", text):
        return Outcome(stage, "failed", seconds, passed, max(failed, 1), lines)
    return Outcome(stage, "passed", seconds, passed or 1, 0, lines)


def select(stages: list[Stage], names: t.Sequence[str]) -> list[Stage]:
    """Return the stages that the user named, in the order of definition."""
    known = {stage.name for stage in stages} | {stage.group for stage in stages if stage.group} | {"all"}
    for name in names:
        if name not in known:
            raise SystemExit(f"there is no stage {name!r}; choose from {', '.join(sorted(known))}")
    return [stage for stage in stages if "all" in names or stage.name in names or stage.group in names]


def terminated(signum: int, frame: object) -> t.NoReturn:
    """Turn SIGTERM into an exception, so that the hosts are taken down."""
    raise SystemExit(128 + signum)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="STAGE")
    parser.add_argument("--jobs", type=int, default=3, help="stages at a time (3)")
    parser.add_argument("--keep", action="store_true", help="leave the hosts of a failed stage for a look")
    parser.add_argument("--list", action="store_true", help="print the names of all stages")
    args = parser.parse_args()
    stages = define_stages()
    if args.list or not args.names:
        print("\n".join(stage.name for stage in stages))
        return 0
    signal.signal(signal.SIGTERM, terminated)
    run = Run(select(stages, args.names), args.jobs, args.keep)
    try:
        outcomes = run.execute()
    except KeyboardInterrupt:
        print("interrupted; its hosts are down", file=sys.stderr)
        return 130
    unsuccessful = [outcome.stage.name for outcome in outcomes if outcome.status != "passed"]
    print(f"\n{len(outcomes)} stages in {time.monotonic() - run.started:.0f} s; logs: {LOGS.relative_to(PROJECT)}")
    if unsuccessful:
        print(f"not passed: {', '.join(unsuccessful)}")
    passed, failed = sum(one.passed for one in outcomes), sum(one.failed for one in outcomes)
    print(f"{passed} passed, {failed} failed")
    return 1 if unsuccessful else 0


if __name__ == "__main__":
    sys.exit(main())
