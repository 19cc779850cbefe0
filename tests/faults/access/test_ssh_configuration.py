# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Configurations of others around ours: what beats ours is refused by name, what does not is left alone."""

from __future__ import annotations

import subprocess

import pytest

from faults.access.attack import Host
from faults.hosts import KEY

MAIN = "/etc/ssh/sshd_config"
DROPIN = "/etc/ssh/sshd_config.d/00-lockstep.conf"


@pytest.fixture(autouse=True)
def soft(victim: Host):
    """Hosts are attacked as they come, and left so."""
    victim.console(
        f"rm -f {DROPIN}; cp -a /etc/ssh /root/etc-ssh; cp -a /etc/default/ssh /root/default-ssh; systemctl reload ssh"
    )
    yield
    victim.console(
        "rm -rf /etc/ssh /etc/crypto-policies; mv /root/etc-ssh /etc/ssh; mv /root/default-ssh /etc/default/ssh; "
        "systemctl reset-failed ssh; systemctl restart ssh"
    )


def put(host: Host, files: dict[str, str]) -> None:
    for path, text in files.items():
        host.console(f"mkdir -p $(dirname {path}); cat > {path} <<'X'\n{text}\nX")


@pytest.mark.parametrize(
    ("files", "says"),
    [
        (
            {"/etc/ssh/sshd_config.d/00-aaa.conf": "Include /etc/ssh/nested/*.conf",
             "/etc/ssh/nested/x.conf": "\n# far away\nMatch Address 2001:db8::/32,!2001:db8::/48\n  PasswordAuthentication yes"},
            "because of /etc/ssh/nested/x.conf line 4: PasswordAuthentication yes (under 'Match Address",
        ),
        (
            {"/etc/ssh/sshd_config.d/00-aaa.conf": "Match Group sudo,!root LocalPort 22\n  KbdInteractiveAuthentication yes"},
            "00-aaa.conf line 2: KbdInteractiveAuthentication yes",
        ),
        (
            {"/etc/ssh/sshd_config.d/00-aaa.conf": "Match User *,!ops Host *.example.org\n  AllowTcpForwarding yes"},
            "allowtcpforwarding would be 'yes' instead of 'local' for",
        ),
        (
            {"/etc/default/ssh": "# mine\nSSHD_OPTS=-o Ciphers=aes128-ctr"},
            "because of /etc/default/ssh line 2: SSHD_OPTS=-o Ciphers=aes128-ctr",
        ),
        (
            {"/etc/default/ssh": "SSHD_OPTS=-f /etc/ssh/other"},
            "/etc/default/ssh line 1: SSHD_OPTS=-f /etc/ssh/other. Remove the option -f",
        ),
        (
            {"/etc/crypto-policies/back-ends/opensshserver.config": "KexAlgorithms ecdh-sha2-nistp256"},
            "the crypto policy of this host (/etc/crypto-policies/back-ends/opensshserver.config) allows none",
        ),
    ],
)
def test_what_beats_ours_is_refused_by_name(victim, files, says):
    put(victim, files)
    run = victim.run("ssh_hardening", {})
    assert run.failed and says in run.said, run.output
    assert not victim.console(f"ls {DROPIN} 2>/dev/null", check=False)


def test_what_does_not_beat_ours_is_left_alone_and_what_cannot_be_sampled_is_said(victim):
    put(
        victim,
        {
            "/etc/ssh/sshd_config.d/99-late.conf":
            'Match User "legacy"\n  PasswordAuthentication yes\nMatch LocalAddress 10.0.0.0/8\n  PermitRootLogin yes\n'
            "Match Group emptyhanded\n  X11Forwarding yes",
            "/etc/default/ssh": "SSHD_OPTS=-o PasswordAuthentication=yes",
            "/etc/crypto-policies/back-ends/opensshserver.config": "Ciphers aes256-gcm@openssh.com,aes128-gcm@openssh.com\n"
            "RequiredRSASize 3072",
        },
    )
    victim.console("systemctl restart ssh")
    run = victim.run("ssh_hardening", {"allow_users": ["ops", "legacy", "later"]}, flags="-v")
    assert not run.failed, run.output
    assert '"unproven": ["/etc/ssh/sshd_config.d/99-late.conf line 5: Match Group emptyhanded"]' in run.said, run.output
    assert "allow_users names legacy, which has no key that sshd reads" in run.said, run.output
    assert "allow_users names later, but this host has no such account" in run.said, run.output
    shown = victim.console("sshd -T")
    assert "ciphers aes256-gcm@openssh.com,aes128-gcm@openssh.com" in shown.splitlines()
    assert "requiredrsasize 3072" in shown.splitlines()
    for account in ("legacy", "root", "ops"):
        said = victim.login("-o", "PreferredAuthentications=none", "-l", account).stderr
        assert "(publickey)" in said, said


def test_without_run_sshd_nothing_is_different(victim):
    # A connection that is open already; new ones need the directory, which a socket's sshd has while it runs.
    assert not victim.run("ssh_hardening", {}, flags="--check").failed
    victim.console("mv /run/sshd /run/sshd.away")
    try:
        run = victim.run("ssh_hardening", {}, flags="--check")
        assert not run.failed and "changed=1" in run.said, run.output
        assert not victim.console("ls -d /run/sshd 2>/dev/null", check=False)
    finally:
        victim.console("mv /run/sshd.away /run/sshd")


def test_exceptions_hold_for_whom_they_name_and_nobody_else(victim):
    exceptions = [{"match": "User legacy Address 10.88.0.0/16", "settings": {"PasswordAuthentication": True, "PermitTTY": False}}]
    run = victim.run("ssh_hardening", {"exceptions": exceptions}, flags="-v")
    assert not run.failed and '"offered_methods": ["publickey"]' in run.said, run.output
    assert "legacy from 10.88." in run.said
    for account, offer in (("legacy", "(publickey,password)"), ("ops", "(publickey)")):
        said = victim.login("-o", "PreferredAuthentications=none", "-l", account).stderr
        assert offer in said, said
    assert "changed=0" in victim.run("ssh_hardening", {"exceptions": exceptions}).said


def test_an_exception_for_the_login_account_itself_is_what_it_is_offered(victim):
    exceptions = [{"match": "User ops", "settings": {"PasswordAuthentication": "yes"}}]
    run = victim.run("ssh_hardening", {"exceptions": exceptions}, flags="-v")
    assert not run.failed and '"offered_methods": ["publickey", "password"]' in run.said, run.output


def test_sftp_works_and_tunnels_lead_where_they_may(victim):
    port = victim.console("ss -Hltn 'sport = :22' | head -1 | grep -o ':22'").strip(":")
    run = victim.run("ssh_hardening", {"permit_open": ["localhost:22", "127.0.0.1:22"]})
    assert not run.failed, run.output
    common = [
        "-F", "none", "-o", f"UserKnownHostsFile={victim.known_hosts}", "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes",
        "-i", str(KEY),
    ]
    sftp = subprocess.run(
        ["sftp", *common, "-b", "-", f"ops@{victim.address}"], input="ls /etc/hostname\n",
        capture_output=True, text=True, timeout=60, check=False,
    )
    assert sftp.returncode == 0 and "/etc/hostname" in sftp.stdout, sftp.stderr
    # ssh -W is a local forward without a port on this side.
    for target, works in ((f"localhost:{port}", True), ("localhost:25", False)):
        tunnel = subprocess.run(
            ["ssh", *common, "-W", target, f"ops@{victim.address}"], input="x\n",
            capture_output=True, text=True, timeout=60, check=False,
        )
        assert ("SSH-2.0-" in tunnel.stdout) is works, tunnel.stderr
        assert works or "administratively prohibited" in tunnel.stderr, tunnel.stderr
    remote = victim.login("-o", "ExitOnForwardFailure=yes", "-R", "2345:localhost:22")
    assert remote.returncode != 0 and "remote port forwarding failed" in remote.stderr, remote.stderr


def test_absent_leaves_what_others_have_added_since(victim):
    victim.console(f"sed -i '/^Include/d' {MAIN}")
    assert not victim.run("ssh_hardening", {}).failed
    late = "/etc/ssh/sshd_config.d/70-other.conf"
    victim.console(f"echo 'Banner none' >> {MAIN}; echo 'PrintMotd no' > {late}; cp -a {MAIN} /root/main-with-ours")
    run = victim.run("ssh_hardening", {"state": "absent"}, flags="-v")
    assert not run.failed and f"remove {DROPIN}" in run.said and f"take our line out of {MAIN}" in run.said, run.output
    assert victim.console(f"tail -1 {MAIN}") == "Banner none" and victim.console(f"cat {late}") == "PrintMotd no"
    assert victim.console(f"sed 1,2d /root/main-with-ours | cmp - {MAIN} && echo same; rm /root/main-with-ours") == "same"
    assert "changed=0" in victim.run("ssh_hardening", {"state": "absent"}).said
    assert victim.litter() == ""


def test_a_converged_host_costs_one_module_call_and_no_login(victim):
    assert not victim.run("ssh_hardening", {}).failed
    before = victim.console("journalctl -u ssh --no-pager | grep -c 'Accepted publickey'")
    run = victim.start("ssh_hardening", {}, flags="-vvv")
    run.wait()
    assert not run.failed and "changed=0" in run.said, run.output
    assert run.output.count("Using module file ") == 1, run.output
    after = victim.console("journalctl -u ssh --no-pager | grep -c 'Accepted publickey'")
    # The one that the run itself is connected by, if it does not share the one before.
    assert int(after) - int(before) <= 1


def test_an_offer_of_more_than_keys_reverts(victim):
    # An sshd of somebody's own answers on the port, and never reads what is written; the unit knows nothing of it.
    victim.console(
        "cp -a /etc/ssh /root/soft-ssh; systemctl stop ssh; mkdir -p /run/sshd; "
        "sed 's|/etc/ssh/sshd_config.d|/root/soft-ssh/sshd_config.d|' /etc/ssh/sshd_config > /root/soft-ssh/sshd_config; "
        "/usr/sbin/sshd -f /root/soft-ssh/sshd_config -o PidFile=/run/soft.pid"
    )
    try:
        run = victim.run("ssh_hardening", {})
        assert run.failed
        assert "sshd offers publickey, password to a login without a key, instead of publickey alone" in run.said, run.output
        assert f"removed {DROPIN}" in run.said and "the login works again" in run.said, run.output
        assert victim.litter() == ""
    finally:
        victim.console("kill $(cat /run/soft.pid); rm -rf /root/soft-ssh; systemctl start ssh")
