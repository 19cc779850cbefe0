# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can go wrong between the change and its confirmation. Each time the controller really is locked out."""

from __future__ import annotations

import contextlib
import json
import pathlib
import subprocess
import time
import typing as t

import pytest

from faults.access import lockout
from faults.access.attack import Host
from faults.access.lockout import DROPIN, LATE, WINDOW

pytestmark = pytest.mark.usefixtures("bare")

TIMER = "systemctl show 'lockstep-guard-*.timer' --property="


def test_the_controller_is_killed_and_the_clock_does_not_matter(victim, note):
    before = lockout.state(victim)
    config = victim.ecdsa_only()
    began = lockout.locked_out(victim, "ssh_hardening", {}, config)
    # Read before the deadline: the timer counts on the clock that never jumps, and on no other.
    shown = victim.console(f"{TIMER}TimersMonotonic,TimersCalendar,AccuracyUSec")
    assert "TimersMonotonic={ OnActiveUSec=10s" in shown, shown
    assert "TimersCalendar={" not in shown and "AccuracyUSec=100ms" in shown, shown
    guard = json.loads(victim.console("cat /var/lib/lockstep/guard/*/guard.json"))
    assert 0 < guard["deadline"] - time.clock_gettime(time.CLOCK_MONOTONIC) <= WINDOW
    ended = lockout.until_back(victim, began, config=config)
    victim.until_restored(LATE)
    assert lockout.state(victim) == before
    note("the controller is killed", "after sshd's change, before its confirmation", ended)
    note(
        "the clock jumps", "not set, as all hosts share the machine's: looked at instead. The timer has `OnActiveUSec` "
        "and no calendar, the guard's deadline is on the monotonic clock", "looked at, not tried",
    )
    told = victim.run("ssh_hardening", {})
    assert not told.failed and "was not confirmed, and this host undid it" in told.said, told.output
    assert victim.litter() == ""


@contextlib.contextmanager
def noexec(host: Host) -> t.Iterator[None]:
    """/run and /var may not hold programs."""
    with lockout.on_host(
        host, "mount -o remount,noexec /run && mount --bind /var /var && mount -o remount,bind,noexec /var && "
        "cp /bin/true /run/true && cp /bin/true /var/true && ! /run/true 2>/dev/null && ! /var/true 2>/dev/null",
        "rm -f /run/true /var/true; umount --lazy /var; mount -o remount,exec /run",
    ):
        yield


def test_nothing_may_be_executed_in_run_and_var(victim, moved, note):
    before = lockout.state(victim)
    with noexec(victim):
        moved.open_master(victim)
        second = ("-o", f"BindAddress={moved.second}")
        began = lockout.locked_out(victim, "firewall", {"ssh_sources": [moved.first]}, moved.config, *second)
        ended = lockout.until_back(victim, began, *second)
        victim.until_restored(LATE)
    assert lockout.state(victim) == before
    note("the controller is killed", "after the firewall's change, before its confirmation; its address had changed", ended)
    note("`/run` and `/var` are noexec", "remounted so; then the same", ended)


def test_the_host_is_rebooted(victim, note):
    before = lockout.state(victim)
    config = victim.ecdsa_only()
    lockout.locked_out(victim, "ssh_hardening", {"window": 600}, config)
    victim.console("systemctl --no-block poweroff", check=False)
    argv, environment = victim.on_console("true")
    subprocess.run(["podman", "wait", argv[-2]], env=environment, check=True, capture_output=True, timeout=60)
    began = time.monotonic()
    victim.power_cycle()
    ended = lockout.until_back(victim, began, config=config, seconds=60)
    assert lockout.state(victim) == before
    assert "restoring at boot" in victim.console("cat /var/lib/lockstep/guard/*/report")
    note("the host is rebooted", "in order, in a window of 600 s", f"{ended} of booting")


def test_the_power_is_cut_right_after_the_change(victim, moved, note):
    before = lockout.state(victim)
    moved.open_master(victim)
    run = victim.start("firewall", {"window": 600, "ssh_sources": [moved.first]}, moved.config)
    run.until_armed()
    victim.console("until nft list table inet lockstep >/dev/null 2>&1; do :; done; touch /root/seen")
    victim.bed("kill", victim.name)
    run.kill()
    began = time.monotonic()
    victim.power_cycle()
    assert victim.console("ls /root/seen; rm /root/seen")
    ended = lockout.until_back(victim, began, "-o", f"BindAddress={moved.second}", seconds=60)
    assert lockout.state(victim) == before
    assert "restoring at boot" in victim.console("cat /var/lib/lockstep/guard/*/report")
    note("the power is cut", "with the rules loaded, in a window of 600 s", f"{ended} of booting")


@pytest.mark.parametrize(
    ("event", "text", "where"),
    [
        ("os.rename", f"'{DROPIN}'", "between arming and the change"),
        ("subprocess.Popen", "'reload'", "with the file written and sshd not told"),
    ],
)
def test_the_module_is_killed_on_the_host(victim, note, event, text, where):
    before = lockout.state(victim)
    hook = (pathlib.Path(__file__).parent / "on_host/sitecustomize.py").read_text()
    lockout.plant(victim, "/opt/attack/sitecustomize.py", hook.replace("'", '"'))
    lockout.plant(victim, "/opt/attack/die.json", json.dumps({"event": event, "text": text}).replace("'", "\\u0027"))
    lockout.plant(victim, "/opt/attack/python", '#!/bin/sh\nPYTHONPATH=/opt/attack exec /usr/bin/python3 "$@"')
    victim.console("chmod 755 /opt/attack/python")
    run = victim.run("ssh_hardening", {"window": WINDOW}, ansible_python_interpreter="/opt/attack/python")
    assert run.failed and "was cut off" in run.said and "this host undid it" in run.said, run.output
    assert (f"removed {DROPIN}" in run.said) == (event == "subprocess.Popen"), run.output
    assert victim.lets_in() and not victim.armed() and lockout.state(victim) == before
    ended = "restored at the end of the window, the run waits for it and says so"
    note("`kill -9` of the module", where, ended)


def test_the_timer_and_the_unit_are_removed(victim, note):
    before = lockout.state(victim)
    config = victim.ecdsa_only()
    lockout.locked_out(victim, "ssh_hardening", {}, config)
    began = time.monotonic()
    victim.console(
        "systemctl stop 'lockstep-guard-*.timer'; cd /etc/systemd/system; "
        "rm lockstep-guard-* sysinit.target.wants/lockstep-guard-*; systemctl daemon-reload"
    )
    again = victim.run("ssh_hardening", {"window": WINDOW}, config)
    assert again.failed and "was not confirmed, and this host undid it" in again.said, again.output
    assert victim.lets_in(config=config) and lockout.state(victim) == before and victim.litter() == ""
    note(
        "timer and unit are removed", "both, with the link for the boot; the controller is killed",
        "nothing is left to act by itself; restored by the next run, "
        f"after {time.monotonic() - began:.0f} s with its own attempt",
    )


def test_etc_becomes_read_only(victim, note):
    before = lockout.state(victim)
    config = victim.ecdsa_only()
    began = lockout.locked_out(victim, "ssh_hardening", {}, config)
    with lockout.on_host(victim, "mount --bind /etc /etc && mount -o remount,bind,ro /etc",
                         "mount -o remount,bind,rw /etc; umount /etc || umount --lazy /etc"):
        time.sleep(max(0.0, WINDOW + 4 - (time.monotonic() - began)))
        assert not victim.lets_in(config=config)
        assert "could not remove" in victim.console("cat /var/lib/lockstep/guard/*/report")
        # The same with rules needs nothing of /etc and is shown by the other tests.
    writable = time.monotonic()
    ended = lockout.until_back(victim, writable, config=config, seconds=30)
    victim.until_restored(LATE)
    assert lockout.state(victim) == before
    note("`/etc` becomes read-only", "in the window, until 4 s after the deadline", f"{ended} of its being writable again")
