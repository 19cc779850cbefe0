# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ways to a host: what a fresh login proves must be what the user's next connection needs."""

from __future__ import annotations

import json

import pytest

from faults import hosts
from faults.access import lockout
from faults.access.attack import Host
from faults.access.lockout import DROPIN, WINDOW

pytestmark = pytest.mark.usefixtures("bare")

JUMP = "10.88.84.13"


@pytest.mark.parametrize(
    ("how", "own"),
    [
        ("Ansible's own", ""),
        ("`ControlMaster`, `ControlPath` in `ansible_ssh_common_args`",
         "-o ControlMaster=auto -o ControlPersist=60 -o ControlPath={path}"),
        ("`-S` in `ansible_ssh_common_args`", "-o ControlMaster=auto -o ControlPersist=60 -S {path}"),
    ],
)
def test_a_stale_multiplexed_connection_confirms_nothing(victim, note, how, own):
    before = lockout.state(victim)
    config = victim.ecdsa_only()
    given = {}
    if own:
        arguments = f"-F {victim.scratch}/ssh_config -o IdentitiesOnly=yes {own.format(path=victim.scratch / 'mux')}"
        given = {"ansible_ssh_args": "", "ansible_ssh_common_args": arguments}
    assert not victim.run("firewall", {"state": "absent"}, config, **given).failed
    run = victim.run("ssh_hardening", {"window": WINDOW}, config, **given)
    assert run.failed and "ost key verification failed" in run.said and "restored itself at once" in run.said, run.output
    assert lockout.state(victim) == before and victim.litter() == "" and victim.lets_in(config=config)
    note(
        "a stale multiplexed connection",
        f"a master is open before the change: {how}",
        "restored at once, over that very connection",
    )


def through_jump(host: Host, config: str) -> tuple[str, dict[str, str]]:
    """Return an ssh_config(5) whose way to the host leads through the jump host, and the variables that use it."""
    full = f"Host {JUMP}\n  User ops\n  IdentityFile {hosts.KEY}\n  UserKnownHostsFile {host.known_hosts}\n{config}"
    arguments = f"-F {host.scratch}/ssh_config -o IdentitiesOnly=yes -o ProxyJump={JUMP}"
    return full, {"ansible_ssh_common_args": arguments}


def test_through_a_jump_host(victim, note):
    before = lockout.state(victim)
    controller = victim.address.rpartition(".")[0] + ".1"
    config, variables = through_jump(victim, lockout.pinned(victim))
    shut = victim.run("firewall", {"ssh_sources": [controller]}, config, **variables)
    assert shut.failed and f"would shut out the present connection, {JUMP} to port 22" in shut.said, shut.output
    note(
        "a jump host",
        "`ProxyJump`; the sources name this controller and not the jump host",
        "refused: would shut out the present connection, of the jump host",
    )
    broken, variables = through_jump(victim, victim.ecdsa_only())
    run = victim.run("ssh_hardening", {"window": WINDOW}, broken, **variables)
    assert run.failed and "ost key verification failed" in run.said and "restored itself at once" in run.said, run.output
    assert lockout.state(victim) == before and victim.litter() == ""
    note("a jump host", "`ProxyJump`; the host's key is unknown after the change", "restored at once")
    lockout.end_sessions(victim)
    opened = victim.run("firewall", {"ssh_sources": [JUMP]}, config, verbose=True, **variables)
    assert not opened.failed and '"confirmed_by": "fresh_login"' in opened.said, opened.output
    assert not victim.lets_in() and victim.litter() == ""
    note(
        "a jump host",
        "`ProxyJump`; the sources name the jump host alone",
        "stayed: confirmed through it, direct logins are dropped",
    )


def test_a_port_of_its_own(victim, note):
    lockout.plant(victim, "/etc/ssh/sshd_config.d/99-late.conf", "Port 2222")
    victim.console("systemctl restart ssh")
    there = ("-p", "2222", "-o", f"HostKeyAlias={victim.address}")
    config = f"{lockout.pinned(victim)}  HostKeyAlias {victim.address}\n"
    assert victim.lets_in(*there) and not victim.lets_in()
    closed = victim.run("firewall", {"ssh_ports": [22]}, config, ansible_port=2222)
    assert closed.failed and "to port 2222" in closed.said, closed.output
    for module in ("ssh_hardening", "firewall"):
        run = victim.run(module, {}, config, verbose=True, ansible_port=2222)
        assert not run.failed and '"confirmed_by": "fresh_login"' in run.said, run.output
    assert victim.lets_in(*there) and victim.litter() == ""
    note("sshd on port 2222", "`ssh_ports: [22]`", "refused: would shut out the present connection")
    note("sshd on port 2222", "`ansible_port: 2222`, both modules", "stayed: confirmed by fresh logins to that port")


def test_a_loop_of_changes(victim, note):
    loop = [{"name": "one", "ports": ["7001"]}, {"name": "two", "ports": ["7002"]}, {"name": "two", "ports": ["7002"]}]
    task = {
        "lockstep.gpufleet.firewall": {"rules": ["{{ item }}"]}, "loop": loop, "register": "done",
    }
    check = {"ansible.builtin.assert": {"that": [
        "done.results | map(attribute='changed') == [true, true, false]",
        "done.results[:2] | map(attribute='confirmed_by') | unique == ['fresh_login']",
    ]}}
    run = victim.play(json.dumps([{"hosts": "all", "gather_facts": False, "tasks": [task, check]}]))
    assert not run.failed, run.output
    assert "7002" in victim.console("nft list table inet lockstep") and victim.litter() == ""
    note("`loop`", "two changes and a no-op in one task", "stayed: each change confirmed by a fresh login")


def test_a_task_that_is_delegated(victim, note):
    before = lockout.state(victim)
    task = {
        "lockstep.gpufleet.ssh_hardening": {"window": WINDOW}, "delegate_to": victim.name, "register": "done",
    }
    check = {"ansible.builtin.assert": {"that": ["done.confirmed_by == 'fresh_login'"]}}
    playbook = json.dumps([{"hosts": "jump12", "gather_facts": False, "tasks": [task, check]}])
    broken = victim.play(playbook, victim.ecdsa_only(), limit="jump12")
    assert broken.failed and f"sshd of {victim.address} was changed" in broken.said, broken.output
    assert f"a fresh login to {victim.address} as ops" in broken.said, broken.output
    assert "restored itself at once" in broken.said, broken.output
    assert lockout.state(victim) == before and victim.litter() == ""
    note(
        "`delegate_to`",
        "the task of another host is delegated here, where the key is unknown after the change",
        "restored at once",
    )
    run = victim.play(playbook, lockout.pinned(victim), limit="jump12")
    assert not run.failed and victim.console(f"ls {DROPIN}") and victim.litter() == "", run.output
    note("`delegate_to`", "the task of another host is delegated here", "stayed: confirmed by a fresh login here")


def test_two_controllers_at_once(victim, note):
    other = Host(victim.name, victim.scratch / "other")
    other.scratch.mkdir()
    wishes = ["prohibit-password", "no"]
    runs = [
        host.start("ssh_hardening", {"permit_root_login": wish}) for host, wish in zip((victim, other), wishes)
    ]
    for run in runs:
        run.wait()
    won = [wish for run, wish in zip(runs, wishes) if not run.failed]
    assert won, [run.output for run in runs]
    for run in runs:
        assert not run.failed or "two cannot overlap" in run.said, run.output
    assert any(f"PermitRootLogin {wish}" in victim.console(f"cat {DROPIN}") for wish in won)
    assert victim.litter() == "" and victim.lets_in()
    last = victim.run("ssh_hardening", {"permit_root_login": "no"})
    assert not last.failed and victim.litter() == "", last.output
    note(
        "two controllers at once",
        "the same host, different wishes",
        "stayed: each change confirmed or refused (two guards cannot overlap)",
    )


def test_without_a_guard_a_lock_out_stays(victim, note):
    config = victim.ecdsa_only()
    run = victim.run("ssh_hardening", {"guard": False, "window": WINDOW}, config)
    assert run.failed and "There is no guard (guard is false), so the change is still in force" in run.said, run.output
    assert victim.litter() == "" and victim.console(f"ls {DROPIN}") and not victim.lets_in(config=config)
    note("`guard: false`", "the host's key is unknown after the change", "stayed locked, as asked; the run fails and says so")


def test_a_host_that_systemd_does_not_run(victim, note):
    with lockout.on_host(victim, "mount -t tmpfs tmpfs /run/systemd", "umount /run/systemd"):
        victim.console("! systemctl is-system-running 2>/dev/null; test ! -d /run/systemd/system")
        for module in ("ssh_hardening", "firewall"):
            before = lockout.state(victim)
            refused = victim.run(module, {"window": WINDOW})
            assert refused.failed and "this host is not run by systemd" in refused.said, refused.output
            assert lockout.state(victim) == before
        run = victim.run("firewall", {"guard": False}, verbose=True)
        assert not run.failed and '"confirmed_by": "fresh_login"' in run.said, run.output
        assert victim.lets_in() and victim.litter() == ""
    note(
        "a host without systemd",
        "`/run/systemd` is hidden from the module (systemd runs on); both modules",
        "refused: nothing could undo the change; with `guard: false` it is made",
    )
