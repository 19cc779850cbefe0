# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""The judge of the molecule scenarios must not wave anything through."""

from __future__ import annotations

import json
import pathlib

import pytest

from scenario import judge


def said(changed: bool = True, plan: tuple[str, ...] = (), host: str = "h1", task: str = "role : Do it") -> judge.Said:
    return judge.Said(host=host, task=task, module="ns.c.m", changed=changed, failed=False, plan=plan)


@pytest.mark.parametrize(
    ("predicted", "done", "unpredicted", "complaint"),
    [
        ([said()], [said()], {}, None),
        ([said(plan=("a",))], [said(plan=("a",))], {}, None),
        ([said(plan=("a",))], [said(plan=("a", "b"))], {}, "but the run's plan was"),
        ([said(plan=("a",))], [said(plan=("a", "b"))], {"Do it": "a reason"}, None),
        ([said()], [said(changed=False)], {}, "but the run did"),
        ([said(), said(False, task="x")], [said(), said(True, task="x")], {"x": "a reason"}, "but the run did"),
        ([said()], [said(), said(task="more")], {}, "not predicted at all"),
        ([said()], [], {}, "did not have this task"),
        ([said(changed=False)], [said(changed=False)], {}, "no change at all"),
    ],
)
def test_prediction(predicted, done, unpredicted, complaint):
    wrong = judge.judge_prediction(predicted, done, unpredicted)
    assert (complaint is None and wrong == []) or (complaint and complaint in "\n".join(wrong))


@pytest.mark.parametrize(
    ("reported", "expected", "complaint"),
    [
        ([said(), said(False, task="quiet")], {"h1": [{"task": "Do it"}]}, None),
        ([said(plan=("replace numpy 1",))], {"h1": [{"task": "Do it", "plan": ["replace numpy .*"]}]}, None),
        ([said(plan=("replace numpy 1",))], {"h1": [{"task": "Do it", "plan": ["numpy"]}]}, "no expectation matches"),
        ([said(plan=("a", "b"))], {"h1": [{"task": "Do it", "plan": ["a"]}]}, "no expectation matches the plan line 'b'"),
        ([said(plan=("a",))], {"h1": [{"task": "Do it", "plan": ["a", "c"]}]}, "no plan line matches 'c'"),
        ([said(False)], {"h1": [{"task": "Do it"}]}, "drift not reported: Do it"),
        ([said(), said(host="h2")], {"h1": [{"task": "Do it"}]}, "nobody caused it: h2"),
        ([said(), said(task="other")], {"h1": [{"task": "Do it"}]}, "nobody caused it"),
    ],
)
def test_drift(reported, expected, complaint):
    wrong = judge.judge_drift(reported, expected)
    assert (complaint is None and wrong == []) or (complaint and complaint in "\n".join(wrong))


def test_a_failed_task_is_never_right():
    failed = judge.Said("h1", "Do it", "m", changed=True, failed=True, plan=())
    assert judge.judge_drift([failed], {"h1": [{"task": "Do it"}]})
    assert judge.judge_prediction([failed], [failed], {})


def test_loop_items_are_read_as_one_task(tmp_path: pathlib.Path):
    one = {"host": "h1", "task": "t", "module": "m", "failed": False}
    lines = [{**one, "changed": False, "plan": ["a"]}, {**one, "changed": True, "plan": ["b"]}]
    path = tmp_path / "converge.jsonl"
    path.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    assert judge.read_results(path) == [judge.Said("h1", "t", "m", changed=True, failed=False, plan=("a", "b"))]


def test_missing_results_are_an_error(tmp_path: pathlib.Path):
    with pytest.raises(SystemExit, match="missing"):
        judge.read_results(tmp_path / "converge.jsonl")
