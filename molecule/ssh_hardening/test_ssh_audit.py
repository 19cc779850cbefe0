# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Judged from outside: ssh-audit finds nothing to fail, and warns of nothing but the fallback of the profile modern.

It asks from the web server's address: newer OpenSSH penalises an address that connects often without logging in, and this
machine's own address is needed.
"""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys

from testbed import images, runtime
from testbed import inventory as inventories

PROJECT = pathlib.Path(__file__).resolve().parents[2]


def audit(address: str) -> list[tuple[str, str, str]]:
    """Return what ssh-audit fails or warns of: level, algorithm, reason."""
    fleet = inventories.read(pathlib.Path(__file__).with_name("inventory") / "hosts.yml", images.HOST_IMAGES)
    podman = runtime.plain_podman()
    inspected = subprocess.run(
        ["podman", "inspect", "--format", "{{.State.Pid}}", fleet.container("web")],
        env=podman.environment(), capture_output=True, text=True, check=True,
    )
    done = subprocess.run(
        [
            "nsenter", "--target", inspected.stdout.strip(), "--net",
            str(pathlib.Path(sys.executable).with_name("ssh-audit")), "--skip-rate-test", "--json", address,
        ],
        capture_output=True, text=True, timeout=120, check=False,
    )
    found = json.loads(done.stdout)
    return [
        (level, algorithm["algorithm"], note)
        for kind in ("kex", "key", "enc", "mac")
        for algorithm in found[kind]
        for level in ("fail", "warn")
        for note in algorithm["notes"].get(level, [])
    ]


def row(release: str, state: str) -> tuple[int, int]:
    """Return what docs/access.md says of a release of Debian: fail and warn."""
    text = (PROJECT / "docs/access.md").read_text()
    line = next(line for line in text.splitlines() if line.startswith(f"| {state} |"))
    column = {"12": 2, "13": 3}[release.partition(".")[0]]
    fails, warns = line.split("|")[column].split("/")
    return int(fails), int(warns.split()[0])


def test_ssh_audit_finds_nothing_but_the_fallback(host):
    variables = host.ansible.get_variables()
    profile = "strict" if "strict" in variables["group_names"] else "modern"
    found = audit(variables["ansible_host"])
    assert [entry for entry in found if entry[0] == "fail"] == []
    # One fallback, under the two names that clients know it by.
    fallback = {("warn", "curve25519-sha256"), ("warn", "curve25519-sha256@libssh.org")}
    assert {entry[:2] for entry in found} == (set() if profile == "strict" else fallback), found
    assert {entry[2] for entry in found} <= {"does not provide protection against post-quantum attacks"}
    assert row(host.system_info.release, f"`{profile}`") == (0, len(found))
