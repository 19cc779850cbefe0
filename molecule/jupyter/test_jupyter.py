# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""What users have of their servers, and what nobody else gets."""

from __future__ import annotations

import contextlib
import json
import time

import pytest

import lab_client

UNIT = "/etc/systemd/system/lockstep-jupyter@.service"
USERS = {"mia": 18800, "tom-b": 18801}
ENVIRONMENT = "/opt/lockstep/envs/jupyter"
CELL = """
import getpass, json, sys
from ipykernel.connect import get_connection_info
print(json.dumps([sys.prefix, getpass.getuser(), get_connection_info(unpack=True)["transport"]]))
"""


def has_sockets(host) -> bool:
    return host.ansible.get_variables()["inventory_hostname"] == "lab02"


def place(host, user) -> str:
    """Return where the user's server listens, as ``ssh -L`` wants it."""
    if has_sockets(host):
        return f"/run/lockstep-jupyter/{user}/lab.sock"
    return f"127.0.0.1:{USERS[user]}"


def token_of(host, user) -> str:
    """Return the token, read by the user as a user does."""
    return host.check_output("sudo -u %s cat /var/lib/lockstep/jupyter/tokens/%s", user, user)


def listening_of(host, user) -> list[str]:
    """Return the addresses at which processes of the user listen."""
    uid = host.check_output("id -u %s", user)
    lines = host.check_output("ss -Hltne").splitlines()
    return [line.split()[3] for line in lines if f"uid:{uid}" in line.split()]


@contextlib.contextmanager
def open_tunnel(host, user):
    with lab_client.tunnel(user, host.ansible.get_variables()["ansible_host"], place(host, user)) as port:
        yield port


@pytest.fixture(params=sorted(USERS))
def user(request):
    return request.param


def test_without_token_nothing_is_to_be_had(host, user):
    with open_tunnel(host, user) as port:
        assert lab_client.request(port, "/api/status")[0] == 403
        assert lab_client.request(port, "/api/contents")[0] == 403
        assert lab_client.request(port, "/api/kernels", None, "POST", {"name": "python3"})[0] == 403
        assert lab_client.request(port, "/api/status", "0" * 48)[0] == 403
        status, headers, _content = lab_client.request(port, "/lab")
        assert (status, headers["Location"].split("?")[0]) == (302, "/login")


def test_with_its_token_the_lab_opens(host, user):
    token = token_of(host, user)
    with open_tunnel(host, user) as port:
        status, _headers, content = lab_client.request(port, "/api/status", token)
        assert (status, json.loads(content)["kernels"]) == (200, 0)
        status, _headers, content = lab_client.request(port, f"/lab?token={token}")
        assert (status, "<title>JupyterLab</title>" in content) == (200, True)


def test_a_kernel_executes_code_as_the_user_in_the_generation(host, user):
    token = token_of(host, user)
    with open_tunnel(host, user) as port, lab_client.kernel(port, token) as kernel:
        said = json.loads(lab_client.execute(port, token, kernel, CELL))
        # Over TCP every local user could listen to what kernels print.
        assert said == [host.check_output(f"readlink -f {ENVIRONMENT}"), user, "ipc"]
    folder = host.file(f"/run/lockstep-jupyter/{user}")
    assert (folder.user, folder.mode & 0o777) == (user, 0o700)


def test_servers_listen_on_loopback_alone(host, user):
    assert listening_of(host, user) == ([] if has_sockets(host) else [f"127.0.0.1:{USERS[user]}"])


def test_another_user_gets_neither_token_nor_server(host):
    """legacy is a plain user of the host, and tom-b one with a server of his own."""
    for other in ("legacy", "tom-b"):
        read = host.run("sudo -u %s cat /var/lib/lockstep/jupyter/tokens/mia", other)
        assert (read.rc, read.stdout) == (1, "") and "Permission denied" in read.stderr
        assert host.run("sudo -u %s ls /var/lib/lockstep/jupyter/tokens", other).rc == 2
    wheres = {"socket": "http.client.HTTPConnection('localhost')", "port": f"http.client.HTTPConnection('127.0.0.1', {USERS['mia']})"}
    transport = "socket" if has_sockets(host) else "port"
    program = f"""
import http.client, socket
connection = {wheres[transport]}
if {transport == 'socket'}:
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.connect({place(host, 'mia')!r})
own = open('/var/lib/lockstep/jupyter/tokens/tom-b').read()
for headers in ({{}}, {{'Authorization': 'token ' + own}}):
    connection.request('GET', '/api/contents', headers=headers)
    answer = connection.getresponse()
    print(answer.status, len(answer.read()) > 200)
"""
    asked = host.run("cd / && sudo -u tom-b python3 -c %s", program)
    if transport == "socket":
        assert "PermissionError" in asked.stderr and not asked.stdout
    else:
        assert asked.stdout.split("\n")[:2] == ["403 False", "403 False"], asked.stderr


def test_the_token_is_in_its_file_alone(host, user):
    token = token_of(host, user)
    with open_tunnel(host, user) as port:  # a browser that is given the URL: whatever is logged of that, is now
        lab_client.request(port, f"/lab?token={token}")
        lab_client.request(port, f"/api/nothing?token={token}")
    # By the file, so that it is not this search that puts the token into logs and process lists.
    search = f"grep -F -f /var/lib/lockstep/jupyter/tokens/{user}"
    assert host.run(f"journalctl --no-pager --output=verbose | {search}").rc == 1
    assert host.run(f"ps -eww -o args | {search}").rc == 1
    assert host.run(f"{search} -rq /etc /usr/local /var/log").rc == 1
    found = host.check_output(f"find / -xdev -type f -newer /etc/hostname -not -path '/proc/*' -exec {search} -l {{}} +; true")
    for path in found.split("\n"):
        file = host.file(path)
        assert file.user == user and file.mode & 0o077 == 0, path
    file = host.file(f"/var/lib/lockstep/jupyter/tokens/{user}")
    assert (file.user, file.mode, file.is_file) == (user, 0o600, True)
    for pid in host.check_output("pgrep -u %s", user).split():
        environment = host.run("sudo -u %s cat /proc/%s/environ", user, pid).stdout
        assert token not in environment


def test_it_runs_as_its_user_in_its_sandbox(host, user):
    unit = f"lockstep-jupyter@{user}.service"
    names = "User,NoNewPrivileges,ProtectSystem,PrivateTmp,ProtectKernelTunables,PrivateDevices,DevicePolicy,Restart,MemoryMax,UnitFileState"
    shown = dict(line.split("=", 1) for line in host.check_output(f"systemctl show -p {names} {unit}").splitlines())
    assert shown == {
        **{"User": user, "NoNewPrivileges": "yes", "ProtectSystem": "full", "PrivateTmp": "yes", "ProtectKernelTunables": "yes"},
        **{"PrivateDevices": "no", "DevicePolicy": "auto", "Restart": "on-failure", "MemoryMax": str(4 << 30), "UnitFileState": "enabled"},
    }
    assert host.check_output("systemd-analyze verify %s 2>&1; true", unit) == ""
    pid = host.check_output(f"systemctl show --value -p MainPID {unit}")
    status = host.file(f"/proc/{pid}/status").content_string
    assert "NoNewPrivs:\t1\n" in status and "CapBnd:\t0000000000000000\n" in status
    assert host.check_output("stat -c %%U /proc/%s", pid) == user
    # A device node that is made meanwhile, as the NVIDIA driver does, is there for kernels.
    token = token_of(host, user)
    with open_tunnel(host, user) as port, lab_client.kernel(port, token) as kernel:
        host.run("rm -f /dev/nvidia-bed; mknod -m 666 /dev/nvidia-bed c 1 3")
        code = "import os; print(os.path.exists('/dev/nvidia-bed'), os.access('/etc', os.W_OK), os.listdir('/tmp'))"
        assert lab_client.execute(port, token, kernel, code) == "True False []\n"


@pytest.mark.parametrize("name", ["root", "legacy"])
def test_nobody_else_gets_a_server_from_the_template(host, name):
    unit = f"lockstep-jupyter@{name}.service"
    host.run(f"systemctl start {unit}")
    deadline = time.monotonic() + 10
    while host.run(f"systemctl is-active {unit}").stdout.strip() == "active" and time.monotonic() < deadline:
        time.sleep(0.5)
    assert host.check_output(f"systemctl show --value -p ActiveState {unit}") in ("failed", "activating", "inactive")
    assert host.run(f"pgrep -u {name} jupyter-lab").rc == 1
    host.run(f"systemctl stop {unit}; systemctl reset-failed {unit}")
