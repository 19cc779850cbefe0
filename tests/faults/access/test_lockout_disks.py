# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Disks that are full at the moment when something of a change of access has to be written."""

from __future__ import annotations

import contextlib
import typing as t

import pytest

from faults.access import lockout
from faults.access.attack import Host
from faults.access.lockout import DROPIN, WINDOW

pytestmark = pytest.mark.usefixtures("bare")


@contextlib.contextmanager
def full(host: Host, directory: str, spare: int = 0) -> t.Iterator[None]:
    """Have a small disk in place of ``directory``, with the same files on it and ``spare`` KiB left."""
    with lockout.on_host(
        host,
        f"mkdir -p {directory}; cp -a {directory} /root/copy; mount -t tmpfs -o size=256k,mode=755 tmpfs {directory}; "
        f"cp -a /root/copy/. {directory}/; head -c {spare * 1024} /dev/zero > {directory}/spare; "
        f"cat /dev/zero > {directory}/fill 2>/dev/null; rm {directory}/spare; test -s {directory}/fill",
        f"umount {directory}; rm -rf /root/copy",
    ):
        yield


def test_no_space_for_the_snapshot(victim, note):
    victim.console("mkdir -p /var/lib/lockstep")
    for module in ("ssh_hardening", "firewall"):
        before = lockout.state(victim)
        with full(victim, "/var/lib/lockstep"):
            run = victim.run(module, {"window": WINDOW})
            assert run.failed and "the guard could not be armed, so nothing was changed" in run.said, run.output
            assert "No space left on device" in run.said, run.output
            assert lockout.state(victim) == before and victim.litter() == "" and victim.lets_in()
    note(
        "disk full while saving",
        "a full file system at `/var/lib/lockstep`, both modules",
        "refused: the guard could not be armed: no space left on device",
    )


def test_no_space_for_the_drop_in(victim, note):
    with full(victim, "/etc/ssh/sshd_config.d"):
        before = lockout.state(victim)
        run = victim.run("ssh_hardening", {"window": WINDOW})
        assert run.failed and "No space left on device" in run.said and "The host has restored itself" in run.said, run.output
        assert lockout.state(victim) == before and victim.litter() == "" and victim.lets_in()
    assert not victim.console(f"ls {DROPIN} 2>/dev/null", check=False)
    note("disk full while writing", "a full file system at `/etc/ssh/sshd_config.d`", "restored at once")


def test_no_space_for_the_rules_at_boot(victim, note):
    before = lockout.state(victim)
    with full(victim, "/etc/lockstep"):
        run = victim.run("firewall", {"window": WINDOW})
        assert run.failed and "No space left on device" in run.said and "Traceback" not in run.said, run.output
        assert "in force" in run.said and "next boot" in run.said, run.output
        assert victim.lets_in() and victim.litter() == ""
        assert "policy drop" in victim.console("nft list table inet lockstep")
    again = victim.run("firewall", {"window": WINDOW})
    assert not again.failed, again.output
    assert victim.lets_in() and victim.litter() == "" and before != lockout.state(victim)
    note(
        "disk full while saving for the next boot",
        "a full file system at `/etc/lockstep`, after the confirmation",
        "stayed: confirmed rules in force, an error says that they are not saved; the next run saves them",
    )
