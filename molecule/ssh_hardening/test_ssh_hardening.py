# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""sshd is key-only in force, for everybody, and the guard has left nothing behind."""

from __future__ import annotations

import subprocess

import pytest


def profile(host) -> str:
    return "strict" if "strict" in host.ansible.get_variables()["group_names"] else "modern"


@pytest.mark.parametrize("user", ["ops", "root", "legacy", "nobody"])
def test_the_configuration_in_force_is_key_only(host, user):
    lines = host.check_output(
        "sshd -T -C user=%s,host=x,addr=198.51.100.9,laddr=192.0.2.1,lport=22", user
    ).splitlines()
    for line in (
        "passwordauthentication no",
        "kbdinteractiveauthentication no",
        "permitemptypasswords no",
        "permitrootlogin without-password",
        "allowtcpforwarding local",
        "allowagentforwarding no",
        "x11forwarding no",
    ):
        assert line in lines


def test_the_running_sshd_offers_keys_only(host):
    address = host.ansible.get_variables()["ansible_host"]
    done = subprocess.run(
        [
            "ssh", "-F", "none", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
            "-o", "BatchMode=yes", "-o", "PreferredAuthentications=none", f"legacy@{address}", "true",
        ],
        capture_output=True, text=True, timeout=30, check=False,
    )
    assert "Permission denied (publickey)" in done.stderr


def test_key_exchange_is_post_quantum_first(host):
    offered = host.check_output("sshd -T | sed -n 's/^kexalgorithms //p'").split(",")
    hybrids = [name for name in offered if name.startswith(("mlkem768x25519", "sntrup761x25519"))]
    assert hybrids and offered[: len(hybrids)] == hybrids
    assert (offered == hybrids) is (profile(host) == "strict")
    assert "diffie-hellman" not in host.check_output("sshd -T | grep ^kexalgorithms")


def test_nobody_is_let_in_who_is_not_named(host):
    assert host.check_output("sshd -T | grep ^allowusers").split()[1::2] == ["ops", "legacy"]


def test_the_exception_holds_where_it_says_and_nowhere_else(host):
    for address, value in (("192.0.2.9", "yes"), ("198.51.100.9", "no")):
        asked = f"user=legacy,host=x,addr={address},laddr=192.0.2.1,lport=22"
        assert f"passwordauthentication {value}" in host.check_output("sshd -T -C %s", asked).splitlines()


def test_sftp_is_there_and_tunnels_lead_where_they_may(host):
    shown = host.check_output("sshd -T").splitlines()
    assert any(line.startswith("subsystem sftp ") for line in shown)
    assert "permitopen localhost:8888 127.0.0.1:8888" in shown


def test_the_guard_left_no_litter(host):
    assert host.check_output("find /var/lib/lockstep/guard /run/lockstep -mindepth 1 2>/dev/null || true") == ""
    assert host.check_output("find /etc/systemd/system -name 'lockstep-guard*'") == ""
    assert host.check_output("systemctl list-units --all --no-legend 'lockstep-guard*'") == ""
