# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts under attack: their console, power cycles, and runs of ansible-playbook that can be frozen or killed.

The inventory is named by the environment variable ATTACK_INVENTORY (ATTACK_HOSTS narrows it); its hosts are up. The
console goes past network and sshd, so it sees a host that has locked everybody out.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import threading
import typing as t

import yaml

from testbed import images, runtime
from testbed import inventory as inventories

PROJECT = pathlib.Path(__file__).resolve().parents[2]
BED = PROJECT / "tests/testbed/bed.py"
KEY = PROJECT / "build/bed/id_ed25519"


def inventory() -> pathlib.Path:
    """Return the inventory under attack."""
    return pathlib.Path(os.environ["ATTACK_INVENTORY"])


def host_names() -> list[str]:
    """Return the names of the hosts under attack: those in ATTACK_HOSTS, by default all of the inventory."""
    return os.environ.get("ATTACK_HOSTS", "").split() or list(hosts_of_inventory())


def hosts_of_inventory() -> dict[str, dict[str, t.Any]]:
    content = yaml.safe_load(inventory().read_text())["all"]
    found: dict[str, dict[str, t.Any]] = {}
    for group in [content, *(content.get("children") or {}).values()]:
        found.update(group.get("hosts") or {})
    return found


@dataclasses.dataclass
class Host:
    """One host of the inventory, and a scratch folder for what the attack needs on this side."""

    name: str
    scratch: pathlib.Path

    @property
    def address(self) -> str:
        """Where its sshd listens."""
        return hosts_of_inventory()[self.name]["ansible_host"]

    @property
    def known_hosts(self) -> pathlib.Path:
        """The pinned host keys of its network."""
        return PROJECT / "build/bed/known_hosts.d" / self.address.split(".")[2]

    def console(self, command: str, check: bool = True, seconds: float = 90) -> str:
        """Run a shell command on the host's console and return what it prints."""
        argv, environment = self.on_console("sh", "-c", command)
        done = subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=seconds, check=False)
        if check and done.returncode:
            raise AssertionError(f"{command!r} on {self.name}: {done.stderr or done.stdout}")
        return done.stdout.strip()

    def on_console(self, *command: str) -> tuple[list[str], dict[str, str]]:
        """Return the call and its environment that run ``command`` on the console: bed.py exec without its start."""
        fleet = inventories.read(inventory(), images.HOST_IMAGES)
        podman = runtime.plain_podman()
        return ["podman", "exec", "--interactive", fleet.container(self.name), *command], podman.environment()

    def power_cycle(self) -> None:
        """Restart the host; returns when its sshd answers."""
        self.bed("restart", self.name, timeout=120)

    def bed(self, *arguments: str, **options: t.Any) -> subprocess.CompletedProcess[str]:
        """Run one command of the bed on this host's inventory."""
        verb, *rest = arguments
        return subprocess.run(
            [sys.executable, str(BED), verb, str(inventory()), *rest], check=True, capture_output=True, text=True, **options
        )

    def start_playbook(
        self, playbook: str, *options: str, ssh_arguments: str = "", environment: t.Mapping[str, str] | None = None, **variables: t.Any
    ) -> Run:
        """Start a run of ``playbook`` (its text) against this host, reached as the inventory says.

        ``ssh_arguments``: instead of those that pin the host's key. ``environment``: more of it for ansible-playbook.
        """
        path = self.scratch / "attack.yml"
        path.write_text(playbook)
        pinned = f"-o UserKnownHostsFile={self.known_hosts} -o IdentitiesOnly=yes"
        merged = {"ansible_ssh_common_args": ssh_arguments or pinned, "ansible_timeout": 3, **variables}
        surroundings = dict(
            os.environ,
            ANSIBLE_COLLECTIONS_PATH=str(PROJECT / "build/collections"),
            ANSIBLE_STDOUT_CALLBACK="ansible.builtin.default",
            ANSIBLE_CALLBACK_RESULT_FORMAT="json",
            ANSIBLE_PIPELINING="1",
            ANSIBLE_NOCOLOR="1",
            ANSIBLE_SSH_CONTROL_PATH_DIR=str(self.scratch / "cp"),
            **(environment or {}),
        )
        surroundings.pop("ANSIBLE_CONFIG", None)
        process = subprocess.Popen(
            [
                str(pathlib.Path(sys.executable).with_name("ansible-playbook")), "-i", str(inventory()),
                "--limit", self.name, "-e", json.dumps(merged), str(path), *options,
            ],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=surroundings,
            cwd=self.scratch, start_new_session=True,
        )
        return Run(process, self)


@dataclasses.dataclass
class Run:
    """One run of ansible-playbook in its own session."""

    process: subprocess.Popen[str]
    host: Host
    output: str = ""

    def wait(self, seconds: float = 180) -> None:
        """Wait for the end and keep the output."""
        with self._at_most(seconds):
            self.output += self._stream.read()
            self.process.wait()

    def until(self, pattern: str, seconds: float = 90) -> str:
        """Read the output up to a line in which ``pattern`` is found, and return that line."""
        with self._at_most(seconds):
            for line in iter(self._stream.readline, ""):
                self.output += line
                if re.search(pattern, line):
                    return line
        raise AssertionError(f"it ended without a line like {pattern!r}:\n{self.output}")

    @property
    def failed(self) -> bool:
        """Whether the run failed."""
        return self.process.returncode != 0

    @property
    def said(self) -> str:
        """The output with white space as single blanks, for searching."""
        return " ".join(self.output.split())

    def freeze(self) -> None:
        """Stop every process of the run, as a closed laptop would."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let a frozen run go on."""
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """Kill every process of the run; what it has started on the host goes on there."""
        self._signal(signal.SIGSTOP)
        self._signal(signal.SIGKILL)
        self.output += self._stream.read()
        self.process.wait()

    @property
    def _stream(self) -> t.TextIO:
        assert self.process.stdout is not None
        return t.cast(t.TextIO, self.process.stdout)

    @contextlib.contextmanager
    def _at_most(self, seconds: float) -> t.Iterator[None]:
        """Kill the run if this lasts longer, and say so."""
        timer = threading.Timer(seconds, self._signal, [signal.SIGKILL])
        timer.start()
        try:
            yield
            late = not timer.is_alive()
        finally:
            timer.cancel()
        if late:
            raise AssertionError(f"it was not done within {seconds:.0f} s:\n{self.output}")

    def _signal(self, number: int) -> None:
        """Send a signal to the run and all its descendants: Ansible's workers have sessions of their own."""
        for pid in descendants(self.process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)


def descendants(root: int) -> list[int]:
    """Return ``root`` and all processes below it, parents first."""
    parents: dict[int, int] = {}
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
    found = [root]
    for pid in found:
        found += [child for child, parent in parents.items() if parent == pid]
    return found
