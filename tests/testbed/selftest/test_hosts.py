# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves on a real fleet what tests take for granted of the bed. Needs root and podman; takes half a minute."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys
import time
import typing as t

import pytest
from testbed import web

HERE = pathlib.Path(__file__).resolve().parent
REPOSITORY = HERE.parents[2]
BED = [sys.executable, str(HERE.parent / "bed.py")]
INVENTORY = str(HERE / "inventory")
STATE = REPOSITORY / "build" / "bed"
ADDRESSES = {"key12": "10.88.71.11", "pass12": "10.88.71.12", "key13": "10.88.71.13"}
KEY_HOSTS = ("key12", "key13")


def bed(command: str, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run a command of the bed on the test's fleet."""
    done = subprocess.run([*BED, command, INVENTORY, *arguments], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0 or not check, done.stdout + done.stderr
    return done


def console(host: str, script: str, check: bool = True) -> str:
    """Return what a shell script says on the host, past its network."""
    return bed("exec", host, "--", "sh", "-c", script, check=check).stdout.strip()


def ssh(host: str, command: str, *options: str, user: str = "ops", password: str = "") -> subprocess.CompletedProcess[str]:
    """Log in over the network with the bed's key, or with the password alone."""
    how = (
        ["PreferredAuthentications=password", "PubkeyAuthentication=no", "NumberOfPasswordPrompts=1"]
        if password
        else ["BatchMode=yes", f"IdentityFile={STATE / 'id_ed25519'}", "IdentitiesOnly=yes"]
    )
    how += [f"UserKnownHostsFile={STATE / 'known_hosts.d' / '71'}", "StrictHostKeyChecking=yes", "ConnectTimeout=10"]
    argv = ["ssh", "-F", "none", *(f"-o{option}" for option in how), *options, f"{user}@{ADDRESSES[host]}", command]
    asking = {"SSH_ASKPASS": str(STATE / "selftest-askpass"), "SSH_ASKPASS_REQUIRE": "force", "BED_PASSWORD": password}
    return subprocess.run(
        argv, env=dict(os.environ, **asking), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.fixture(scope="module", autouse=True)
def _fleet() -> t.Iterator[None]:
    bed("up")
    askpass = STATE / "selftest-askpass"
    askpass.write_text('#!/bin/sh\nprintf "%s\\n" "$BED_PASSWORD"\n', encoding="ascii")
    askpass.chmod(0o700)
    yield
    askpass.unlink()
    bed("down")


@pytest.mark.parametrize("host", ADDRESSES)
def test_a_host_boots_without_a_failed_unit_and_unhardened(host: str) -> None:
    assert console(host, "systemctl is-system-running") == "running"
    assert console(host, "nft list ruleset") == ""
    assert console(host, "passwd --status root").split()[1] == "L"
    assert "passwordauthentication yes" in console(host, "sshd -T")
    assert console(host, "systemctl is-enabled ssh.service nftables.service || true").split() == ["enabled", "disabled"]


@pytest.mark.parametrize("host", KEY_HOSTS)
def test_the_key_logs_in_and_sudo_asks_nothing(host: str) -> None:
    assert ssh(host, "sudo -n id -u").stdout.strip() == "0"


def test_without_the_key_only_the_password_logs_in_and_sudo_wants_it() -> None:
    assert ssh("pass12", "true").returncode == 255
    assert ssh("pass12", "true", password="wrong").returncode == 255
    assert ssh("pass12", "id -un", password="ops-first-contact").stdout.strip() == "ops"
    assert ssh("pass12", "sudo -n true", password="ops-first-contact").returncode == 1
    assert ssh("pass12", "echo ops-first-contact | sudo -S id -u", password="ops-first-contact").stdout.strip() == "0"


@pytest.mark.parametrize("host", ADDRESSES)
def test_a_password_user_gets_in_and_has_no_sudo(host: str) -> None:
    assert ssh(host, "id -un", user="legacy", password="legacy-password").stdout.strip() == "legacy"
    assert ssh(host, "sudo -n true", user="legacy", password="legacy-password").returncode == 1


def test_hosts_have_keys_of_their_own_and_they_are_pinned() -> None:
    keys = {console(host, "cat /etc/ssh/ssh_host_ed25519_key.pub").split()[1] for host in ADDRESSES}
    pinned = (STATE / "known_hosts.d" / "71").read_text(encoding="ascii")
    assert len(keys) == len(ADDRESSES)
    assert all(key in pinned for key in keys)
    assert len({console(host, "cat /etc/machine-id") for host in ADDRESSES}) == len(ADDRESSES)


@pytest.mark.parametrize("host", KEY_HOSTS)
def test_units_timers_sessions_and_nftables_work(host: str) -> None:
    console(host, "systemd-run --wait --quiet -p PrivateTmp=yes -p DynamicUser=yes -p ProtectSystem=strict true")
    console(host, "systemd-run --quiet --on-active=1 --timer-property=AccuracySec=100ms touch /run/fired")
    assert ssh(host, "systemctl --user is-system-running --wait").stdout.strip() == "running"
    console(host, "nft add table inet trial && nft delete table inet trial")
    deadline = time.monotonic() + 10
    while "fired" not in console(host, "ls /run"):
        assert time.monotonic() < deadline


def test_hosts_reach_each_other_the_web_server_and_the_controller() -> None:
    for target in (ADDRESSES["key13"], "conda.bed.test", "10.88.71.1"):
        console("key12", f"ping -c 1 -W 5 {target}")


@pytest.mark.parametrize("host", KEY_HOSTS)
def test_a_power_cycle_keeps_disk_keys_and_address(host: str) -> None:
    console(host, "echo kept > /var/lib/kept && sync && touch /run/gone && nft add table inet trial")
    before = console(host, "cat /etc/machine-id /etc/ssh/ssh_host_*.pub")
    bed("restart", host)
    assert console(host, "cat /var/lib/kept; ls /run/gone; nft list ruleset", check=False) == "kept"
    assert console(host, "cat /etc/machine-id /etc/ssh/ssh_host_*.pub") == before
    begin = time.monotonic()
    assert ssh(host, "true").returncode == 0
    assert time.monotonic() - begin < 10


def test_up_starts_what_is_down_keeps_the_rest_and_then_does_nothing() -> None:
    ids = ["podman", "ps", "--all", "--no-trunc", "--filter=label=lockstep.gpufleet.bed=lockstep-71", "--format={{.ID}}"]
    before = set(subprocess.run(ids, capture_output=True, text=True, check=True).stdout.split())
    bed("kill", "key12")
    assert ssh("key12", "true").returncode == 255
    assert "of them 1 started now" in bed("up").stdout
    assert ssh("key12", "true").returncode == 0
    assert "of them 0 started now" in bed("up").stdout
    assert set(subprocess.run(ids, capture_output=True, text=True, check=True).stdout.split()) == before


def test_the_exit_status_of_a_command_comes_back() -> None:
    assert bed("exec", "key12", "--", "sh", "-c", "exit 7", check=False).returncode == 7
    assert "it has key12, pass12, key13, web" in bed("exec", "nobody", "--", "true", check=False).stderr


@pytest.fixture(scope="module")
def served() -> t.Iterator[str]:
    """A file that the web server serves for the time of a test; return its name."""
    path = web.root() / f"selftest-{os.getpid()}"
    path.write_bytes(os.urandom(100_000))
    yield path.name
    path.unlink()


@pytest.mark.parametrize(
    ("fault", "status", "size", "code"),
    [
        ("", "200", 100_000, 0),
        ("fault/404/", "404", None, 0),
        ("fault/500/", "500", None, 0),
        ("fault/truncated/", "200", 50_000, 18),
        ("fault/corrupt/", "200", 100_000, 0),
        ("fault/hang/", "000", 0, 28),
    ],
)
def test_the_web_server_serves_and_fails_as_asked(served: str, fault: str, status: str, size: int | None, code: int) -> None:
    curl = "curl --silent --max-time 3 --output /tmp/got --write-out '%{http_code} %{size_download} %{exitcode}'"
    answer = console("key12", f"{curl} http://conda.bed.test/{fault}{served}", check=False).split()
    assert (answer[0], int(answer[2])) == (status, code)
    assert size is None or int(answer[1]) == size
    same = console("key12", f"curl -s http://conda.bed.test/{served} | cmp --silent - /tmp/got && echo same", check=False)
    assert (same == "same") == (fault == "")
