# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""How this machine runs containers that boot systemd: found out by trying, remembered until the next boot."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import re
import shutil
import subprocess
import time
import typing as t

from testbed import cache

OWNER_LABEL = "lockstep.gpufleet.bed"
HOST_CAPABILITIES = ("NET_ADMIN", "SYS_ADMIN")
"""NET_ADMIN: nftables. SYS_ADMIN: units with PrivateTmp and the like. Not --privileged: sysctls stay out of reach."""

_CANDIDATES: tuple[tuple[str, str | None], ...] = (
    ("podman's own defaults", None),
    (
        "runc, cgroupfs and modest limits",
        """\
[containers]
default_ulimits = ["nofile=20000:20000", "nproc=4096:4096"]
log_driver = "k8s-file"
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
""",
    ),
)
# The bed's hosts live in 10.88.0.0/16, which podman keeps for its own default network unless it is told otherwise.
_NETWORK = '[network]\ndefault_subnet = "10.87.255.0/24"\n'
_BOOT_SECONDS = 20.0
_OLDEST_PODMAN = 4


class BedError(Exception):
    """What stops the bed, in words for the person at the keyboard."""


def missing_requirements(commands: t.Iterable[str]) -> list[str]:
    """Return sentences about what this machine lacks; empty when the bed can work here."""
    packages = {"ssh-keygen": "openssh-client", "ssh-keyscan": "openssh-client", "netavark": "netavark"}
    found = []
    if os.geteuid() != 0:
        found.append("it must run as root (rootless containers cannot boot systemd with nftables)")
    lacking = [name for name in commands if not _which(name)]
    if lacking:
        names = sorted({packages.get(name, name) for name in lacking})
        install = f"apt-get install --no-install-recommends {' '.join(names)}"
        found.append(f"missing commands: {', '.join(lacking)}; on Debian: {install}")
    return found


def _which(name: str) -> str | None:
    if name == "netavark":  # podman's own network program lies outside PATH
        return shutil.which(name, path="/usr/lib/podman:/usr/libexec/podman:/usr/local/libexec/podman")
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


def require(commands: t.Iterable[str]) -> None:
    """Raise ``BedError`` with all that is missing, if anything is."""
    found = missing_requirements(commands)
    if found:
        raise BedError("The test bed cannot work on this machine:\n" + "".join(f"  - {line}\n" for line in found))


@dataclasses.dataclass(frozen=True)
class Podman:
    """podman with one set of settings. ``config`` is the containers.conf to use; None: as podman is set up here."""

    config: pathlib.Path | None = None

    def run(self, *args: str, check: bool = True, timeout: float | None = 300) -> subprocess.CompletedProcess[str]:
        """Run podman and return what it said. With ``check``, raises ``BedError`` with its message when it fails."""
        try:
            done = subprocess.run(
                ["podman", *args], env=self.environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True,
                timeout=timeout, check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise BedError(f"podman {' '.join(args[:3])} did not end within {timeout:.0f} s") from error
        if check and done.returncode:
            raise BedError(f"podman {' '.join(args)} failed:\n{done.stderr.strip() or done.stdout.strip()}")
        return done

    def environment(self) -> dict[str, str]:
        """Return the environment that podman is to be started with."""
        return dict(os.environ, CONTAINERS_CONF=str(self.config)) if self.config else dict(os.environ)

    def for_networks(self) -> Podman:
        """Return podman for making networks below 10.88.0.0/16."""
        text = self.config.read_text(encoding="utf-8") if self.config else ""
        return Podman(_config(text + _NETWORK))

    def wait_for_boot(self, container: str, seconds: float) -> str:
        """Wait until systemd in the container has finished to boot; return its state, ``running`` when all is well."""
        deadline = time.monotonic() + seconds
        question = ("exec", container, "systemctl", "is-system-running")
        state = "no answer"
        while time.monotonic() < deadline:
            try:
                # systemd itself waits for the end of the boot, once its bus is there to be asked.
                done = self.run(*question, "--wait", check=False, timeout=deadline - time.monotonic())
            except BedError:
                done = self.run(*question, check=False, timeout=30)
            state = done.stdout.strip() or done.stderr.strip()
            if state in ("running", "degraded"):
                break
            time.sleep(0.3)
        return state


def plain_podman() -> Podman:
    """Return podman for work that starts nothing: images, networks, removal."""
    return known_podman() or Podman()


def known_podman() -> Podman | None:
    """Return podman with the settings that were found to work since this machine's last boot; None: not tried yet."""
    try:
        known = json.loads(_finding().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(known, dict) or any(known.get(name) != value for name, value in _facts().items()):
        return None
    return _candidate(known["choice"])


def find_podman(image: str) -> Podman:
    """Return podman with the first settings under which ``image`` boots systemd. The finding holds until the next boot.

    Raises ``BedError`` with the reasons of all candidates when none works.
    """
    with cache.locked("runtime"):
        known = known_podman()
        if known:
            return known
        reasons = []
        version = subprocess.run(["podman", "--version"], capture_output=True, text=True, check=False).stdout.strip()
        number = re.search(r"\d+", version)
        if number and int(number.group()) < _OLDEST_PODMAN:
            raise BedError(f"the test bed needs podman {_OLDEST_PODMAN} or newer; this is {version}")
        for choice, candidate in enumerate(_CANDIDATES):
            podman = _candidate(choice)
            reason = _try(podman, image)
            if reason is None:
                cache.write_atomically(_finding(), json.dumps(dict(_facts(), choice=choice)) + "\n")
                return podman
            reasons.append(f"  - with {candidate[0]}: {reason}\n")
        raise BedError("podman cannot boot systemd in a container on this machine:\n" + "".join(reasons))


def _candidate(choice: int) -> Podman:
    text = _CANDIDATES[choice][1]
    return Podman(_config(text) if text else None)


def _finding() -> pathlib.Path:
    return cache.cache_root() / "runtime" / "finding.json"


def _facts() -> dict[str, str]:
    """Return what a finding holds for: another boot, podman or list of candidates makes it worthless."""
    program = shutil.which("podman") or "podman"
    seen = os.stat(program)
    return {
        "boot": pathlib.Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip(),
        "podman": f"{program} {seen.st_size} {seen.st_mtime_ns}",
        "candidates": cache.content_key(repr(_CANDIDATES)),
    }


def _try(podman: Podman, image: str) -> str | None:
    """Boot a container once; return why it failed, or None."""
    name = f"lockstep-probe-{os.getpid()}"
    capabilities = ",".join(HOST_CAPABILITIES)
    try:
        podman.run(
            "run", "--detach", "--name", name, "--label", f"{OWNER_LABEL}=probe", "--systemd=always",
            f"--cap-add={capabilities}", "--network=none", image, "/sbin/init", timeout=60,
        )
        state = podman.wait_for_boot(name, _BOOT_SECONDS)
        return None if state in ("running", "degraded") else f"systemd did not come up ({state})"
    except BedError as error:
        return str(error).splitlines()[-1]
    finally:
        podman.run("rm", "--force", "--time=0", "--ignore", name, check=False)


def _config(text: str) -> pathlib.Path:
    """Return the path of a containers.conf with this text."""
    path = cache.cache_root() / "runtime" / cache.content_key(text) / "containers.conf"
    if not path.exists():
        cache.write_atomically(path, text)
    return path
