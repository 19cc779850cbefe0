# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tools of an attacker on access: a host and its guard, runs of a module that can be frozen or killed, fresh logins."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import time
import typing as t

from faults import hosts
from faults.hosts import KEY, PROJECT

PLAYBOOK = """\
- name: Attack
  hosts: all
  gather_facts: false
  tasks:
    - name: Change access
      lockstep.gpufleet.%s: %s
"""


@dataclasses.dataclass
class Host(hosts.Host):
    """A host whose sshd or firewall is under attack."""

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
        arguments = ""
        if ssh_config:
            config = self.scratch / "ssh_config"
            config.write_text(ssh_config)
            arguments = f"-F {config} -o IdentitiesOnly=yes"
        started = self.start_playbook(
            PLAYBOOK % (module, json.dumps(options)),
            *(["-v"] if verbose else []),
            ssh_arguments=arguments,
            environment={"ANSIBLE_CONNECTION_PLUGINS": str(PROJECT / "tests/faults/access/connection_plugins")},
            **variables,
        )
        return Run(started.process, self)

    def run(self, module: str, options: dict[str, t.Any], ssh_config: str = "", **variables: t.Any) -> Run:
        """Run one module to its end."""
        started = self.start(module, options, ssh_config, **variables)
        started.wait()
        return started


@dataclasses.dataclass
class Run(hosts.Run):
    """One run of a module that changes access."""

    host: Host

    def until_armed(self, seconds: int = 60) -> None:
        """Wait until the run has armed a guard on the host; one look in the host, so that it is quick to see it."""
        command = f"timeout {seconds} sh -c 'until ls /var/lib/lockstep/guard/*/armed; do sleep 0.05; done' 2>/dev/null"
        if not self.host.console(command, check=False, seconds=seconds + 30):
            self.kill()
            raise AssertionError(f"no guard was armed: {self.output}")
