# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tools of an attacker on access: a host with its console, runs of a module that can be frozen or killed, fresh logins.

The inventory is named by the environment variable ATTACK_INVENTORY (ATTACK_HOSTS narrows it); its hosts are up. The
console goes past network and sshd, so it sees a host that has locked everybody out.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import pathlib
import signal
import subprocess
import sys
import time
import typing as t

import yaml

PROJECT = pathlib.Path(__file__).resolve().parents[3]
BED = PROJECT / "tests/testbed/bed.py"
KEY = PROJECT / "build/bed/id_ed25519"
PLAYBOOK = """\
- name: Attack
  hosts: all
  gather_facts: false
  tasks:
    - name: Change access
      lockstep.gpufleet.%s: %s
"""


def inventory() -> pathlib.Path:
    """Return the inventory under attack."""
    return pathlib.Path(os.environ["ATTACK_INVENTORY"])


def host_names() -> list[str]:
    """Return the names of the hosts under attack: those in ATTACK_HOSTS, by default all of the inventory."""
    return os.environ.get("ATTACK_HOSTS", "").split() or list(_hosts())


def _hosts() -> dict[str, dict[str, t.Any]]:
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
        return _hosts()[self.name]["ansible_host"]

    @property
    def known_hosts(self) -> pathlib.Path:
        """The pinned host keys of its network."""
        return PROJECT / "build/bed/known_hosts.d" / self.address.split(".")[2]

    def console(self, command: str, check: bool = True, seconds: float = 90) -> str:
        """Run a shell command on the host's console and return what it prints."""
        done = subprocess.run(
            [sys.executable, str(BED), "exec", str(inventory()), self.name, "--", "sh", "-c", command],
            capture_output=True, text=True, timeout=seconds, check=False,
        )
        if check and done.returncode:
            raise AssertionError(f"{command!r} on {self.name}: {done.stderr or done.stdout}")
        return done.stdout.strip()

    def power_cycle(self) -> None:
        """Restart the host; returns when its sshd answers."""
        subprocess.run(
            [sys.executable, str(BED), "restart", str(inventory()), self.name],
            check=True, timeout=120, capture_output=True,
        )

    def login(self, *options: str, seconds: int = 4) -> subprocess.CompletedProcess[str]:
        """Log in afresh as ops with the key."""
        return subprocess.run(
            [
                "ssh", "-F", "none", "-o", f"UserKnownHostsFile={self.known_hosts}", "-o", f"ConnectTimeout={seconds}",
                "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes", "-i", str(KEY), *options,
                f"ops@{self.address}", "true",
            ],
            capture_output=True, text=True, timeout=60, check=False,
        )

    def lets_in(self, *options: str) -> bool:
        """Whether a fresh login succeeds."""
        return self.login(*options).returncode == 0

    def wait_until_it_lets_in(self, seconds: float, *options: str) -> float:
        """Wait for a fresh login to succeed; return the seconds it took, or fail."""
        began = time.monotonic()
        while not self.lets_in(*options):
            assert time.monotonic() - began < seconds, f"{self.name} did not let ops in within {seconds} s"
            time.sleep(0.3)
        return time.monotonic() - began

    def armed(self) -> bool:
        """Whether a guard is armed now."""
        return bool(self.console("ls /var/lib/lockstep/guard/*/armed 2>/dev/null", check=False))

    def until_restored(self, seconds: int) -> None:
        """Wait until the host has restored itself and sshd has read its files again; one look in the host."""
        self.console(
            f"timeout {seconds} sh -c 'until ls /var/lib/lockstep/guard/*/restored; do sleep 0.1; done' 2>/dev/null; "
            "sleep 1; ls /var/lib/lockstep/guard/*/restored",
            seconds=seconds + 30,
        )

    def litter(self) -> str:
        """What a guard that has ended must not leave behind."""
        return self.console(
            "find /var/lib/lockstep/guard /run/lockstep -mindepth 1 2>/dev/null; "
            "find /etc/systemd/system -name 'lockstep-guard*'; "
            "systemctl list-units --all --no-legend --plain 'lockstep-guard*'", check=False
        )

    def start(
        self, module: str, options: dict[str, t.Any], ssh_config: str = "", verbose: bool = False, **variables: t.Any
    ) -> Run:
        """Start a run of one module against this host; ``ssh_config``: an ssh_config(5) used instead of the user's."""
        playbook = self.scratch / "attack.yml"
        playbook.write_text(PLAYBOOK % (module, json.dumps(options)))
        arguments = f"-o UserKnownHostsFile={self.known_hosts} -o IdentitiesOnly=yes"
        if ssh_config:
            config = self.scratch / "ssh_config"
            config.write_text(ssh_config)
            arguments = f"-F {config} -o IdentitiesOnly=yes"
        merged = {"ansible_ssh_common_args": arguments, "ansible_timeout": 3, **variables}
        environment = dict(
            os.environ,
            ANSIBLE_COLLECTIONS_PATH=str(PROJECT / "build/collections"),
            ANSIBLE_STDOUT_CALLBACK="ansible.builtin.default",
            ANSIBLE_CALLBACK_RESULT_FORMAT="json",
            ANSIBLE_PIPELINING="1",
            ANSIBLE_NOCOLOR="1",
            ANSIBLE_CONNECTION_PLUGINS=str(PROJECT / "tests/faults/access/connection_plugins"),
            ANSIBLE_SSH_CONTROL_PATH_DIR=str(self.scratch / "cp"),
        )
        environment.pop("ANSIBLE_CONFIG", None)
        process = subprocess.Popen(
            [
                str(pathlib.Path(sys.executable).with_name("ansible-playbook")), "-i", str(inventory()),
                "--limit", self.name,
                "-e", json.dumps(merged), str(playbook), *(["-v"] if verbose else []),
            ],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment, cwd=self.scratch,
            start_new_session=True,
        )
        return Run(process, self)

    def run(self, module: str, options: dict[str, t.Any], ssh_config: str = "", **variables: t.Any) -> Run:
        """Run one module to its end."""
        started = self.start(module, options, ssh_config, **variables)
        started.wait()
        return started


@dataclasses.dataclass
class Run:
    """One run of ansible-playbook in its own session."""

    process: subprocess.Popen[str]
    host: Host
    output: str = ""

    def wait(self, seconds: float = 180) -> None:
        """Wait for the end and keep the output."""
        self.output = self.process.communicate(timeout=seconds)[0]

    @property
    def failed(self) -> bool:
        """Whether the run failed."""
        return self.process.returncode != 0

    @property
    def said(self) -> str:
        """The output with white space as single blanks, for searching."""
        return " ".join(self.output.split())

    def until_armed(self, seconds: int = 60) -> None:
        """Wait until the run has armed a guard on the host; one look in the host, so that it is quick to see it."""
        command = f"timeout {seconds} sh -c 'until ls /var/lib/lockstep/guard/*/armed; do sleep 0.05; done' 2>/dev/null"
        if not self.host.console(command, check=False, seconds=seconds + 30):
            self.kill()
            raise AssertionError(f"no guard was armed: {self.output}")

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
        self.output = self.process.communicate()[0]

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
