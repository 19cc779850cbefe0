# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""The hosts that benchmarks run on, and a stopwatch for playbooks."""

from __future__ import annotations

import collections
import dataclasses
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import types
import typing as t

from scenario import wanted

PROJECT = pathlib.Path(__file__).resolve().parents[2]
BED = PROJECT / "tests" / "testbed" / "bed.py"
FOLDER = PROJECT / "build" / "benchmarks"
NETWORK = 90


@dataclasses.dataclass(frozen=True)
class Played:
    """One ``ansible-playbook`` run: wall seconds, and how many modules were sent to each host."""

    seconds: float
    calls: dict[str, int]


class Fleet:
    """``with Fleet(3) as fleet``: the hosts bench01 to bench03, freshly booted, removed at the end.

    ``fleet.inventory`` is a hosts.yml with group_vars and the lock beside it, as a user would write them.
    """

    def __init__(self, count: int) -> None:
        self.hosts = [f"bench{number:02}" for number in range(1, count + 1)]
        addresses = {host: {"ansible_host": f"10.88.{NETWORK}.{10 + number}"} for number, host in enumerate(self.hosts, 1)}
        self.inventory = wanted.write_user_folder(FOLDER, addresses, NETWORK)

    def __enter__(self) -> Fleet:
        try:
            self._bed("up", "--fresh", self.inventory)
        except BaseException:
            self._bed("down", self.inventory)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: types.TracebackType | None
    ) -> None:
        self._bed("down", self.inventory)

    def _bed(self, *words: object) -> str:
        argv = [sys.executable, str(BED), *map(str, words)]
        return subprocess.run(argv, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, encoding="utf-8").stdout

    def console(self, host: str, *argv: object) -> str:
        """Run a command on a host as root, past the network; return its output."""
        return self._bed("exec", self.inventory, host, "--", *argv)

    def play(self, playbook: str | pathlib.Path, *options: str, hosts: t.Sequence[str] | None = None, noop: bool = False) -> Played:
        """Run a playbook (a path, or a name such as lockstep.gpufleet.provision) on some or all of the hosts.

        A failed run raises RuntimeError with Ansible's output; so does, with ``noop``, one that changed something.
        """
        with tempfile.NamedTemporaryFile(prefix="calls-") as calls:
            environment = {
                **{key: value for key, value in os.environ.items() if not key.startswith("ANSIBLE_")},
                "ANSIBLE_CALLBACKS_ENABLED": "scenario_results",
                "ANSIBLE_CALLBACK_PLUGINS": str(PROJECT / "tests" / "scenario" / "callback"),
                "ANSIBLE_COLLECTIONS_PATH": str(PROJECT / "build" / "collections"),
                "ANSIBLE_FORKS": "10",
                "ANSIBLE_NOCOLOR": "1",
                "ANSIBLE_PIPELINING": "1",
                "SCENARIO_MODULE_CALLS": calls.name,
            }
            program = pathlib.Path(sys.executable).with_name("ansible-playbook")
            limit = ["--limit", ",".join(hosts)] if hosts else []
            started = time.monotonic()
            done = subprocess.run(
                [program, "-i", self.inventory, *limit, *options, str(playbook)],
                env=environment,
                cwd=FOLDER,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                encoding="utf-8",
                check=False,
            )
            seconds = time.monotonic() - started
            if done.returncode or (noop and any(f"changed={digit}" in done.stdout for digit in "123456789")):
                raise RuntimeError(f"{playbook} {' '.join(options)} ended with {done.returncode}:\n{done.stdout}")
            counted = collections.Counter(line.split()[0] for line in calls.read().decode().splitlines())
        return Played(seconds, dict(counted))
