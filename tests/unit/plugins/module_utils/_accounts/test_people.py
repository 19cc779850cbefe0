# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""People as data, and what follows for a host."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import shutil
import typing as t

import pytest

from ansible_collections.lockstep.gpufleet.plugins.module_utils._accounts import people, sudoers
from ansible_collections.lockstep.gpufleet.plugins.module_utils._accounts.key_files import KeyFile, Login
from ansible_collections.lockstep.gpufleet.plugins.module_utils._accounts.people import Account, Host, Person
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem

from .test_keys import A, B

OPS = Account("/bin/bash", frozenset())
SHELLS = frozenset({"/bin/bash"})
HOST = Host(accounts={"ops": OPS}, visudo="/usr/sbin/visudo", shells=SHELLS)
NOPASSWD = sudoers.render({"ops": "nopasswd"})


def steps(persons: list[Person], host: Host = HOST, login: Login | None = None) -> list[str]:
    return [str(step) for step in people.make_plan(persons, host, login).steps]


@pytest.mark.parametrize(
    ("users", "words"),
    [
        ([{"name": "Ann"}], "'Ann' .entry 1. is not a user name"),
        ([{"name": "ok"}, {"name": "ann ALL=(ALL) NOPASSWD: ALL\nx"}], "entry 2"),
        ([{"name": "9to5"}], "not a user name"),
        ([{"name": "a" * 33}], "not a user name"),
        ([{"name": "ann"}, {"name": "ann"}], "ann is listed twice"),
        ([{"name": "ann", "groups": ["a,b"]}], "'a,b' in the groups of ann"),
        ([{"name": "ann", "shell": "bash"}], "the shell of ann, 'bash'"),
        ([{"name": "ann", "keys": [A.line, B.line + "\nssh-ed25519 x"]}], "key 2 of ann, line 2"),
    ],
)
def test_bad_wishes_are_refused(users: list[dict[str, t.Any]], words: str) -> None:
    with pytest.raises(Problem, match=words):
        people.wanted(users)


def test_a_wish() -> None:
    assert people.wanted([{"name": "ann", "keys": [A.line, A.line], "groups": ["video"], "sudo": "password"}]) == (
        Person("ann", keys=(A,), groups=("video",), sudo="password"),
    )
    assert people.wanted([{"name": "ann", "keys": None}])[0].keys is None


def test_a_new_person() -> None:
    host = dataclasses.replace(HOST, groups=frozenset({"video"}), key_files={"ann": KeyFile("ann", "/home/ann")})
    plan = people.make_plan([Person("ann", keys=(A,), groups=("ml", "video"), sudo="nopasswd")], host, None)
    assert [str(step) for step in plan.steps] == [
        "create the group ml",
        "create the account ann (no password)",
        "make the directory /home/ann/.ssh",
        "write /home/ann/.ssh/authorized_keys",
        "write /etc/sudoers.d/zz-lockstep-accounts",
    ]
    create = next(step for step in plan.steps if isinstance(step, people.Run) and step.command[0] == "useradd")
    assert create.command == (
        *("useradd", "--create-home", "--shell", "/bin/bash", "--password", "*", "--groups", "ml,video", "--", "ann"),
    )
    assert plan.diff[0]["after"] == "ann: shell /bin/bash, groups ml, video\n"


@pytest.mark.parametrize(
    ("person", "host", "expected"),
    [
        (Person("ops"), HOST, []),
        (Person("ops", groups=("ml",)), HOST, ["create the group ml", "add ops to ml"]),
        (Person("ops", shell="/bin/sh"), HOST, ["change the shell of ops to /bin/sh"]),
        (Person("ops", state="absent"), HOST, ["remove the account ops (its home stays)"]),
        (Person("gone", state="absent", groups=("ml",), sudo="nopasswd"), HOST, []),
        (Person("ops", sudo="nopasswd"), dataclasses.replace(HOST, sudoers=NOPASSWD, sudoers_mode=0o440), []),
        (
            Person("ops", sudo="nopasswd"),
            dataclasses.replace(HOST, sudoers=NOPASSWD, sudoers_mode=0o644),
            ["write " + sudoers.PATH],
        ),
        (Person("ops"), dataclasses.replace(HOST, sudoers=NOPASSWD), ["remove " + sudoers.PATH]),
    ],
)
def test_what_a_person_needs(person: Person, host: Host, expected: list[str]) -> None:
    assert steps([person], host) == expected


def test_rights_go_before_the_account() -> None:
    host = dataclasses.replace(HOST, sudoers=NOPASSWD)
    assert steps([Person("ops", state="absent", sudo="nopasswd")], host) == [
        "remove " + sudoers.PATH,
        "remove the account ops (its home stays)",
    ]


@pytest.mark.parametrize(
    ("persons", "host", "login", "words"),
    [
        ([Person("ops", state="absent")], HOST, Login("ops"), "logged in as ops.*does not remove"),
        ([Person("ops", keys=())], HOST, Login("ops", by_password=True), "No usable key for ops"),
        (
            [Person("ops", keys=(), exclusive=True)],
            dataclasses.replace(HOST, key_files={"ops": KeyFile("ops", "/home/ops", text=A.line + "\n")}),
            Login("ops", by_password=True),
            "No usable key for ops",
        ),
        ([Person("ops", sudo="password")], HOST, Login("ops", becomes=True), "would end that"),
        ([Person("ops")], dataclasses.replace(HOST, sudoers=NOPASSWD), Login("ops", becomes=True), "would end that"),
        ([Person("bob")], dataclasses.replace(HOST, sudoers=NOPASSWD), Login("ops", becomes=True), "would end that"),
        ([Person("ops", sudo="nopasswd")], dataclasses.replace(HOST, visudo=None), None, "sudo is not installed"),
    ],
)
def test_what_would_lock_the_login_out_is_refused(
    persons: list[Person], host: Host, login: Login | None, words: str
) -> None:
    with pytest.raises(Problem, match=words):
        steps(persons, host, login)


@pytest.mark.parametrize(
    ("persons", "login"),
    [
        ([Person("ops", sudo="nopasswd")], Login("ops", becomes=True)),
        ([Person("ops", sudo="password")], Login("ops", becomes=True, become_password=True)),
        ([Person("ops", sudo="password")], Login("root")),
        ([Person("ops", state="absent")], Login("bob", becomes=True)),
        ([Person("ops")], Login("ops", becomes=True)),
    ],
)
def test_what_locks_nobody_out_is_allowed(persons: list[Person], login: Login) -> None:
    people.make_plan(persons, HOST, login)


def test_a_shell_that_is_not_there_is_refused_before_any_change() -> None:
    plan = people.make_plan([Person("ann", shell="/bin/zsh")], HOST, None)
    assert plan.warnings == ("The shell /bin/zsh of ann is not on this host (yet).",)
    with pytest.raises(Problem, match="no shell /bin/zsh"):
        people.apply(plan, HOST)


def test_the_drop_in_and_back() -> None:
    levels = {"bob": "password", "ann": "nopasswd", "cem": "none"}
    text = sudoers.render(levels)
    assert text is not None
    assert text.splitlines()[1:] == ["ann ALL=(ALL:ALL) NOPASSWD: ALL", "bob ALL=(ALL:ALL) ALL"]
    assert sudoers.levels_in(text) == {"bob": "password", "ann": "nopasswd"}
    assert sudoers.render({"ann": "none"}) is None
    assert sudoers.levels_in(None) == {}


@pytest.mark.skipif(shutil.which("visudo", path=people.SEARCH_PATH) is None, reason="needs sudo")
def test_visudo_judges() -> None:
    visudo = shutil.which("visudo", path=people.SEARCH_PATH)
    assert visudo
    sudoers.validate(str(NOPASSWD), visudo)
    with pytest.raises(Problem, match="visudo refuses"):
        sudoers.validate("ops ALL=(ALL:ALL) NOPASS: ALL\n", visudo)


def test_observing_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    monkeypatch.setattr(sudoers, "PATH", str(tmp_path / "drop-in"))
    host = people.observe([Person("root", groups=("root", "no-such-group")), Person("no-such-user", shell="/bin/sh")])
    assert host.accounts["root"].groups == {"root"}
    assert "no-such-user" not in host.accounts
    assert host.groups == {"root"}
    assert "/bin/sh" in host.shells and host.sudoers is None
    assert os.path.basename(host.visudo or "visudo") == "visudo"
