# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ways of locking oneself out, or of undoing the hardening, with the configuration files of sshd."""

from __future__ import annotations

import pytest

from faults.access import lockout
from faults.access.lockout import DROPIN, LATE as SECONDS_LATE, WINDOW, Refusal

pytestmark = pytest.mark.usefixtures("bare")

MAIN = "/etc/ssh/sshd_config"
FIRST, LATE, CLOUD = (f"/etc/ssh/sshd_config.d/{name}.conf" for name in ("00-aaa", "99-late", "50-cloud-init"))


def offered(victim, moved, account: str) -> str:
    """What a connection without a key is told; it comes from another address, for sshd may hold failures against it."""
    return victim.login("-o", "PreferredAuthentications=none", "-o", f"BindAddress={moved.second}", "-l", account).stderr


def test_whoever_brings_passwords_back_is_beaten(victim, moved, note):
    assert "password" in offered(victim, moved, "legacy")
    passwords = "PasswordAuthentication yes\nKbdInteractiveAuthentication yes\nPermitRootLogin yes"
    lockout.plant(victim, FIRST, passwords)
    lockout.plant(victim, LATE, f"Match User legacy\n{passwords}\nMatch Address 10.0.0.0/8\n{passwords}")
    victim.console(f"printf 'Match User root\\n{passwords}\\nMatch Address *\\n{passwords}\\n' >> {MAIN}".replace("\n", "\\n"))
    # cloud-init writes its file again and has sshd read it, in the middle of the change.
    cloud_init = f"echo 'PasswordAuthentication yes' > {CLOUD}; echo '# again' >> {CLOUD}; systemctl reload ssh; sleep 1"
    run = victim.run("ssh_hardening", {}, lockout.interfering(victim, lockout.pinned(victim), cloud_init))
    assert not run.failed, run.output
    assert lockout.attacked(victim) and "# again" in victim.console(f"cat {CLOUD}")
    for account in ("legacy", "root", "ops"):
        assert "(publickey)" in offered(victim, moved, account)
    assert victim.lets_in() and victim.litter() == ""
    stayed = "stayed: key-only on the wire for ops, root and legacy"
    note(
        "cloud-init brings passwords back",
        f"`{CLOUD}` is written and sshd reloaded, before the run and in its window",
        stayed,
    )
    note("`00-aaa.conf` sorts before ours", "it allows passwords and root, globally", stayed)
    note("`Match` in the main file", "`Match User root` and `Match Address *` at its end allow passwords", stayed)
    note("`Match` in a later drop-in", "`Match User` and `Match Address` in `99-late.conf` allow passwords", stayed)


def refusal(attack: str, path: str, text: str, says: str) -> Refusal:
    """An attack by a file, which is named in the error."""
    done = f"`{path.rpartition('/')[2]}`: `{text}`".replace("\n", "; ")
    return Refusal(attack, done, says, sabotage=f"printf '%s\\n' '{text}' > {path}", repair=f"rm -f {path}")


def test_what_would_lock_out_or_void_the_change_is_refused_by_name(victim, note):
    lockout.refusals(
        victim,
        [
            refusal("`Match User` before ours", FIRST, "Match User legacy\nPasswordAuthentication yes",
                    "00-aaa.conf line 2: PasswordAuthentication yes (under 'Match User legacy')"),
            refusal("`Match Address` before ours", FIRST, "Match Address 192.0.2.0/24\nKbdInteractiveAuthentication yes",
                    "00-aaa.conf line 2: KbdInteractiveAuthentication yes (under 'Match Address 192.0.2.0/24')"),
            refusal("a weak list of algorithms before ours", FIRST, "KexAlgorithms diffie-hellman-group14-sha256",
                    "00-aaa.conf line 1: KexAlgorithms diffie-hellman-group14-sha256"),
            refusal("a second factor", LATE, "Match User ops\nAuthenticationMethods publickey,password",
                    "asks for more than a key"),
            refusal("an unknown key exchange", LATE, "KexAlgorithms nosuch-kex", "Bad SSH2 KexAlgorithms 'nosuch-kex'"),
            refusal("somebody's `AllowUsers`, not read yet", LATE, "AllowUsers nobody",
                    "99-late.conf line 1: AllowUsers nobody"),
            refusal("the place of keys, not read yet", LATE, "AuthorizedKeysFile none",
                    "99-late.conf line 1: AuthorizedKeysFile none"),
            refusal("SSH's port, not read yet", LATE, "Port 2222", "99-late.conf line 1: Port 2222"),
            refusal("`UsePAM` for a locked account, not read yet", LATE, "UsePAM no", "99-late.conf line 1: UsePAM no"),
            Refusal("our own wrong `AllowUsers`", "`allow_users: [alice]`", "allow_users ['alice'] does not name ops",
                    options={"allow_users": ["alice"]}),
            Refusal("our own wrong `AllowGroups`", "`allow_groups: [wheel]`", "ops is in none of allow_groups",
                    options={"allow_groups": ["wheel"]}),
        ],
        note,
    )


def test_sshd_does_not_reload(victim, note):
    lockout.plant(victim, "/etc/systemd/system/ssh.service.d/attack.conf", "[Service]\nExecReload=\nExecReload=/bin/false")
    victim.console("systemctl daemon-reload")
    before = lockout.state(victim)
    run = victim.run("ssh_hardening", {"window": WINDOW})
    assert run.failed and "systemctl reload ssh.service failed" in run.said, run.output
    assert "The host has restored itself" in run.said and f"removed {DROPIN}" in run.said, run.output
    assert lockout.state(victim) == before and victim.litter() == "" and victim.lets_in()
    note("sshd cannot be reloaded", "`ExecReload=/bin/false`", "restored at once, before anybody noticed")


def test_sshd_is_gone_after_the_reload(victim, note):
    # As if its binary or a library had just been replaced: it obeys, ends, and cannot start with our file in place.
    lockout.plant(
        victim, "/etc/systemd/system/ssh.service.d/attack.conf",
        f"[Service]\nExecReload=\nExecReload=/bin/kill -TERM $MAINPID\nExecStartPre=/usr/bin/test ! -e {DROPIN}\nRestart=no",
    )
    victim.console("systemctl daemon-reload")
    before = lockout.state(victim)
    run = victim.run("ssh_hardening", {"window": WINDOW})
    assert run.failed and "Connection refused" in run.said and "restored itself at once" in run.said, run.output
    assert "the login works again" in run.said, run.output
    assert lockout.state(victim) == before and victim.litter() == ""
    note(
        "sshd is gone after the reload",
        "it ends on reload and cannot start with our file",
        "restored at once, over the open connection",
    )


def test_sshd_moves_to_a_port_that_is_closed(victim, note):
    victim.console(
        "nft 'add table inet closed; add chain inet closed input { type filter hook input priority 0; policy accept; }; "
        "add rule inet closed input tcp dport 2222 drop'"
    )
    before = lockout.state(victim)
    run = victim.run("ssh_hardening", {"window": WINDOW, "ports": [2222]})
    assert run.failed and "the new port 2222 does not let this controller in" in run.said, run.output
    assert "restored itself at once" in run.said and "the login works again" in run.said, run.output
    assert lockout.state(victim) == before and victim.litter() == ""
    note("sshd moves to a closed port", "`ports: [2222]`, and somebody's rules drop it", "restored at once; the old port was never left")


def test_the_controller_dies_while_sshd_moves(victim, note):
    before = lockout.state(victim)
    run = victim.start("ssh_hardening", {"window": WINDOW, "ports": [2222]})
    run.until_armed()
    run.kill()
    seconds = victim.wait_until_it_lets_in(WINDOW + SECONDS_LATE)
    victim.until_restored(WINDOW + SECONDS_LATE)
    assert lockout.state(victim) == before
    note("the controller is killed while sshd moves", "between listening on both ports and leaving the old one",
         f"restored at the end of the window; a login succeeded {seconds:.0f} s after the kill")
