# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which data directories a scope means."""

from __future__ import annotations

import pwd

import pytest
from ansible_collections.lockstep.gpufleet.plugins.module_utils._jupyter import places
from ansible_collections.lockstep.gpufleet.plugins.module_utils._jupyter.places import Place
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem

ACCOUNTS = {"mia": 1001, "noa": 1002, "root": 0}


@pytest.fixture(autouse=True)
def accounts(monkeypatch):
    def by_name(name):
        return pwd.struct_passwd((name, "x", ACCOUNTS[name], 1, "", f"/home/{name}", "/bin/sh"))

    monkeypatch.setattr(pwd, "getpwnam", by_name)
    monkeypatch.setattr(pwd, "getpwuid", lambda uid: by_name({uid: name for name, uid in ACCOUNTS.items()}[uid]))


def be(monkeypatch, uid):
    monkeypatch.setattr(places.os, "geteuid", lambda: uid)


@pytest.mark.parametrize(
    ("uid", "scope", "users", "expected"),
    [
        (0, "system", None, [Place(None, "/usr/local/share/jupyter")]),
        (0, "system", [], [Place(None, "/usr/local/share/jupyter")]),
        (0, "user", ["mia", "noa", "mia"], [Place(name, f"/home/{name}/.local/share/jupyter") for name in ("mia", "noa")]),
        (1001, "user", None, [Place("mia", "/home/mia/.local/share/jupyter")]),
        (1001, "user", ["mia"], [Place("mia", "/home/mia/.local/share/jupyter")]),
    ],
)
def test_a_scope_and_its_places(monkeypatch, uid, scope, users, expected):
    be(monkeypatch, uid)
    assert places.places(scope, users) == expected


@pytest.mark.parametrize(
    ("uid", "scope", "users", "words"),
    [
        (0, "system", ["mia"], "users: .*scope: user"),
        (0, "user", [], "users: the list is empty"),
        (0, "user", ["mia", "ghost"], "no account 'ghost'"),
        (1001, "user", ["mia", "noa"], "only root can register kernels of noa"),
    ],
)
def test_users_that_make_no_sense_are_refused(monkeypatch, uid, scope, users, words):
    be(monkeypatch, uid)
    with pytest.raises(Problem, match=words):
        places.places(scope, users)
