# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""The user's own tasks lock everybody out under access_guard: the host restores all of it, what joined included."""

from __future__ import annotations

import json
import time
import typing as t

import pytest

from faults.access.attack import Host, Run

WINDOW = 15
LOCKED = "/etc/ssh/sshd_config.d/01-nobody.conf"
DROPIN = "/etc/ssh/sshd_config.d/00-lockstep.conf"
MODULE = "lockstep.gpufleet.access_guard"

ARM = {"name": "Save", MODULE: {"paths": [LOCKED, "/etc/motd"], "units": ["ssh.service"], "window": 120}}
ARM_BRIEFLY = {"name": "Save", MODULE: {**ARM[MODULE], "window": WINDOW}}
MOTD = {"name": "Greet", "ansible.builtin.copy": {"content": "changed\n", "dest": "/etc/motd", "mode": "0644"}}
LOCK = {"name": "Lock", "ansible.builtin.copy": {"content": "AllowUsers nobody\n", "dest": LOCKED, "mode": "0644"}}
RELOAD = {"name": "Reload", "ansible.builtin.service": {"name": "ssh", "state": "reloaded"}}
HARDEN = {"name": "Harden", "lockstep.gpufleet.ssh_hardening": {}}
WALL = {"name": "Wall", "lockstep.gpufleet.firewall": {}}
CONFIRM = {"name": "Keep", MODULE: {"state": "confirmed"}}
REVERT = {"name": "Undo", MODULE: {"state": "reverted"}, "register": "undone"}
TELL = {"name": "Tell", "ansible.builtin.debug": {"msg": "UNDONE {{ undone.guard_report | join('; ') }}"}}

SAY = {"name": "Say", "ansible.builtin.debug": {"msg": "NOW"}}


def pause(seconds: int) -> dict[str, t.Any]:
    """A task that takes that long."""
    return {"name": "Pause", "ansible.builtin.wait_for": {"timeout": seconds}}


def rescued(*tasks: dict[str, t.Any]) -> dict[str, t.Any]:
    """The tasks as a block that reverts in its rescue."""
    return {"name": "All or nothing", "block": list(tasks), "rescue": [REVERT, TELL]}


def start(host: Host, *tasks: dict[str, t.Any], **variables: t.Any) -> Run:
    """Start a run of these tasks."""
    play = [{"name": "Attack", "hosts": "all", "gather_facts": False, "tasks": list(tasks)}]
    return Run(host.start_playbook(json.dumps(play), **variables).process, host)


def run(host: Host, *tasks: dict[str, t.Any], **variables: t.Any) -> Run:
    """Run these tasks to the end."""
    started = start(host, *tasks, **variables)
    started.wait()
    return started


@pytest.fixture(autouse=True)
def as_it_comes(victim: Host) -> t.Iterator[None]:
    """Nothing is hardened, no table is there, and the message of the day is the old one."""
    def clean() -> None:
        victim.console(
            f"rm -f {DROPIN} {LOCKED}; echo old > /etc/motd; systemctl reload ssh; systemctl stop lockstep-firewall 2>/dev/null; "
            "cd /etc/systemd/system; rm -rf /etc/lockstep *.wants/lockstep-firewall* lockstep-firewall*; "
            "systemctl daemon-reload; nft delete table inet lockstep 2>/dev/null; true"
        )

    clean()
    yield
    clean()


def assert_as_before(host: Host) -> None:
    """Everything that the guard covered, and what joined it, is as it was, also after the next boot."""
    assert host.console("cat /etc/motd") == "old"
    assert not host.console(f"ls {DROPIN} {LOCKED} 2>/dev/null", check=False)
    assert "table inet lockstep" not in host.console("nft list tables").splitlines()
    assert not host.console("ls /etc/lockstep /etc/systemd/system/lockstep-firewall* 2>/dev/null", check=False)
    host.wait_until_it_lets_in(10)


def test_tasks_that_lock_out_are_reverted_at_once_with_all_that_joined(victim):
    done = run(victim, rescued(ARM, MOTD, WALL, HARDEN, LOCK, RELOAD, CONFIRM))
    assert "was changed under the guard access_guard-" in done.said, done.output
    assert "ops with keys only failed" in done.said
    assert "restored itself at once" in done.said and "the login works again" in done.said
    for line in ("put back the nftables table inet lockstep", "put back /etc/motd", f"removed {DROPIN}", f"removed {LOCKED}"):
        assert line in done.said, done.output
    assert_as_before(victim)
    assert victim.litter() == ""


def test_a_module_that_joined_and_locks_out_takes_the_whole_guard_back(victim):
    done = run(victim, rescued(ARM, MOTD, LOCK, HARDEN, CONFIRM))
    # The user's file is read first when sshd reads its files again, which is refused by name, before that module's change.
    assert "01-nobody.conf line 1: AllowUsers nobody" in done.said, done.output
    assert "UNDONE restoring at runtime" in done.said and f"removed {LOCKED}" in done.said
    assert_as_before(victim)
    assert victim.litter() == ""


def test_a_killed_controller_leaves_nothing_of_it(victim):
    arm = {**ARM, MODULE: {**ARM[MODULE], "window": 120}}
    going = start(victim, arm, MOTD, HARDEN, WALL, LOCK, RELOAD, SAY, pause(60))
    going.until("NOW", 200)
    going.kill()
    assert not victim.lets_in()
    victim.until_restored(135)
    assert_as_before(victim)
    told = run(victim, HARDEN)
    assert not told.failed and "an earlier change by access_guard was not confirmed" in told.said, told.output
    assert victim.litter() == ""


def test_a_reboot_in_between_leaves_nothing_of_it(victim):
    arm = {**ARM, MODULE: {**ARM[MODULE], "window": 600}}
    going = start(victim, arm, MOTD, HARDEN, WALL, LOCK, RELOAD, SAY, pause(60))
    going.until("NOW", 200)
    going.kill()
    # Nothing of a firewall that is not confirmed is there for the next boot.
    assert not victim.console("ls /etc/lockstep /etc/systemd/system/lockstep-firewall* 2>/dev/null", check=False)
    victim.power_cycle()
    assert_as_before(victim)
    assert "restoring at boot" in victim.console("cat /var/lib/lockstep/guard/*/report")


def test_what_joined_is_saved_for_the_next_boot_once_confirmed(victim):
    done = run(victim, ARM, MOTD, HARDEN, WALL, CONFIRM)
    assert not done.failed, done.output
    assert victim.litter() == ""
    victim.power_cycle()
    assert victim.console("cat /etc/motd") == "changed"
    assert "table inet lockstep" in victim.console("nft list tables").splitlines()
    assert "changed=0" in run(victim, ARM, MOTD, HARDEN, WALL, CONFIRM).said


def test_tasks_that_take_longer_than_the_window_end_with_nothing_changed(victim):
    done = run(victim, rescued(ARM_BRIEFLY, MOTD, pause(WINDOW + 4), HARDEN, CONFIRM))
    assert f"was not confirmed within its {WINDOW} seconds, and the host has restored itself, so nothing more was" in done.said
    assert "UNDONE restoring at runtime" in done.said and "put back /etc/motd" in done.said, done.output
    assert_as_before(victim)
    assert victim.litter() == ""


def test_a_confirmation_after_the_window_says_what_was_put_back(victim):
    done = run(victim, ARM_BRIEFLY, MOTD, pause(WINDOW + 4), CONFIRM)
    assert done.failed and "was not confirmed within" in done.said and "put back /etc/motd" in done.said, done.output
    assert_as_before(victim)


def test_one_run_arms_one_guard_at_a_time_and_can_arm_another_one_later(victim):
    done = run(victim, rescued(ARM, ARM))
    assert "this run has already armed the guard access_guard-" in done.said, done.output
    assert victim.litter() == ""
    again = run(victim, ARM, CONFIRM, ARM, REVERT)
    assert not again.failed, again.output
    assert victim.litter() == ""


def test_another_run_waits_for_the_end_of_the_guard(victim):
    first = start(victim, ARM_BRIEFLY, MOTD, SAY, pause(60))
    first.until("NOW", 200)
    second = start(victim, HARDEN)
    time.sleep(3)
    assert second.process.poll() is None
    first.kill()
    second.wait()
    assert not second.failed, second.output
    assert "an earlier change by access_guard was not confirmed" in second.said and "put back /etc/motd" in second.said
    assert victim.console("cat /etc/motd") == "old"
    assert victim.console(f"ls {DROPIN}")


def test_check_mode_arms_nothing_and_has_nothing_to_confirm(victim):
    check = {"check_mode": True}
    done = run(victim, {**ARM, **check}, {**CONFIRM, **check})
    assert not done.failed and "changed=0" in done.said, done.output
    assert victim.litter() == ""


def test_without_a_key_no_guard_is_armed(victim):
    done = run(
        victim, ARM, ansible_ssh_private_key_file="/nonexistent", ansible_password="ops-first-contact",
        ansible_ssh_password_mechanism="ssh_askpass",
    )
    assert done.failed and "no guard was armed, because no login could confirm it later" in done.said, done.output
    assert victim.litter() == ""


@pytest.fixture
def nft_that_takes_long(victim: Host) -> t.Iterator[t.Callable[[str], None]]:
    """Have nft do something before it loads a table: the module is at work when its window ends."""
    def put(first: str) -> None:
        wrapper = f'#!/bin/sh\nif [ "$1 $2" = "-f -" ]; then {first}; fi\nexec /root/nft "$@"\n'
        victim.console(
            f"cp /usr/sbin/nft /root/nft && printf '%s' '{wrapper}' > /root/slow && chmod 755 /root/slow && "
            "mount --bind /root/slow /usr/sbin/nft"
        )

    yield put
    victim.console("umount /usr/sbin/nft; rm -f /root/nft /root/slow", check=False)


@pytest.mark.parametrize("first", ["sleep 25", "kill -STOP $PPID; sleep 25"], ids=["slow", "frozen"])
def test_a_module_that_is_slow_or_frozen_changes_nothing_after_the_restore(victim, nft_that_takes_long, first):
    nft_that_takes_long(first)
    done = victim.run("firewall", {"window": 10})
    assert done.failed, done.output
    assert "the change of the firewall of" in done.said and "was cut off" in done.said, done.output
    assert "which was still changing this host" in done.said, done.output
    time.sleep(20)  # until nft would have loaded the table
    assert_as_before(victim)
    assert victim.litter() == ""


def test_a_module_that_is_frozen_while_it_arms_keeps_others_out_with_an_error(victim):
    victim.console("mkdir -p /var/lib/lockstep/guard; systemd-run --unit=holder flock /var/lib/lockstep/guard sleep 120")
    try:
        done = victim.run("firewall", {})
        assert done.failed and "has held the lock of /var/lib/lockstep/guard for 60 seconds" in done.said, done.output
        assert_as_before(victim)
    finally:
        victim.console("systemctl stop holder")


def test_tasks_that_go_on_after_the_window_are_undone_too(victim):
    done = run(victim, rescued(ARM_BRIEFLY, MOTD, pause(WINDOW + 4), MOTD, LOCK, RELOAD, CONFIRM))
    assert "was not confirmed within" in done.said and "restoring again" in done.said, done.output
    assert f"removed {LOCKED}" in done.said
    assert_as_before(victim)
    assert victim.litter() == ""


def test_a_lock_out_after_the_window_by_a_run_that_is_then_killed_is_undone_too(victim):
    going = start(victim, ARM_BRIEFLY, MOTD, pause(WINDOW + 4), LOCK, RELOAD, SAY, pause(60))
    going.until("NOW", 200)
    going.kill()
    assert not victim.lets_in()
    victim.wait_until_it_lets_in(60)
    assert_as_before(victim)
    told = run(victim, {"name": "Look", "lockstep.gpufleet.firewall": {}, "check_mode": True})
    assert "restoring again" in told.said and f"removed {LOCKED}" in told.said, told.output
