# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Judges what check mode said in a molecule scenario.

Two questions, both about files that the callback ``scenario_results`` has written into RESULTS:

``judge.py prediction RESULTS SCENARIO``
    Did ``--check`` on the bare host (converge.check.jsonl) say of every task what the run then did
    (converge.jsonl): changed or not, and the same plan lines?
``judge.py drift RESULTS SCENARIO``
    Does ``--check`` after drift.yml (converge.check.jsonl) report what SCENARIO/expected_drift.yml
    lists, no more and no less?
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import pathlib
import re
import sys
import typing as t

import yaml


@dataclasses.dataclass(frozen=True)
class Said:
    """What one task said about one host, loop items together."""

    host: str
    task: str
    module: str
    changed: bool
    failed: bool
    plan: tuple[str, ...]

    def __str__(self) -> str:
        lines = [f"{self.host}: {self.task} ({self.module}): {'changed' if self.changed else 'ok'}"]
        return "\n".join(lines + [f"    {line}" for line in self.plan])


def read_results(path: pathlib.Path) -> list[Said]:
    """Return what the tasks said, one entry for each task and host, in the order of the run."""
    if not path.is_file():
        raise SystemExit(f"{path} is missing: did the step before this one run?")
    found: dict[tuple[str, str, str], Said] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        one = json.loads(line)
        key = (one["host"], one["task"], one["module"])
        before = found.get(key, Said(*key, changed=False, failed=False, plan=()))
        found[key] = dataclasses.replace(
            before,
            changed=before.changed or one["changed"],
            failed=before.failed or one["failed"],
            plan=before.plan + tuple(one["plan"]),
        )
    return list(found.values())


def judge_prediction(predicted: list[Said], done: list[Said], unpredicted: dict[str, str]) -> list[str]:
    """Return one sentence for each way in which the run differed from its prediction.

    ``unpredicted``: task name (or its end after ``role : ``) -> reason, for tasks whose plan lines depend on
    running something; whether they change must be predicted all the same.
    """
    wrong: list[str] = []
    if not any(said.changed for said in predicted):
        wrong.append("check mode on the bare host predicted no change at all")
    for said in predicted:
        if said.failed:
            wrong.append(f"check mode failed: {said}")
    key = {(said.host, said.task, said.module): said for said in done}
    for before in predicted:
        after = key.pop((before.host, before.task, before.module), None)
        if after is None:
            if before.changed:
                wrong.append(f"predicted, but the run did not have this task: {before}")
            continue
        if before.changed != after.changed:
            wrong.append(f"check mode said:\n{before}\nbut the run did:\n{after}")
        elif before.plan != after.plan and short(before.task) not in unpredicted:
            wrong.append(f"check mode said:\n{before}\nbut the run's plan was:\n{after}")
    wrong += [f"not predicted at all: {said}" for said in key.values() if said.changed]
    return wrong


def judge_drift(reported: list[Said], expected: dict[str, list[dict[str, t.Any]]]) -> list[str]:
    """Return one sentence for each drift that is reported and not expected, or expected and not reported.

    ``expected``: host -> list of ``{task: name without role, plan: [regular expression, ...]}``. Every plan line
    must match one expression as a whole and every expression one line; without ``plan``, changed is enough.
    """
    wrong = [f"check mode failed: {said}" for said in reported if said.failed]
    changed = {(said.host, short(said.task)): said for said in reported if said.changed}
    for host, entries in expected.items():
        for entry in entries:
            said = changed.pop((host, entry["task"]), None)
            if said is None:
                wrong.append(f"{host}: drift not reported: {entry['task']}")
            elif "plan" in entry:
                wrong += compare_plan(said, entry["plan"])
    wrong += [f"reported, but nobody caused it: {said}" for said in changed.values()]
    return wrong


def compare_plan(said: Said, patterns: list[str]) -> list[str]:
    """Return what is wrong with the plan lines of one task; see ``judge_drift``."""
    wrong = [
        f"{said.host}: {said.task}: no expectation matches the plan line {line!r}"
        for line in said.plan
        if not any(re.fullmatch(pattern, line) for pattern in patterns)
    ]
    return wrong + [
        f"{said.host}: {said.task}: no plan line matches {pattern!r}; the plan is {list(said.plan)}"
        for pattern in patterns
        if not any(re.fullmatch(pattern, line) for line in said.plan)
    ]


def short(task: str) -> str:
    """Return the task's name without the role that Ansible puts before it."""
    return task.rsplit(" : ", 1)[-1]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("question", choices=["prediction", "drift"])
    parser.add_argument("results", type=pathlib.Path)
    parser.add_argument("scenario", type=pathlib.Path)
    args = parser.parse_args()
    predicted = read_results(args.results / "converge.check.jsonl")
    if args.question == "prediction":
        exceptions = args.scenario / "unpredicted.yml"
        unpredicted = yaml.safe_load(exceptions.read_text(encoding="utf-8")) if exceptions.is_file() else {}
        wrong = judge_prediction(predicted, read_results(args.results / "converge.jsonl"), unpredicted)
    else:
        expectations = args.scenario / "expected_drift.yml"
        wrong = judge_drift(predicted, yaml.safe_load(expectations.read_text(encoding="utf-8")))
    print("\n".join(wrong) or f"{args.question}: {sum(said.changed for said in predicted)} changes, all as they should be")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
