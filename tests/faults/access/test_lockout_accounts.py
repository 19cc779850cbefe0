# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ways of locking oneself out with the login account: its home, its key, its state, its sudo."""

from __future__ import annotations

import time

import pytest

from faults.access import lockout
from faults.access.lockout import DROPIN, LATE, WINDOW, Refusal

pytestmark = pytest.mark.usefixtures("bare")

PASSWORD = {"ansible_password": "ops-first-contact", "ansible_ssh_password_mechanism": "ssh_askpass"}
NO_KEY = "nothing was changed, because the login account would not get in with a key"
IGNORED = "sshd ignores the keys in /home/ops/.ssh/authorized_keys"


def test_an_account_whose_key_does_not_work_is_refused(victim, note):
    keys = "/home/ops/.ssh/authorized_keys"
    lockout.refusals(
        victim,
        [
            Refusal("home with bad permissions", "`chmod 777 /home/ops`; the run logs in by password", IGNORED,
                    sabotage="chmod 777 /home/ops", repair="chmod 700 /home/ops"),
            Refusal("home of somebody else", "`chown legacy /home/ops`; the run logs in by password", IGNORED,
                    sabotage="chown legacy /home/ops", repair="chown ops /home/ops"),
            Refusal("no key on the host", "`authorized_keys` is gone; the run logs in by password", "ops has no key in",
                    sabotage=f"mv {keys} {keys}.away", repair=f"mv {keys}.away {keys}"),
            Refusal("a key that may not run a shell", "`command=\"/bin/false\"` before the key; the run logs in by password",
                    NO_KEY, sabotage=f"cp -a {keys} {keys}.away; sed -i 's,^,command=\"/bin/false\" ,' {keys}",
                    repair=f"mv {keys}.away {keys}"),
        ],
        note, lockout.pinned(victim), **PASSWORD,
    )


def test_an_account_that_is_closed_is_refused(victim, note):
    lockout.plant(victim, "/etc/ssh/sshd_config.d/99-late.conf", "UsePAM no")
    victim.console("systemctl reload ssh; sleep 1")
    config = lockout.pinned(victim)
    # The run's connection is open before; none could be opened after.
    assert not victim.run("firewall", {"state": "absent"}, config).failed
    lockout.refusals(
        victim,
        [
            Refusal("locked account", "`usermod --lock` and `UsePAM no`; the run's connection was open before",
                    "ops is locked (its password begins with '!')",
                    sabotage="usermod --lock ops", repair="usermod --unlock ops"),
        ],
        note, config,
    )


def test_nobody_may_log_in_is_refused(victim, note):
    config = lockout.pinned(victim)
    assert not victim.run("firewall", {"state": "absent"}, config).failed
    lockout.refusals(
        victim,
        [
            Refusal("`/etc/nologin`", "it is there; the run's connection was open before", "/etc/nologin exists",
                    sabotage="touch /etc/nologin", repair="rm /etc/nologin"),
        ],
        note, config,
    )


def test_the_home_goes_bad_in_the_window(victim, moved, note):
    before = lockout.state(victim)
    config = lockout.interfering(victim, lockout.pinned(victim), "chmod 777 /home/ops")
    run = victim.run("ssh_hardening", {"window": WINDOW}, config)
    assert lockout.attacked(victim) and run.failed and "restored itself at once" in run.said, run.output
    assert "but the login is not proven to work again" in run.said and "Permission denied" in run.said, run.output
    assert not victim.lets_in("-o", f"BindAddress={moved.second}")
    assert lockout.state(victim) == before and victim.litter() == ""
    # Debian 13's sshd lets a source in again some seconds after its logins have failed (PerSourcePenalties).
    time.sleep(25)
    # The way in that the change had closed is open again: with the password.
    afresh = lockout.pinned(victim) + f"  ControlPath {victim.scratch}/other\n"
    by_password = victim.run("firewall", {"state": "absent"}, afresh, ansible_ssh_args="", **PASSWORD)
    assert not by_password.failed, by_password.output
    victim.console("chmod 700 /home/ops")
    note(
        "home with bad permissions",
        "`chmod 777` in the window",
        "restored at once; the key fails still, the password works again",
    )


def test_sudo_asks_for_a_password_in_the_window(victim, note):
    before = lockout.state(victim)
    config = lockout.interfering(victim, lockout.pinned(victim), "rm /etc/sudoers.d/*")
    run = victim.run("ssh_hardening", {"window": WINDOW}, config)
    assert lockout.attacked(victim) and run.failed and "got in, but sudo failed" in run.said, run.output
    assert "at the end of the window" in run.said, run.output
    victim.until_restored(LATE)
    assert lockout.state(victim) == before and not victim.console(f"ls {DROPIN} 2>/dev/null", check=False)
    note("sudo begins to ask for a password", "its rules are removed in the window", "restored at the end of the window")


def test_become_with_a_password(victim, note):
    victim.console("rm /etc/sudoers.d/*")
    wrong = victim.run("ssh_hardening", {"window": WINDOW}, ansible_become_password="wrong")
    assert wrong.failed and not victim.console(f"ls {DROPIN} 2>/dev/null", check=False), wrong.output
    run = victim.run("ssh_hardening", {}, verbose=True, ansible_become_password="ops-first-contact")
    assert not run.failed and '"confirmed_by": "fresh_login"' in run.said, run.output
    assert victim.litter() == ""
    note(
        "sudo asks for a password",
        "a wrong one, then the right one",
        "refused by sudo; then confirmed by a fresh login that became root with it",
    )


def test_a_password_beside_the_key(victim, note):
    run = victim.run("ssh_hardening", {}, verbose=True, **PASSWORD)
    assert not run.failed and '"confirmed_by": "fresh_login"' in run.said, run.output
    assert victim.litter() == "" and victim.lets_in()
    note("`ansible_password` and a key", "both are given, both work", "stayed: confirmed by the key alone")
