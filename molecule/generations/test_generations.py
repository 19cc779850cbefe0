# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""What people hear who want to change a managed environment, from real conda and real pip."""

from __future__ import annotations

import json

import pytest

CONDA = "/opt/miniconda3/bin/conda"
WAYS = (
    "The environment tiny is managed by Ansible (lockstep.gpufleet.conda_env)",
    "environment.yml",
    "/opt/lockstep/envs/tiny/bin/python -m venv --system-site-packages ~/tiny-and-mine",
    "tiny-and-mine/bin/python -m ipykernel install --user --name tiny-and-mine",
    "conda create -n mine --clone $(readlink -f /opt/lockstep/envs/tiny)",
    "conda create -n mine, or",
    "Whom to ask: the administrators of this host",
)


@pytest.mark.parametrize("who", ["root", "legacy"])
def test_pip_refuses_and_tells_the_ways(host, who):
    pip = "/opt/miniconda3/bin/python -m pip --python /opt/lockstep/envs/tiny/bin/python"
    answer = host.run(f"sudo -u {who} {pip} install --no-index nothing")
    assert answer.rc == 1
    for way in WAYS:
        assert way in answer.stderr


@pytest.mark.parametrize("command", ["install -y -n tiny bed-greeter=2.0", "remove -y -n tiny packaging"])
def test_users_cannot_change_it_by_conda(host, command):
    before = host.run("cd /opt/lockstep/envs/tiny/conda-meta && ls -l").stdout
    answer = host.run(f"sudo -u legacy {CONDA} {command}")
    assert answer.rc == 1
    assert "EnvironmentNotWritableError" in answer.stderr
    assert host.run("cd /opt/lockstep/envs/tiny/conda-meta && ls -l").stdout == before


def test_the_sign_for_newer_conda_tells_the_ways(host):
    """CEP 22; the conda here (24.7.1) is older and asks for write access only."""
    message = json.loads(host.file("/opt/lockstep/envs/tiny/conda-meta/frozen").content_string)["message"]
    for way in WAYS:
        assert way in message
