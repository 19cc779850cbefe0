# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""The driver of ``make test``: what counts as passed, and that nothing is left running."""

from __future__ import annotations

import pathlib
import sys
import time

import pytest

from run import stages
from run.stages import Run, Stage


@pytest.fixture(autouse=True)
def logs(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    monkeypatch.setattr(stages, "LOGS", tmp_path)
    monkeypatch.setattr(stages, "PROJECT", tmp_path)
    return tmp_path


def program(code: str, name: str = "one", **more) -> Stage:
    return Stage(name, (sys.executable, "-c", code), **more)


@pytest.mark.parametrize(
    ("log", "returncode", "expected"),
    [
        ("anything", 0, ("passed", 1, 0)),
        ("anything", 2, ("failed", 0, 1)),
        ("12 passed in 3.20s", 0, ("passed", 12, 0)),
        ("2 failed, 10 passed, 1 warning in 3.20s", 1, ("failed", 10, 2)),
        ("1 failed, 3 passed, 2 errors in 61.00s (0:01:01)", 1, ("failed", 3, 3)),
        ('   "7 passed in 1.00s"\n   "7 passed in 1.10s"', 0, ("passed", 14, 0)),
        ('stdout: "7 passed in 1.00s"\nstdout_lines: "7 passed in 1.00s"', 0, ("passed", 7, 0)),
        ("7 passed in 1.00s\nlater it went wrong", 1, ("failed", 7, 1)),
        ("gpu > prepare: Executed: Missing playbook (Remove ...)", 0, ("passed", 1, 0)),
        ("gpu > side_effect: Executed: Missing playbook (Remove ...)\n7 passed in 1.00s", 0, ("failed", 7, 1)),
    ],
)
def test_judge(logs: pathlib.Path, log: str, returncode: int, expected: tuple[str, int, int]):
    (logs / "one.log").write_text(log, encoding="utf-8")
    outcome = stages.judge(Stage("one", ()), returncode, 1.0)
    assert (outcome.status, outcome.passed, outcome.failed) == expected


def test_all_stages_run_and_what_depends_on_a_failed_one_does_not():
    run = Run(
        [
            program("raise SystemExit(3)", "broken"),
            program("print('4 passed in 0.1s')", "after it", after=("broken",)),
            program("print('4 passed in 0.1s')", "independent"),
        ],
        jobs=2,
        keep=False,
    )
    found = {outcome.stage.name: (outcome.status, outcome.passed, outcome.failed) for outcome in run.execute()}
    assert found == {"broken": ("failed", 0, 1), "after it": ("not run", 0, 1), "independent": ("passed", 4, 0)}


def test_a_need_that_was_not_chosen_is_taken_as_there():
    (outcome,) = Run([program("", after=("bed",))], jobs=1, keep=False).execute()
    assert outcome.status == "passed"


def test_a_stage_has_no_input_and_a_limit():
    started = time.monotonic()
    (outcome,) = Run([program("import sys, time; assert sys.stdin.read() == ''; time.sleep(60)", limit=1)], 1, False).execute()
    assert outcome.status == "failed"
    assert time.monotonic() - started < 20


def test_unknown_names_are_refused():
    with pytest.raises(SystemExit, match="there is no stage 'lnt'; choose from .*lint"):
        stages.select([Stage("yamllint", (), "lint")], ["lnt"])


def test_a_group_selects_its_stages():
    chosen = stages.select([Stage("yamllint", (), "lint"), Stage("unit", ())], ["lint"])
    assert [stage.name for stage in chosen] == ["yamllint"]
