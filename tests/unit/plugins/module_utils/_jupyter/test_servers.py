# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers as wanted, compared with what the host has."""

from __future__ import annotations

import dataclasses

import pytest

from ansible_collections.lockstep.gpufleet.plugins.module_utils._jupyter import ports, server_unit, servers
from ansible_collections.lockstep.gpufleet.plugins.module_utils._jupyter.server_unit import Service
from ansible_collections.lockstep.gpufleet.plugins.module_utils._jupyter.servers import Answer, Found, Running, Server, State
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem

SERVICE = Service("/opt/lockstep", "jupyter")
OLD, NEW = (f"/opt/lockstep/generations/{one}/envs/jupyter" for one in ("0", "1"))
RUNNING = Running(7, NEW, server_unit.revision(SERVICE), 18800)
IDLE, BUSY = Answer(0, 0), Answer(1, 0)
GOOD = Found(1001, "/home/mia", server_unit.settings_text(18800), "good", "", True, "active", running=RUNNING, answer=IDLE)
HOST = State(
    server_unit.unit_text(SERVICE), {"mia": 18800}, ports.remembered_text({"mia": 18800}), {18800: 1001}, {"mia": GOOD}, NEW
)
BARE = State(found={"mia": Found()}, prefix=NEW, known=False)


def plan_of(state=HOST, *, wanted=True, service=SERVICE, restart="idle", planned=()):
    listed = [Server("mia", wanted)]
    assigned = servers.assign_ports(listed, service, state, 18800)
    return servers.make_plan(listed, service, state, assigned, restart, planned)


def lines(plan):
    return [str(step) for step in plan.steps]


def host(**changes):
    return dataclasses.replace(HOST, found={"mia": dataclasses.replace(GOOD, **changes)})


def test_a_host_as_wanted_needs_nothing():
    plan = plan_of()
    assert not plan and not plan.diff and not plan.warnings


def test_a_bare_host_gets_everything():
    plan = plan_of(BARE, planned={"mia"})
    assert lines(plan) == [
        "write /etc/systemd/system/lockstep-jupyter@.service (new)",
        "remember ports: mia 18800",
        "mia: make a token (new)",
        "mia: write /etc/lockstep/jupyter/mia.env (new)",
        "mia: start the server at boot",
        "have systemd read its units again",
        "mia: start the server on 127.0.0.1:18800",
    ]


def test_sockets_need_no_ports():
    plan = plan_of(BARE, service=dataclasses.replace(SERVICE, transport="socket"), planned={"mia"})
    assert not [line for line in lines(plan) if "18800" in line]
    assert lines(plan)[-1] == "mia: start the server on /run/lockstep-jupyter/mia/lab.sock"


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        pytest.param(host(enabled=False), ["mia: start the server at boot", "have systemd read its units again"], id="disabled"),
        pytest.param(host(running=None, active="failed"), ["mia: start the server on 127.0.0.1:18800"], id="down"),
        pytest.param(host(running=None, clean_end=True), ["mia: start the server on 127.0.0.1:18800"], id="stopped by hand"),
        pytest.param(host(settings="x"), ["mia: write /etc/lockstep/jupyter/mia.env (differs)"], id="settings"),
        pytest.param(
            host(token="broken", token_why="it holds no token of ours"),
            ["mia: make a token (it holds no token of ours)", "mia: restart the server (token)"],
            id="broken token",
        ),
        pytest.param(
            host(token="exposed", token_why="mode 0644"),
            ["mia: make a token (mode 0644)", "mia: restart the server (token)"],
            id="exposed token of an idle server",
        ),
        pytest.param(
            host(token="known", token_why="x"), ["mia: make a token (x)", "mia: restart the server (token)"], id="known token of an idle server"
        ),
        pytest.param(dataclasses.replace(HOST, stale_units=True), ["have systemd read its units again"], id="units not read"),
        pytest.param(dataclasses.replace(HOST, ports_file=None), ["remember ports: mia 18800"], id="ports forgotten"),
    ],
)
def test_drift_is_named(state, expected):
    assert lines(plan_of(state)) == expected


@pytest.mark.parametrize(
    ("changes", "restart", "expected", "warned"),
    [
        pytest.param({}, "idle", ["mia: restart the server (generation)"], "", id="idle"),
        pytest.param({"answer": BUSY}, "idle", [], "at work, kernels: 1", id="a kernel"),
        pytest.param({"answer": Answer(0, 1)}, "idle", [], "at work, kernels: 0, terminals: 1", id="a terminal"),
        pytest.param({"answer": Answer(why="it hangs")}, "idle", [], "cannot be told: it hangs", id="no answer"),
        pytest.param({"answer": BUSY}, "always", ["mia: restart the server (generation)"], "", id="always"),
        pytest.param({}, "never", [], "restart: never", id="never"),
    ],
)
def test_an_upgrade_breaks_no_work(changes, restart, expected, warned):
    plan = plan_of(host(running=dataclasses.replace(RUNNING, prefix=OLD), **changes), restart=restart)
    assert lines(plan) == expected
    assert [warned in warning for warning in plan.warnings] == ([True] if warned else [])


@pytest.mark.parametrize(
    ("running", "answer", "reasons"),
    [
        (RUNNING, IDLE, []),
        (dataclasses.replace(RUNNING, prefix=OLD, revision="x"), IDLE, ["generation", "settings"]),
        (dataclasses.replace(RUNNING, port=1), IDLE, ["port"]),
        (dataclasses.replace(RUNNING, prefix=""), IDLE, ["generation"]),
        (RUNNING, Answer(why="x", refused=True), ["token"]),
        (None, IDLE, []),
    ],
)
def test_in_what_a_server_is_outdated(running, answer, reasons):
    assert servers.outdated(SERVICE, dataclasses.replace(GOOD, running=running, answer=answer), NEW, 18800) == reasons


@pytest.mark.parametrize(
    ("token", "answer", "expected"),
    [
        pytest.param("exposed", BUSY, ["mia: close the token's file (why)"], id="its file is closed"),
        pytest.param("known", BUSY, [], id="it is closed already"),
        pytest.param("exposed", Answer(why="x", refused=True), ["mia: make a token (why)"], id="the server does not know it anyway"),
    ],
)
def test_a_token_that_others_know_is_replaced_with_the_next_restart(token, answer, expected):
    plan = plan_of(host(token=token, token_why="why", answer=answer))
    assert lines(plan) == expected
    assert any("(token)" in warning for warning in plan.warnings)


def test_who_wants_idle_servers_to_end_does_not_want_them_back():
    service = dataclasses.replace(SERVICE, stop_idle_after=60)
    state = dataclasses.replace(host(running=None, clean_end=True), unit=server_unit.unit_text(service))
    assert lines(plan_of(state, service=service)) == []
    failed = dataclasses.replace(state, found={"mia": dataclasses.replace(GOOD, running=None, active="failed")})
    assert lines(plan_of(failed, service=service)) == ["mia: start the server on 127.0.0.1:18800"]


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        pytest.param(HOST, ["mia: stop the server, remove its token and settings", "unit", "reload"], id="the last one"),
        pytest.param(
            dataclasses.replace(HOST, others=("tom",)), ["mia: stop the server, remove its token and settings"], id="others stay"
        ),
        pytest.param(State(found={"mia": Found()}), [], id="nothing there"),
    ],
)
def test_who_leaves_leaves_no_key(state, expected):
    short = {"unit": f"remove {server_unit.UNIT}", "reload": "have systemd read its units again"}
    assert lines(plan_of(state, wanted=False)) == [short.get(line, line) for line in expected]


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (host(uid=0), "mia is root by another name"),
        (host(uid=None), "no account 'mia'.*accounts"),
        (host(home=""), "home directory of mia does not exist"),
        (host(masked=True), "masked.*systemctl unmask lockstep-jupyter@mia.service"),
    ],
)
def test_who_gets_no_server(state, words):
    with pytest.raises(Problem, match=words):
        plan_of(dataclasses.replace(state, listening={}))


@pytest.mark.parametrize(
    ("users", "words"),
    [
        ([{"name": "root"}], "root gets no server"),
        ([{"name": ""}], "'' is no name"),
        ([{"name": "a b"}], "'a b' is no name"),
        ([{"name": "../x"}], "'../x' is no name"),
        ([{"name": "x\n"}], "is no name"),
        ([{"name": "%i"}], "'%i' is no name"),
        ([{"name": "mia"}, {"name": "mia"}], "mia is listed twice"),
        ([{"name": "mia", "port": 80}], "mia: port 80"),
        ([{"name": "mia", "port": 70000}], "mia: port 70000"),
    ],
)
def test_illegal_users_are_refused(users, words):
    with pytest.raises(Problem, match=words):
        servers.parse_users(users)


def test_users_as_wanted():
    listed = [{"name": "mia", "state": "present", "port": 2000}, {"name": "tom-b.2", "state": "absent", "port": None}]
    assert servers.parse_users(listed) == [Server("mia", True, 2000), Server("tom-b.2", False, None)]
    assert [server.wanted for server in servers.parse_users(listed, "absent")] == [False, False]


def test_no_secret_is_shown():
    plan = plan_of(BARE, planned={"mia"})
    shown = [change for change in plan.diff if "tokens" in change["after_header"]]
    assert [change["after"] for change in shown] == ["(a secret that is not shown)\n"]


def test_the_report_says_where_and_in_what():
    state = host(running=dataclasses.replace(RUNNING, prefix=OLD), answer=BUSY)
    listed = [Server("mia")]
    entry = servers.report(listed, SERVICE, state, {"mia": 18800}, plan_of(state))[0]
    assert (entry["port"], entry["prefix"], entry["outdated"], entry["changed"]) == (18800, OLD, ["generation"], False)
    entry = servers.report(listed, SERVICE, state, {"mia": 18800}, plan_of(state, restart="always"))[0]
    assert (entry["prefix"], entry["outdated"], entry["changed"]) == (NEW, [], True)
