# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ways of locking oneself out with ssh_hardening: each is refused up front, or the host restores itself in time.

The lock-out itself is real: this controller knows the host by its ECDSA key only, which hardening takes out of use. So
the login works before the change, and fails after it with "Host key verification failed".
"""

from __future__ import annotations

import subprocess
import time

import pytest

from faults.access.attack import Host

WINDOW = 10
DROPIN = "/etc/ssh/sshd_config.d/00-lockstep.conf"


@pytest.fixture(autouse=True)
def soft(victim: Host) -> None:
    """Hosts are attacked as they come, with password logins."""
    victim.console(f"rm -f {DROPIN} && systemctl reload ssh")


def assert_as_before(host: Host) -> None:
    """The drop-in is gone, sshd is what it was, and no guard has left anything behind."""
    assert not host.console(f"ls {DROPIN} 2>/dev/null", check=False)
    assert "passwordauthentication yes" in host.console("sshd -T")
    offered = host.login("-o", "PreferredAuthentications=none").stderr
    assert "password" in offered, offered


def test_an_unconfirmed_change_is_reverted_at_once_over_the_open_connection(victim):
    run = victim.run("ssh_hardening", {"window": WINDOW}, victim.ecdsa_only())
    assert run.failed
    assert f"sshd of {victim.address} was changed" in run.said
    assert "ost key verification failed" in run.said
    assert "restored itself at once" in run.said
    assert f"removed {DROPIN}" in run.said
    assert "the login works again" in run.said
    assert_as_before(victim)
    assert victim.litter() == ""


def test_without_any_connection_the_deadline_reverts(victim):
    run = victim.run("ssh_hardening", {"window": WINDOW}, victim.ecdsa_only(), ansible_ssh_args="-o ControlMaster=no")
    assert run.failed
    assert "has restored itself at the end of the window, on its own: restoring at runtime" in run.said
    assert "the login works again" in run.said
    assert_as_before(victim)


def test_a_killed_controller_changes_nothing_for_long(victim):
    run = victim.start("ssh_hardening", {"window": WINDOW}, victim.ecdsa_only())
    run.until_armed()
    began = time.monotonic()
    run.kill()
    assert "passwordauthentication no" in victim.console("sshd -T")
    victim.until_restored(WINDOW + 10)
    assert time.monotonic() - began < WINDOW + 12
    assert_as_before(victim)
    # The next run tells what happened, goes through, and cleans up.
    told = victim.run("ssh_hardening", {})
    assert not told.failed, told.output
    assert "was not confirmed, and this host undid it" in told.said, told.output
    assert victim.litter() == ""
    assert "was not confirmed" not in victim.run("ssh_hardening", {}).said


def test_a_reboot_within_the_window_restores(victim):
    run = victim.start("ssh_hardening", {"window": 600}, victim.ecdsa_only())
    run.until_armed()
    run.kill()
    assert victim.console(f"ls {DROPIN}")
    victim.power_cycle()
    assert_as_before(victim)
    assert "restoring at boot" in victim.console("cat /var/lib/lockstep/guard/*/report")


def test_a_confirmation_after_the_deadline_loses(victim):
    run = victim.start("ssh_hardening", {"window": 10})
    run.until_armed()
    run.freeze()
    time.sleep(12)
    run.thaw()
    run.wait()
    assert run.failed
    assert "too late" in run.said and f"removed {DROPIN}" in run.said
    assert_as_before(victim)


def test_a_timer_that_somebody_removed_is_made_up_for_by_the_next_run(victim):
    run = victim.start("ssh_hardening", {"window": 10}, victim.ecdsa_only())
    run.until_armed()
    run.kill()
    victim.console("systemctl stop 'lockstep-guard-*.timer'")
    again = victim.run("ssh_hardening", {"window": 10}, victim.ecdsa_only())
    assert again.failed and "undid it" in again.said, again.output
    assert_as_before(victim)


def test_a_login_without_a_key_is_refused_before_any_change(victim):
    before = victim.console("find /etc/ssh -type f | sort | xargs sha256sum")
    run = victim.run(
        "ssh_hardening", {"window": WINDOW}, ansible_ssh_private_key_file="/nonexistent",
        ansible_password="ops-first-contact", ansible_ssh_password_mechanism="ssh_askpass",
    )
    assert run.failed
    assert "nothing was changed, because the login account would not get in with a key" in run.said
    assert victim.console("find /etc/ssh -type f | sort | xargs sha256sum") == before


@pytest.mark.parametrize(
    ("path", "text", "says"),
    [
        ("99-late.conf", "AllowUsers nobody", "99-late.conf line 1: AllowUsers nobody"),
        ("99-late.conf", "DenyUsers ops", "denyusers names ops"),
        ("99-late.conf", "Match User ops\nAuthenticationMethods publickey,password", "asks for more than a key"),
        ("00-aaa.conf", "KexAlgorithms curve25519-sha256", "00-aaa.conf line 1: KexAlgorithms curve25519-sha256"),
        ("00-aaa.conf", "Match User legacy\nPasswordAuthentication yes", "00-aaa.conf line 2: PasswordAuthenticat"),
        ("99-late.conf", "Frobnicate yes", "Bad configuration option: Frobnicate"),
        ("99-late.conf", "KexAlgorithms nosuch", "broken before this run"),
    ],
)
def test_what_would_lock_out_or_void_the_change_is_refused_by_name(victim, path, text, says):
    file = f"/etc/ssh/sshd_config.d/{path}"
    victim.console(f"printf '%s\\n' '{text}' > {file}")
    try:
        run = victim.run("ssh_hardening", {})
        assert run.failed and says in run.said, run.output
        assert not victim.console(f"ls {DROPIN} 2>/dev/null", check=False)
    finally:
        victim.console(f"rm {file}")


def test_match_blocks_and_cloud_init_do_not_bring_passwords_back(victim):
    late, first = "/etc/ssh/sshd_config.d/99-late.conf", "/etc/ssh/sshd_config.d/00-aaa.conf"
    victim.console(
        f"printf 'Match User legacy\\n PasswordAuthentication yes\\nMatch Address 10.0.0.0/8\\n "
        f"KbdInteractiveAuthentication yes\\n PermitRootLogin yes\\n' > {late}; "
        f"echo PasswordAuthentication yes > {first}"
    )
    try:
        run = victim.run("ssh_hardening", {})
        assert not run.failed, run.output
        for account in ("legacy", "root", "ops"):
            offered = victim.login("-o", "PreferredAuthentications=none", "-l", account).stderr
            assert "(publickey)" in offered, offered
    finally:
        victim.console(f"rm {late} {first}")


def test_a_main_file_without_include_reads_us_first_and_is_given_back(victim):
    main = "/etc/ssh/sshd_config"
    victim.console(f"cp -a {main} /root/main && sed -i '/^Include/d' {main}")
    try:
        assert not victim.run("ssh_hardening", {}).failed
        assert victim.console(f"sed -n 2p {main}") == f"Include {DROPIN}"
        assert "passwordauthentication no" in victim.console("sshd -T")
        assert not victim.run("ssh_hardening", {"state": "absent"}).failed
        assert victim.console(f"grep -v ^Include /root/main | cmp - {main} && echo same") == "same"
    finally:
        victim.console(f"mv /root/main {main}")


def test_a_password_is_refused_on_the_wire(victim):
    assert not victim.run("ssh_hardening", {}).failed
    script = victim.scratch / "answer"
    script.write_text("#!/bin/sh\necho legacy-password\n")
    script.chmod(0o700)
    for method in ("password", "keyboard-interactive"):
        done = subprocess.run(
            [
                "setsid", "ssh", "-F", "none", "-o", f"UserKnownHostsFile={victim.known_hosts}",
                "-o", "NumberOfPasswordPrompts=1", "-o", f"PreferredAuthentications={method}",
                f"legacy@{victim.address}", "true",
            ],
            env={"SSH_ASKPASS": str(script), "SSH_ASKPASS_REQUIRE": "force", "PATH": "/usr/bin:/bin"},
            capture_output=True, text=True, timeout=60, check=False, stdin=subprocess.DEVNULL,
        )
        assert done.returncode == 255 and "Permission denied (publickey)" in done.stderr, done.stderr


def test_a_connection_that_is_not_ssh_confirms_by_a_probe(victim):
    run = victim.run("ssh_hardening", {}, ansible_connection="elsewhere", flags="-v")
    assert not run.failed and '"confirmed_by": "probe"' in run.said, run.output
    assert victim.litter() == ""
