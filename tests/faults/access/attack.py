# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tools of an attacker on access: a host and its guard, runs of a module that can be frozen or killed, fresh logins."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import pathlib
import subprocess
import time
import typing as t

from faults import hosts
from faults.hosts import KEY, PROJECT
from testbed import images, runtime
from testbed import inventory as inventories

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

    def login(self, *options: str, seconds: int = 4, config: str = "") -> subprocess.CompletedProcess[str]:
        """Log in afresh as ops with the key; ``config``: as a controller with this ssh_config(5)."""
        known = ["-F", "none", "-o", f"UserKnownHostsFile={self.known_hosts}"]
        if config:
            (self.scratch / "login_config").write_text(config)
            known = ["-F", str(self.scratch / "login_config")]
        return subprocess.run(
            [
                "ssh", *known, "-o", f"ConnectTimeout={seconds}",
                "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes", "-i", str(KEY), *options,
                f"ops@{self.address}", "true",
            ],
            capture_output=True, text=True, timeout=60, check=False,
        )

    def lets_in(self, *options: str, config: str = "") -> bool:
        """Whether a fresh login succeeds."""
        return self.login(*options, config=config).returncode == 0

    def wait_until_it_lets_in(self, seconds: float, *options: str, config: str = "") -> float:
        """Wait for a fresh login to succeed; return the seconds it took, or fail."""
        began = time.monotonic()
        while not self.lets_in(*options, config=config):
            assert time.monotonic() - began < seconds, f"{self.name} did not let ops in within {seconds} s"
            time.sleep(0.3)
        return time.monotonic() - began

    def ecdsa_only(self) -> str:
        """Return an ssh_config(5) for a controller that knows only the ECDSA key of this host.

        Hardening takes that key out of use, so for this controller it is a lock-out.
        """
        key = self.console("cat /etc/ssh/ssh_host_ecdsa_key.pub").split()
        known = self.scratch / "known_hosts"
        known.write_text(f"{self.address} {key[0]} {key[1]}\n")
        return f"Host *\n  UserKnownHostsFile {known}\n  StrictHostKeyChecking yes\n"

    def as_installed(self) -> None:
        """Take our drop-in away, and have the main file read the others, as Debian's does."""
        self.console(
            "rm -f /etc/ssh/sshd_config.d/00-lockstep.conf; cd /etc/ssh; "
            "sed -i '/^# lockstep.gpufleet: read before/,+1d' sshd_config; "
            "grep -qF 'Include /etc/ssh/sshd_config.d/*.conf' sshd_config || "
            "sed -i '1i Include /etc/ssh/sshd_config.d/*.conf' sshd_config; systemctl reload ssh"
        )

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

    def process(self) -> int:
        """Return the process on this machine that is the host's first one; its network is the host's."""
        container = inventories.read(hosts.inventory(), images.HOST_IMAGES).container(self.name)
        done = runtime.plain_podman().run("inspect", "--format", "{{.State.Pid}}", container)
        return int(done.stdout)

    def start(
        self, module: str, options: dict[str, t.Any], ssh_config: str = "", verbose: bool = False, flags: str = "",
        **variables: t.Any
    ) -> Run:
        """Start a run of one module against this host.

        ``ssh_config``: an ssh_config(5) used instead of the user's. ``flags``: of ansible-playbook, besides ``-v`` for
        ``verbose``.
        """
        more = [*(["-v"] if verbose else []), *flags.split()]
        return self._start(PLAYBOOK % (module, json.dumps(options)), ssh_config, more, variables)

    def play(self, playbook: str, ssh_config: str = "", limit: str = "", **variables: t.Any) -> Run:
        """Run a playbook (its text) against this host, or against ``limit``, to its end."""
        started = self._start(playbook, ssh_config, ["--limit", limit] if limit else [], variables)
        started.wait()
        return started

    def _start(self, playbook: str, ssh_config: str, options: list[str], variables: dict[str, t.Any]) -> Run:
        arguments = ""
        if ssh_config:
            config = self.scratch / "ssh_config"
            config.write_text(ssh_config)
            arguments = f"-F {config} -o IdentitiesOnly=yes"
        started = self.start_playbook(
            playbook,
            *options,
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


@dataclasses.dataclass(frozen=True)
class Moved:
    """A controller whose address changes, as behind a provider's NAT, once the file ``flag`` is there.

    The connection that is open keeps the ``first`` address; every new one comes from the ``second``. ``config`` is its
    ssh_config(5).
    """

    first: str
    second: str
    flag: pathlib.Path
    config: str

    def lets_in(self, host: Host) -> bool:
        """Whether the host lets the new address in."""
        return host.lets_in("-o", f"BindAddress={self.second}")

    def open_master(self, host: Host) -> None:
        """Have the run's connection opened from the old address, then move."""
        run = host.run("firewall", {"state": "absent"}, self.config)
        assert not run.failed, run.output
        self.flag.touch()


@contextlib.contextmanager
def second_address(host: Host) -> t.Iterator[Moved]:
    """Give this controller one more address in the host's network, of the host's own, and a way to move to it."""
    network, _dot, last = host.address.rpartition(".")
    first, second = f"{network}.1", f"{network}.{int(last) + 200}"
    device = bridge_to(host.address)
    subprocess.run(["ip", "address", "replace", f"{second}/24", "dev", device], check=True)
    flag = host.scratch / "moved"
    config = (
        f"Match exec \"test -e {flag}\"\n  BindAddress {second}\nHost *\n  BindAddress {first}\n"
        f"  UserKnownHostsFile {host.known_hosts}\n  StrictHostKeyChecking yes\n"
    )
    try:
        yield Moved(first, second, flag, config)
    finally:
        subprocess.run(["ip", "address", "del", f"{second}/24", "dev", device], check=False)


def bridge_to(address: str) -> str:
    """Return the interface of this machine behind which ``address`` is: the bridge of its network."""
    found = subprocess.run(["ip", "-j", "route", "get", address], capture_output=True, check=True)
    return str(json.loads(found.stdout)[0]["dev"])


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
