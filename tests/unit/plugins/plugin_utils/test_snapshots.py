# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Snapshots on the controller: what is written, and what check mode says of generations that do not exist yet."""

from __future__ import annotations

import os

import pytest

from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils import _snapshots

ONE, TWO = "1" * 16, "2" * 16 + "-2"
TEXTS = {export: f"{export}\n" for export in _snapshots.FILES}


def prefix(generation):
    return f"/opt/lockstep/generations/{generation}/envs/e"


def found(generation=ONE, sealed=True, texts=None):
    return [{"name": "e", "generation": generation, "sealed": sealed, "exports": texts or TEXTS, "notes": ["It is gone."]}]


def run(directory, generation, entries):
    plan = _snapshots.make_plan(str(directory), {"e": prefix(generation)}, entries)
    _snapshots.apply(plan)
    return [str(step) for step in plan.steps]


def test_written_once_and_again_when_it_differs(tmp_path):
    every = f"e: write environment.yml, explicit.txt, requirements.txt, seal.json of generation {ONE}"
    assert run(tmp_path, ONE, found()) == [every]
    assert sorted(os.listdir(tmp_path / "e" / ONE)) == ["environment.yml", "explicit.txt", "requirements.txt", "seal.json"]
    assert (tmp_path / "e" / ONE / "seal.json").read_text() == "seal\n"
    assert run(tmp_path, ONE, found()) == []
    (tmp_path / "e" / ONE / "seal.json").write_text("edited")
    (tmp_path / "e" / ONE / "explicit.txt").unlink()
    assert run(tmp_path, ONE, found()) == [f"e: write explicit.txt, seal.json of generation {ONE}"]
    assert (tmp_path / "e" / ONE / "seal.json").read_text() == "seal\n"
    run(tmp_path, TWO, found(TWO))
    assert sorted(os.listdir(tmp_path / "e")) == [ONE, TWO]


def test_check_mode_predicts_generations_that_do_not_exist(tmp_path):
    plan = _snapshots.make_plan(str(tmp_path), {"e": prefix(TWO)}, found(ONE))
    assert [str(step) for step in plan.steps] == [
        f"e: write environment.yml, explicit.txt, requirements.txt, seal.json of generation {TWO}"
    ]
    assert {diff["after"] for diff in plan.diff} == {"What it says is known when the generation is built.\n"}
    run(tmp_path, TWO, found(TWO))
    # It is left, and a run would go back to it: its files are here already, and are the same on all hosts.
    assert not _snapshots.make_plan(str(tmp_path), {"e": prefix(TWO)}, found(ONE))


def test_the_diff_has_both_texts(tmp_path):
    run(tmp_path, ONE, found())
    plan = _snapshots.make_plan(str(tmp_path), {"e": prefix(ONE)}, found(texts={**TEXTS, "explicit": "new\n"}))
    assert [(diff["before"], diff["after"]) for diff in plan.diff] == [("explicit\n", "new\n")]


@pytest.mark.parametrize(
    ("generation", "entries", "message"),
    [
        ("..", found(), "is no path of a generation of e"),
        (ONE, found(sealed=False), "e: no snapshot can be made. It is gone."),
    ],
)
def test_what_cannot_be_kept(tmp_path, generation, entries, message):
    with pytest.raises(Problem, match=message):
        _snapshots.make_plan(str(tmp_path), {"e": prefix(generation)}, entries)


@pytest.mark.parametrize(
    ("directory", "expected"),
    [
        ("snapshots", "/fleet/snapshots/gpu01"),
        ("../snapshots/", "/snapshots/gpu01"),
        ("/srv/s", "/srv/s/gpu01"),
    ],
)
def test_where_they_go(directory, expected):
    assert _snapshots.place(directory, "/fleet", "gpu01") == expected


@pytest.mark.parametrize(("directory", "host"), [("", "gpu01"), ("s", ".."), ("s", "a/b")])
def test_where_they_cannot_go(directory, host):
    with pytest.raises(Problem):
        _snapshots.place(directory, "/fleet", host)
