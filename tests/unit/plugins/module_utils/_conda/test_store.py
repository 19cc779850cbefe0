# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names, paths and ids of the store."""

from __future__ import annotations

import pytest

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda import store
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem


@pytest.mark.parametrize("name", ["ai_env", "a", "py3.11", "_x", "torch-2.4+cu124", "9"])
def test_good_names(name):
    assert store.check_name(name) == name


@pytest.mark.parametrize("name", ["", ".", "..", ".hidden", "-x", "a/b", "../a", "a b", "a\n", "ä", "a" * 101, "a\0"])
def test_bad_names(name):
    with pytest.raises(Problem, match="is no name for an environment"):
        store.check_name(name)


@pytest.mark.parametrize(("root", "expected"), [("/opt/lockstep", "/opt/lockstep"), ("/srv/x/", "/srv/x")])
def test_good_roots(root, expected):
    assert store.check_root(root) == expected


@pytest.mark.parametrize("root", ["", "opt", "./x", "/a b", "/a/../b", "/a//b", "/a\n"])
def test_bad_roots(root):
    with pytest.raises(Problem, match="must be an absolute path"):
        store.check_root(root)


def test_an_id_depends_on_all_that_shapes_files_and_on_nothing_else():
    base = store.generation_id("e", "lock", {"bytecode": True, "x": 1}, {"a": "1", "b": "2"})
    assert base == store.generation_id("e", "lock", {"x": 1, "bytecode": True}, {"b": "2", "a": "1"})
    others = {
        store.generation_id("f", "lock", {"bytecode": True, "x": 1}, {"a": "1", "b": "2"}),
        store.generation_id("e", "other", {"bytecode": True, "x": 1}, {"a": "1", "b": "2"}),
        store.generation_id("e", "lock", {"bytecode": False, "x": 1}, {"a": "1", "b": "2"}),
        store.generation_id("e", "lock", {"bytecode": True, "x": 1}, {"a": "1", "b": "3"}),
    }
    assert len(others | {base}) == 5
    assert store.split_generation(base) == (base, 1)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("0123456789abcdef", ("0123456789abcdef", 1)),
        ("0123456789abcdef-2", ("0123456789abcdef", 2)),
        ("0123456789abcdef-10", ("0123456789abcdef", 10)),
        ("0123456789abcdef-1", None),
        ("0123456789abcdef-02", None),
        ("0123456789ABCDEF", None),
        ("0123456789abcdef0", None),
        ("..", None),
    ],
)
def test_names_of_generations(name, expected):
    assert store.split_generation(name) == expected


def test_a_prefix_that_packages_cannot_hold():
    with pytest.raises(Problem, match="255 at most"):
        store.Store("/opt/" + "x" * 210).check_prefix("0" * 16, "ai_env")


@pytest.mark.parametrize(("machine", "platform"), [("x86_64", "linux-64"), ("aarch64", "linux-aarch64")])
def test_platforms(machine, platform):
    assert store.host_platform(machine) == platform


def test_a_platform_without_an_engine():
    with pytest.raises(Problem, match="This host is a riscv64"):
        store.host_platform("riscv64")
