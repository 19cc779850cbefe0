# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plans for authorized_keys files, and their execution in a real home directory."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import pwd
import typing as t

import pytest

from ansible_collections.lockstep.gpufleet.plugins.module_utils._accounts import key_files
from ansible_collections.lockstep.gpufleet.plugins.module_utils._accounts.key_files import KeyFile, Login, Wish
from ansible_collections.lockstep.gpufleet.plugins.module_utils._accounts.keys import key_of
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem

from .test_keys import RESTRICTED, A, B, C

GOOD = KeyFile("ann", "/home/ann", 1000, 1000, 0o755, 0o700, 0o600, A.line + "\n")
NEW = KeyFile("ann", "/home/ann")


def steps(wish: Wish, state: KeyFile, login: Login | None = None) -> list[str]:
    return [str(step) for step in key_files.make_plan(wish, state, login).steps]


@pytest.mark.parametrize(
    ("wish", "state", "expected"),
    [
        (Wish("ann", (A,)), GOOD, []),
        (Wish("ann", ()), NEW, []),
        (
            Wish("ann", (A,)),
            NEW,
            ["make the directory /home/ann/.ssh", "write /home/ann/.ssh/authorized_keys"],
        ),
        (Wish("ann", (A, B)), GOOD, ["write /home/ann/.ssh/authorized_keys"]),
        (Wish("ann", (A,)), dataclasses.replace(GOOD, mode=0o666), ["set mode 0600 on /home/ann/.ssh/authorized_keys"]),
        (Wish("ann", (A,)), dataclasses.replace(GOOD, directory_mode=0o777), ["set mode 0700 on /home/ann/.ssh"]),
        (Wish("ann", (A,)), dataclasses.replace(GOOD, home_mode=0o2775), ["set mode 2755 on /home/ann"]),
        (Wish("ann", ()), dataclasses.replace(GOOD, text=None, mode=None, home_mode=0o777), []),
    ],
)
def test_plans(wish: Wish, state: KeyFile, expected: list[str]) -> None:
    assert steps(wish, state) == expected


def test_the_key_of_the_present_login_is_kept() -> None:
    state = dataclasses.replace(GOOD, text=A.line + "\n" + B.line + "\n")
    login = Login("ann", frozenset({A.blob}))
    plan = key_files.make_plan(Wish("ann", (C,), exclusive=True), state, login)
    assert plan.diff[0]["after"] == A.line + "\n" + C.line + "\n"
    assert "was not removed: the present login may use it" in plan.warnings[0]
    plan = key_files.make_plan(Wish("ann", unwanted=frozenset({A.blob})), state, login)
    assert not plan.steps and plan.warnings
    # nobody protects the keys of others, or those of a run that is no login
    for other in (Login("bob", frozenset({A.blob})), None):
        assert key_files.make_plan(Wish("ann", (C,), exclusive=True), state, other).diff[0]["after"] == C.line + "\n"


def test_nothing_is_removed_while_ones_own_key_is_unknown() -> None:
    with pytest.raises(Problem, match="none of those that stay is known to belong to this login"):
        steps(Wish("ann", (C,), exclusive=True), GOOD, Login("ann", frozenset({B.blob})))
    assert steps(Wish("ann", (C,), exclusive=True), GOOD, Login("ann", frozenset({C.blob})))
    assert steps(Wish("ann", (C,), exclusive=True), GOOD, Login("ann", by_password=True))


def test_ones_own_key_gets_no_new_limits() -> None:
    restricted = key_of(RESTRICTED)
    assert restricted is not None
    login = Login("ann", frozenset({A.blob}))
    with pytest.raises(Problem, match=r"new limits \(from\)"):
        steps(Wish("ann", (restricted,)), GOOD, login)
    assert steps(Wish("ann", (restricted,)), GOOD, Login("ann", frozenset({B.blob})))
    assert steps(Wish("ann", (restricted,)), dataclasses.replace(GOOD, text=RESTRICTED + "\n"), login) == []
    assert steps(Wish("ann", (A,)), dataclasses.replace(GOOD, text=RESTRICTED + "\n"), login)


@pytest.fixture
def home(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> t.Iterator[pathlib.Path]:
    """A home directory of ``nobody``, who exists on every Linux host; root is needed to act for another user."""
    if os.geteuid() != 0:
        pytest.skip("only root acts for another user")
    for parent in (tmp_path, *tmp_path.parents):
        if parent.stat().st_mode & 0o055 != 0o055 and parent.is_relative_to("/tmp"):
            parent.chmod(0o755)
    entry = pwd.getpwnam("nobody")
    folder = tmp_path / "home"
    folder.mkdir()
    os.chown(folder, entry.pw_uid, entry.pw_gid)
    changed = pwd.struct_passwd((*entry[:5], str(folder), entry.pw_shell))
    monkeypatch.setattr(key_files.pwd, "getpwnam", lambda name: changed)
    yield folder
    assert (os.geteuid(), os.getegid()) == (0, 0)


def converge(wish: Wish) -> bool:
    plan = key_files.make_plan(wish, key_files.observe(wish.user), None)
    key_files.apply(plan.steps)
    return bool(plan)


def test_keys_arrive_with_owner_and_modes(home: pathlib.Path) -> None:
    home.chmod(0o777)
    wish = Wish("nobody", (A, B))
    assert converge(wish)
    assert not converge(wish)
    file = home / ".ssh/authorized_keys"
    assert file.read_text() == A.line + "\n" + B.line + "\n"
    owner = pwd.getpwnam("nobody").pw_uid
    found = [(path.stat().st_uid, path.stat().st_mode & 0o7777) for path in (home, file.parent, file)]
    assert found == [(owner, 0o755), (owner, 0o700), (owner, 0o600)]
    assert [path.name for path in file.parent.iterdir()] == ["authorized_keys"]


def test_links_lead_nowhere_that_the_user_could_not_go(home: pathlib.Path, tmp_path: pathlib.Path) -> None:
    secret = tmp_path / "secret"
    secret.mkdir(mode=0o700)
    (secret / "authorized_keys").write_text("secret of root\n")
    (secret / "authorized_keys").chmod(0o600)
    (home / ".ssh").symlink_to(secret)
    with pytest.raises(Problem, match="cannot be read with that user's own rights"):
        converge(Wish("nobody", (A,)))
    (home / ".ssh").unlink()
    (home / ".ssh").mkdir()
    os.chown(home / ".ssh", *[pwd.getpwnam("nobody").pw_uid] * 2)
    (home / ".ssh/authorized_keys").symlink_to(secret / "authorized_keys")
    with pytest.raises(Problem, match="cannot be read with that user's own rights"):
        converge(Wish("nobody", (A,)))
    assert (secret / "authorized_keys").read_text() == "secret of root\n"


def test_a_home_of_somebody_else_is_named(home: pathlib.Path) -> None:
    os.chown(home, 0, 0)
    with pytest.raises(Problem, match="Cannot make the directory .* with the rights of nobody: Permission denied"):
        converge(Wish("nobody", (A,)))
