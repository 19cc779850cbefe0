# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""A login with a key fails before any change: the error says why, read from the host's files, and nothing is changed.

The run itself comes in by password, so that there is somebody to read them.
"""

from __future__ import annotations

import pytest

from faults.access.attack import Host

BY_PASSWORD = {
    "ansible_password": "ops-first-contact", "ansible_ssh_password_mechanism": "ssh_askpass",
    "ansible_become_password": "ops-first-contact",
}


@pytest.fixture(autouse=True)
def keys_as_they_were(victim: Host):
    """The keys, the modes and the configuration of the host are put back after each attack."""
    victim.as_installed()
    victim.console("cp -a /home/ops/.ssh /root/ssh-before")
    yield
    victim.console(
        "rm -rf /home/ops/.ssh; mv /root/ssh-before /home/ops/.ssh; chmod 755 /home/ops; chown ops /home/ops; "
        "rm -f /etc/ssh/sshd_config.d/10-attack.conf; systemctl reload ssh"
    )


@pytest.mark.parametrize(
    ("attack", "variables", "says"),
    [
        ("rm /home/ops/.ssh/authorized_keys", {}, "ops has no key in /home/ops/.ssh/authorized_keys"),
        ("chmod 777 /home/ops/.ssh", {}, "others may write to /home/ops/.ssh (mode 0777); run: chmod go-w /home/ops/.ssh"),
        ("chmod 757 /home/ops", {}, "others may write to /home/ops (mode 0757)"),
        (
            "echo PubkeyAuthentication no > /etc/ssh/sshd_config.d/10-attack.conf; systemctl reload ssh", {},
            "PubkeyAuthentication is no for ops",
        ),
        ("true", {"ansible_ssh_private_key_file": "/nonexistent"}, "probably offers another one, or none"),
    ],
)
def test_the_error_says_why_the_key_does_not_get_in(victim, attack, variables, says):
    victim.console(attack)
    before = victim.console("find /etc/ssh -type f | sort | xargs sha256sum")
    run = victim.run("ssh_hardening", {}, **BY_PASSWORD, **variables)
    assert run.failed
    assert "nothing was changed, because the login account would not get in with a key" in run.said, run.output
    assert "What this host's files say: " in run.said and says in run.said, run.output
    assert victim.console("find /etc/ssh -type f | sort | xargs sha256sum") == before
