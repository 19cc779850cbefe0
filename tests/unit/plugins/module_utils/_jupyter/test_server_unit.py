# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""The texts that systemd reads."""

from __future__ import annotations

import dataclasses

import pytest

from ansible_collections.lockstep.gpufleet.plugins.module_utils._jupyter import server_unit
from ansible_collections.lockstep.gpufleet.plugins.module_utils._jupyter.server_unit import Service
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem

SERVICE = Service("/opt/lockstep", "jupyter")


def value(text: str, key: str) -> list[str]:
    return [line.split("=", 1)[1] for line in text.splitlines() if line.startswith(f"{key}=")]


@pytest.mark.parametrize(
    ("changes", "there", "missing"),
    [
        pytest.param({}, ["--ServerApp.ip=127.0.0.1", "${LOCKSTEP_JUPYTER_PORT}"], ["sock=", "MemoryMax", "CPUQuota"], id="port"),
        pytest.param(
            {"transport": "socket"}, ["sock=/run/lockstep-jupyter/%i/lab.sock", "sock_mode=0600"], ["ServerApp.ip", "ServerApp.port"], id="socket"
        ),
        pytest.param({"memory_max": "8G", "cpu_quota": "50%"}, ["\nMemoryMax=8G\nCPUQuota=50%\n"], [], id="limits"),
        pytest.param({"cull_idle_after": 5, "stop_idle_after": 6}, ["cull_idle_timeout=5", "no_activity_timeout=6"], [], id="idle"),
    ],
)
def test_options_become_lines(changes, there, missing):
    text = server_unit.unit_text(dataclasses.replace(SERVICE, **changes))
    assert [part for part in there if part not in text] == []
    assert [part for part in missing if part in text] == []


def test_every_unit_is_a_sandbox_that_shows_gpus_and_no_secret():
    text = server_unit.unit_text(SERVICE)
    assert value(text, "User") == ["%i"]
    assert value(text, "NoNewPrivileges") == ["yes"]
    assert value(text, "ProtectSystem") == ["full"]
    for key in ("PrivateDevices", "DeviceAllow", "DevicePolicy", "ProtectClock"):  # each would hide /dev/nvidia*
        assert value(text, key) == []
    assert "allow_root=False" in text and "token=" not in text.lower().replace("jupyter_token_file=", "")


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(Service)])
def test_whatever_changes_the_server_changes_its_revision(field):
    other = {"memory_max": "1G", "cpu_quota": "1%", "cull_idle_after": 1, "stop_idle_after": 1, "transport": "socket"}.get(field, "/x")
    changed = dataclasses.replace(SERVICE, **{field: other})
    assert server_unit.revision(changed) != server_unit.revision(SERVICE)
    assert value(server_unit.unit_text(changed), "Environment")[-1] == f"LOCKSTEP_JUPYTER_REVISION={server_unit.revision(changed)}"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"root": "store"}, "root: 'store'"),
        ({"root": "/my store"}, "root: '/my store'"),
        ({"root": "/opt/%h"}, "root: '/opt/%h'"),
        ({"environment": "../x"}, "environment: '../x'"),
        ({"environment": ".."}, "environment: '..'"),
        ({"memory_max": "8 GB"}, "memory_max: '8 GB'.*16G"),
        ({"memory_max": "8G\nUser=root"}, "memory_max"),
        ({"cpu_quota": "4"}, "cpu_quota: '4'.*400%"),
        ({"cull_idle_after": -1}, "cull_idle_after: -1"),
        ({"stop_idle_after": -1}, "stop_idle_after: -1"),
    ],
)
def test_what_systemd_would_not_take_is_refused(changes, words):
    with pytest.raises(Problem, match=words):
        server_unit.check(dataclasses.replace(SERVICE, **changes))


@pytest.mark.parametrize("changes", [{}, {"memory_max": "50%"}, {"memory_max": "1048576"}, {"cpu_quota": "1600%"}, {"root": "/data/x-1.0"}])
def test_what_systemd_takes_is_taken(changes):
    service = dataclasses.replace(SERVICE, **changes)
    assert server_unit.check(service) == service


def test_a_socket_has_to_fit():
    assert server_unit.socket_path("m" * 32) == f"/run/lockstep-jupyter/{'m' * 32}/lab.sock"
    with pytest.raises(Problem, match="more than 107 bytes.*transport: port"):
        server_unit.socket_path("m" * 90)


@pytest.mark.parametrize("port", [None, 18800])
def test_settings_tell_the_port(port):
    assert server_unit.port_in(server_unit.settings_text(port)) == port


@pytest.mark.parametrize("text", [None, "", "LOCKSTEP_JUPYTER_PORT=", "LOCKSTEP_JUPYTER_PORT=x", "#LOCKSTEP_JUPYTER_PORT=1"])
def test_settings_without_a_port(text):
    assert server_unit.port_in(text) is None
