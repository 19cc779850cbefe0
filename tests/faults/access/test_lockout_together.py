# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Attacks on all hosts of the inventory in one run; they are not to be made while another session attacks one of them."""

from __future__ import annotations

import json
import pathlib

import pytest

from faults.access import lockout
from faults.access.attack import Host
from faults.access.lockout import WINDOW
from faults.hosts import host_names

ALL = [*host_names(), "jump12"]


@pytest.fixture
def fleet(tmp_path: pathlib.Path):
    """All hosts, without anything of ours."""
    made = [Host(name, tmp_path / name) for name in ALL]
    for host in made:
        host.scratch.mkdir()
        lockout.first_look(host)
    yield made
    for host in made:
        lockout.reset(host)


def test_forks_and_one_of_three_is_locked_out(fleet, matrix):
    victim, *others = fleet
    before = lockout.state(victim)
    ecdsa = victim.ecdsa_only().partition("\n")[2]
    config = f"Host {victim.address}\n{ecdsa}{lockout.pinned(victim)}"
    task = {"name": "Harden", "lockstep.gpufleet.ssh_hardening": {"window": WINDOW}, "register": "done"}
    tell = {"ansible.builtin.debug": {"msg": "{{ inventory_hostname }} is confirmed by {{ done.confirmed_by }}"}}
    run = victim.play(json.dumps([{"hosts": "all", "gather_facts": False, "tasks": [task, tell]}]), config, limit="all")
    assert run.failed and f"sshd of {victim.address} was changed" in run.said, run.output
    assert "restored itself at once" in run.said and run.said.count("FAILED!") == 1, run.output
    assert lockout.state(victim) == before
    for host in others:
        assert f"{host.name} is confirmed by fresh_login" in run.said, run.output
        assert host.console(f"ls {lockout.DROPIN}") and host.lets_in()
    for host in fleet:
        assert host.litter() == ""
        matrix.note(
            host.name, "forks", "three hosts in one run; the key of one, the first, is unknown after the change",
            "restored at once" if host is victim else "stayed: confirmed by a fresh login",
        )
