# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Moving sshd to another port: proven there before the old one is left, and put back where it cannot be proven."""

from __future__ import annotations

import pytest

from faults.access.attack import Host

ROLE = """\
- name: Move
  hosts: all
  gather_facts: false
  roles:
    - role: lockstep.gpufleet.ssh_hardening
      vars: {ssh_hardening_ports: [2222]}
  post_tasks:
    - name: In the same play
      ansible.builtin.ping:

- name: Go on
  hosts: all
  gather_facts: false
  tasks:
    - name: In the next play
      ansible.builtin.ping:
"""
DROPIN = "/etc/ssh/sshd_config.d/00-lockstep.conf"


def listening(host: Host) -> set[str]:
    """Return the ports that something listens on for everybody."""
    return {
        line.split()[3].rpartition(":")[2]
        for line in host.console("ss -Hltn").splitlines()
        if not line.split()[3].startswith("127.")
    }


@pytest.fixture(autouse=True)
def on_port_22(victim: Host):
    """Hosts are attacked as they come, with sshd on its usual port, and are left so."""
    victim.as_installed()
    yield
    victim.console(
        "nft delete table inet closed 2>/dev/null; "
        f"rm -f {DROPIN}; systemctl reset-failed ssh; systemctl restart ssh"
    )


def test_sshd_moves_and_the_next_run_finds_it_there(victim):
    run = victim.run("ssh_hardening", {"ports": [2222]}, flags="-v")
    assert not run.failed, run.output
    assert "listen on 2222 instead of 22" in run.said and '"port": 2222' in run.said, run.output
    assert listening(victim) & {"22", "2222"} == {"2222"}
    assert not victim.lets_in() and victim.lets_in("-p", "2222")
    again = victim.run("ssh_hardening", {"ports": [2222]}, ansible_port=2222)
    assert not again.failed and "changed=0" in again.said, again.output
    # Not naming ports leaves them, and taking our file away from under this login is refused.
    left = victim.run("ssh_hardening", {}, ansible_port=2222)
    assert not left.failed and "changed=0" in left.said, left.output
    refused = victim.run("ssh_hardening", {"state": "absent"}, ansible_port=2222)
    assert refused.failed and "would no longer listen on port 2222" in refused.said, refused.output
    assert victim.litter() == ""


def test_the_role_goes_on_at_the_new_port(victim):
    # Without a shared connection, every task has to be told where sshd is now.
    run = victim.start_playbook(ROLE, ansible_ssh_args="-o ControlMaster=no")
    run.wait()
    assert not run.failed and "ok=5" in run.said and "changed=1" in run.said, run.output
    assert listening(victim) & {"22", "2222"} == {"2222"}


def test_a_port_that_a_firewall_closes_is_not_moved_to(victim):
    victim.console(
        "nft -f - <<'X'\ntable inet closed {\n chain input {\n type filter hook input priority 0; policy accept;\n"
        " tcp dport 2222 drop\n }\n}\nX"
    )
    run = victim.run("ssh_hardening", {"ports": [2222]})
    assert run.failed
    assert "the new port 2222 does not let this controller in" in run.said, run.output
    assert "If a firewall closes it, open it first" in run.said and "the login works again" in run.said, run.output
    assert listening(victim) & {"22", "2222"} == {"22"}
    assert not victim.console(f"ls {DROPIN} 2>/dev/null", check=False)
    assert victim.litter() == ""


def test_a_controller_killed_between_the_ports_leaves_the_old_one(victim):
    run = victim.start("ssh_hardening", {"ports": [2222], "window": 10})
    run.until_armed()
    run.kill()
    victim.until_restored(30)
    assert listening(victim) & {"22", "2222"} == {"22"}


@pytest.mark.parametrize(
    ("file", "text", "says"),
    [
        ("/etc/ssh/sshd_config.d/99-late.conf", "Port 22", "remove /etc/ssh/sshd_config.d/99-late.conf line 1: Port 22"),
        ("/etc/ssh/sshd_config.d/99-late.conf", "ListenAddress 0.0.0.0:22", "99-late.conf line 1: ListenAddress"),
        ("/etc/default/ssh", "SSHD_OPTS=-p 22", "because of /etc/default/ssh line 1: SSHD_OPTS=-p 22"),
    ],
)
def test_what_fixes_the_port_elsewhere_is_refused_by_name(victim, file, text, says):
    victim.console(f"cp -a {file} /root/saved 2>/dev/null; echo '{text}' > {file}")
    try:
        run = victim.run("ssh_hardening", {"ports": [2222]})
        assert run.failed and says in run.said, run.output
        assert not victim.console(f"ls {DROPIN} 2>/dev/null", check=False)
    finally:
        victim.console(f"rm {file}; if [ -e /root/saved ]; then mv /root/saved {file}; fi")


def test_a_probe_moves_as_well(victim):
    run = victim.run("ssh_hardening", {"ports": [2222]}, ansible_connection="elsewhere", flags="-v")
    assert not run.failed and '"confirmed_by": "probe"' in run.said, run.output
    assert '"offered_methods": ["publickey"]' in run.said, run.output
    assert listening(victim) & {"22", "2222"} == {"2222"}
