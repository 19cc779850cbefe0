# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""A provisioned host, as its users and its network see it."""

from __future__ import annotations

import json
import socket

CELL = "import json, getpass, sys, numpy, tabulate; print(json.dumps([getpass.getuser(), sys.prefix]))"


def test_a_notebook_user_executes_a_cell(host):
    said = host.check_output(
        "cd / && printf '%%s' %s | sudo -u mia -H /opt/lockstep/envs/ai_env/bin/jupyter run --kernel ai_env 2>/dev/null", CELL
    )
    assert json.loads(said.splitlines()[-1]) == ["mia", host.check_output("readlink -f /opt/lockstep/envs/ai_env")]


def test_the_environment_is_the_same_on_every_host_but_for_repairs(host):
    generation = host.check_output("readlink -f /opt/lockstep/envs/ai_env").split("/")[4]
    seal = json.loads(host.file(f"/opt/lockstep/generations/{generation}/seal.json").content_string)
    assert seal["environment"] == "ai_env"
    assert generation.split("-")[0] == seal["generation"].split("-")[0]


def test_nobody_logs_in_by_password(host):
    settings = host.check_output("sshd -T -C user=legacy,host=x,addr=192.0.2.1,laddr=192.0.2.2,lport=22").splitlines()
    assert "passwordauthentication no" in settings
    assert "kbdinteractiveauthentication no" in settings
    assert "permitrootlogin prohibit-password" in settings or "permitrootlogin without-password" in settings


def answers(address, port):
    try:
        socket.create_connection((address, port), timeout=2).close()
    except OSError:
        return False
    return True


def test_only_ssh_answers_from_outside(host):
    address = host.check_output("hostname -I").split()[0]
    host.check_output("systemd-run --quiet --collect --unit=test-listener python3 -m http.server 8888")
    try:
        local = "import socket; socket.create_connection(('127.0.0.1', 8888), 1).close()"
        host.check_output("for i in 1 2 3 4 5 6 7 8 9; do python3 -c %s 2>/dev/null && exit 0; sleep 1; done; exit 1", local)
        assert answers(address, 22)
        assert not answers(address, 8888)
    finally:
        host.run("systemctl stop test-listener")


def test_conda_sees_the_environment(host):
    listed = json.loads(host.check_output("cd / && sudo -u mia -H /opt/miniconda3/bin/conda env list --json"))["envs"]
    assert any(path.endswith("/envs/ai_env") for path in listed)


def test_people_are_who_they_should_be(host):
    assert host.user("mia").exists
    assert host.run("sudo -u mia sudo -n true").rc != 0
    assert host.run("sudo -u ops sudo -n true").rc == 0
