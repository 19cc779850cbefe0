# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who listens for sshd: a service is in the other tests; here a socket with a generator, a socket for each connection, nobody.

Ubuntu's images cannot be had here. Its set-up is reproduced in its shape: a socket that owns the port and is required by
the service that it starts, and a generator that reads Port and writes ssh.socket.d/addresses.conf at each daemon-reload.
"""

from __future__ import annotations

import pytest

from faults.access.attack import Host

DROPIN = "/etc/ssh/sshd_config.d/00-lockstep.conf"
GENERATOR = "/usr/lib/systemd/system-generators/sshd-socket-generator"

# As Ubuntu's: every port that sshd's configuration names, and nothing of its own while it names none but 22.
_GENERATOR = r"""#!/bin/sh
mkdir -p "$1/ssh.socket.d"
ports=$(/usr/sbin/sshd -G 2>/dev/null | sed -n 's/^port //p')
[ "$ports" = 22 ] && exit 0
{ echo '[Socket]'; echo 'ListenStream='; for port in $ports; do echo "ListenStream=0.0.0.0:$port"; echo "ListenStream=[::]:$port"; done
} > "$1/ssh.socket.d/addresses.conf"
"""
_UBUNTU = f"""
cat > {GENERATOR} <<'X'
{_GENERATOR}X
chmod 755 {GENERATOR}
cat > /etc/systemd/system/ssh.socket <<'X'
[Unit]
Before=sockets.target ssh.service
[Socket]
ListenStream=0.0.0.0:22
ListenStream=[::]:22
BindIPv6Only=ipv6-only
Accept=no
FreeBind=yes
[Install]
WantedBy=sockets.target
RequiredBy=ssh.service
X
"""
_SWITCH = "systemctl daemon-reload; systemctl disable -q ssh.service; systemctl stop ssh.service; systemctl enable -q --now ssh.socket"
_PER_CONNECTION = r"""
cat > /etc/systemd/system/ssh.socket <<'X'
[Socket]
ListenStream=22
Accept=yes
[Install]
WantedBy=sockets.target
X
cat > /etc/systemd/system/ssh@.service <<'X'
[Service]
EnvironmentFile=-/etc/default/ssh
ExecStart=-/usr/sbin/sshd -i $SSHD_OPTS
StandardInput=socket
RuntimeDirectory=sshd
RuntimeDirectoryPreserve=yes
RuntimeDirectoryMode=0755
KillMode=process
X
"""
_BACK = f"""
systemctl stop ssh.service ssh.socket; systemctl disable -q ssh.socket
rm -f {GENERATOR} /etc/systemd/system/ssh.socket /etc/systemd/system/ssh@.service {DROPIN}
systemctl daemon-reload; systemctl enable -q ssh.service; systemctl reset-failed ssh; systemctl restart ssh.service
"""


@pytest.fixture(autouse=True)
def as_it_comes(victim: Host):
    """Whatever listens in a test, the host's own service does before and after."""
    victim.as_installed()
    yield
    victim.console(_BACK)


def offered(host: Host, *options: str) -> str:
    return host.login("-o", "PreferredAuthentications=none", *options).stderr


def sockets(host: Host) -> str:
    return host.console("systemctl show --property=Listen ssh.socket")


def test_a_socket_with_a_generator(victim):
    victim.console(_UBUNTU + _SWITCH)
    assert victim.lets_in() and victim.console("systemctl is-active ssh.socket") == "active"
    run = victim.run("ssh_hardening", {}, flags="-v")
    assert not run.failed and '"offered_methods": ["publickey"]' in run.said, run.output
    assert "restart ssh.service" in run.said and victim.litter() == ""
    moved = victim.run("ssh_hardening", {"ports": [2222]}, flags="-v")
    assert not moved.failed, moved.output
    assert "listen on 2222 instead of 22" in moved.said and "restart ssh.socket after daemon-reload" in moved.said
    assert "2222" in sockets(victim) and ":22 " not in sockets(victim)
    assert not victim.lets_in() and victim.lets_in("-p", "2222")
    again = victim.run("ssh_hardening", {"ports": [2222]}, ansible_port=2222)
    assert not again.failed and "changed=0" in again.said, again.output
    assert victim.console("systemctl is-enabled ssh.socket") == "enabled"
    assert victim.litter() == ""


def test_a_socket_with_a_generator_comes_back_where_the_new_port_is_closed(victim):
    victim.console(_UBUNTU + _SWITCH)
    victim.console(
        "nft -f - <<'X'\ntable inet closed {\n chain input {\n type filter hook input priority 0; policy accept;\n"
        " tcp dport 2222 drop\n }\n}\nX"
    )
    try:
        run = victim.run("ssh_hardening", {"ports": [2222]})
        assert run.failed and "the new port 2222 does not let this controller in" in run.said, run.output
        assert "restarted ssh.socket" in run.said and "the login works again" in run.said, run.output
        assert "2222" not in sockets(victim) and "password" in offered(victim)
    finally:
        victim.console("nft delete table inet closed")


def test_a_socket_that_starts_one_sshd_for_each_connection(victim):
    victim.console(_PER_CONNECTION + _SWITCH)
    assert victim.lets_in() and "password" in offered(victim)
    run = victim.run("ssh_hardening", {}, flags="-v")
    assert not run.failed and '"offered_methods": ["publickey"]' in run.said, run.output
    # A written file is live at once: there is nothing to reload.
    assert f'"plan": ["write {DROPIN}"]' in run.said, run.output
    fixed = victim.run("ssh_hardening", {"ports": [2222]})
    assert fixed.failed and "/etc/systemd/system/ssh.socket line 2: ListenStream=22" in fixed.said, fixed.output
    assert victim.litter() == ""


def test_options_of_an_sshd_for_each_connection_are_named(victim):
    victim.console(_PER_CONNECTION.replace("-i $SSHD_OPTS", "-i -o Ciphers=aes128-ctr") + _SWITCH)
    run = victim.run("ssh_hardening", {})
    assert run.failed and "/etc/systemd/system/ssh@.service line 3: ExecStart=" in run.said, run.output


def test_a_service_that_does_not_run_is_not_started(victim):
    # sshd is there, but not by a unit; as after an administrator's own start.
    victim.console("systemctl stop ssh.service; mkdir -p /run/sshd; /usr/sbin/sshd")
    try:
        run = victim.run("ssh_hardening", {}, ansible_connection="elsewhere", flags="-v")
        assert f'"plan": ["write {DROPIN}"]' in run.said or f"removed {DROPIN}" in run.said, run.output
        assert victim.console("systemctl is-active ssh.service", check=False) == "inactive"
        # The sshd that answers has not read the file, and the probe on the host says so; so the host is as before.
        assert run.failed and "does not run with the configuration that was written" in run.said, run.output
        assert not victim.console(f"ls {DROPIN} 2>/dev/null", check=False)
    finally:
        victim.console("kill $(cat /run/sshd.pid); systemctl start ssh.service", check=False)
