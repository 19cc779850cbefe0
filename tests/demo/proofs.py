# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks at the hosts from outside, over the network, as a person or an attacker would."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import re
import socket
import subprocess

from demo.showing import DemoError

# Runs inside the registered kernel. numpy is there to show that the kernel has the environment's packages.
CELL = """
import getpass, json, sys
import numpy
print(json.dumps({"user": getpass.getuser(), "prefix": sys.prefix, "python": sys.version.split()[0],
                  "numpy": numpy.__version__, "sum": int(numpy.arange(1, 101).sum())}))
"""
# Debian has no service here; what answers a connection to it is the kernel (closed) or nobody (firewalled).
CLOSED_PORT = 8888


@dataclasses.dataclass(frozen=True)
class Ssh:
    """How the demo logs in: by the ssh_config that it wrote."""

    config: pathlib.Path

    def run(
        self, host: str, command: str, user: str | None = None, typed: str | None = None, seconds: int = 90
    ) -> subprocess.CompletedProcess[str]:
        """Run ``command`` on ``host`` with the key; never asks for anything. Does not raise for its exit status."""
        argv = ["ssh", "-F", str(self.config), "-o", "BatchMode=yes", *(["-l", user] if user else []), host, command]
        try:
            return subprocess.run(argv, input=typed or "", capture_output=True, text=True, timeout=seconds, check=False)
        except subprocess.TimeoutExpired:
            raise DemoError(f"{host}: no answer within {seconds} seconds to: {command}") from None

    def ask(self, host: str, command: str, user: str | None = None, typed: str | None = None) -> str:
        """Return what ``command`` printed. Raises DemoError where it failed."""
        done = self.run(host, command, user, typed)
        if done.returncode:
            raise DemoError(f"{host}: this failed with status {done.returncode}: {command}\n{done.stderr.strip()}")
        return done.stdout.strip()

    def password_login(self, host: str, user: str, password: str) -> tuple[bool, str]:
        """Try to log in with a password and without any key; return (whether it worked, what ssh said)."""
        program = self.config.parent / "askpass.sh"
        program.write_text('#!/bin/sh\nprintf "%s\\n" "$DEMO_PASSWORD"\n', encoding="utf-8")
        program.chmod(0o700)
        environment = {**os.environ, "SSH_ASKPASS": str(program), "SSH_ASKPASS_REQUIRE": "force", "DEMO_PASSWORD": password}
        options = ["PubkeyAuthentication=no", "PreferredAuthentications=keyboard-interactive,password", "NumberOfPasswordPrompts=1"]
        argv = ["ssh", "-F", str(self.config), *(part for option in options for part in ("-o", option)), "-l", user, host, "true"]
        done = subprocess.run(
            argv, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False,
            start_new_session=True,
        )  # fmt: skip
        said = done.stderr.strip().splitlines()
        return done.returncode == 0, said[-1] if said else ""


def execute_cell(ssh: Ssh, host: str, user: str, kernel: str, prefix: str) -> dict[str, str]:
    """Execute CELL in a registered kernel as ``user``, by the command that a person would use; return its answer.

    Raises DemoError where the kernel does not run, or runs elsewhere than in ``prefix``.
    """
    words = ssh.ask(host, f"/opt/lockstep/envs/ai_env/bin/jupyter run --kernel {kernel}", user, CELL)
    try:
        answer = json.loads(words.splitlines()[-1])
    except (ValueError, IndexError):
        raise DemoError(f"{host}: the kernel {kernel} said something unexpected: {words!r}") from None
    if answer["prefix"] != prefix or answer["user"] != user or answer["sum"] != 5050:
        raise DemoError(f"{host}: the kernel {kernel} should run in {prefix} as {user}, and says: {answer}")
    return answer


def count_packages(ssh: Ssh, host: str, prefix: str) -> str:
    """Return how many packages the environment at ``prefix`` has, by the records that installers leave in it."""
    conda = ssh.ask(host, f"find {prefix}/conda-meta -name '*.json' | wc -l")
    pip = ssh.ask(host, f"grep -lx uv {prefix}/lib/python3*/site-packages/*.dist-info/INSTALLER | wc -l")
    return f"{conda} conda + {pip} pip packages"


def offered_methods(said: str) -> str:
    """Return the login methods in "user@host: Permission denied (publickey)."."""
    match = re.search(r"Permission denied \(([^)]*)\)", said)
    return match.group(1) if match else ""


def port_answers(address: str, port: int) -> str:
    """Return "open", "closed" (the host refused) or "silent" (nobody answered within a second)."""
    try:
        socket.create_connection((address, port), timeout=1.0).close()
    except ConnectionRefusedError:
        return "closed"
    except (TimeoutError, OSError):
        return "silent"
    return "open"
