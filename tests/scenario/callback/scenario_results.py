# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Writes what every task of a playbook said, one JSON object a line, for ``judge.py`` and the benchmarks.

The folder is the environment variable ``SCENARIO_RESULTS``; the file is ``<playbook>.jsonl``, or
``<playbook>.check.jsonl`` in check mode, written anew by each run. With ``SCENARIO_MODULE_CALLS`` set to a
file, each module that is sent to a host adds a line ``host module`` to it: an action plugin may send several
for one task, or none, so counting tasks would not do.
"""

from __future__ import annotations

import json
import os
import typing as t

from ansible import context
from ansible.plugins.action import ActionBase
from ansible.plugins.callback import CallbackBase

DOCUMENTATION = r"""
name: scenario_results
type: notification
short_description: Writes task results as JSON lines
description:
  - For the tests of this collection only.
requirements:
  - The environment variable E(SCENARIO_RESULTS).
"""


def said(result: dict[str, t.Any]) -> dict[str, t.Any]:
    """Return the part of one task result that a test may expect something of."""
    return {
        "changed": bool(result.get("changed")),
        "failed": bool(result.get("failed")),
        "skipped": bool(result.get("skipped")),
        "plan": [str(line) for line in result.get("plan") or []],
        "msg": str(result.get("msg", "")),
    }


class CallbackModule(CallbackBase):
    """Collects results of one ``ansible-playbook`` run."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "scenario_results"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        self._stream: t.TextIO | None = None
        if os.environ.get("SCENARIO_MODULE_CALLS"):
            count_module_calls(os.environ["SCENARIO_MODULE_CALLS"])

    def v2_playbook_on_start(self, playbook: t.Any) -> None:
        folder = os.environ.get("SCENARIO_RESULTS")
        if not folder:
            return
        os.makedirs(folder, exist_ok=True)
        name = os.path.splitext(os.path.basename(playbook._file_name))[0]
        suffix = ".check.jsonl" if context.CLIARGS.get("check") else ".jsonl"
        self._stream = open(os.path.join(folder, name + suffix), "w", encoding="utf-8")  # noqa: SIM115

    def _write(self, result: t.Any, **facts: t.Any) -> None:
        if self._stream is None:
            return
        task, value = result.task, result.result
        items = value.get("results") if task.loop is not None or task.loop_with else None
        lines = items if isinstance(items, list) else [value]
        for line in lines:
            entry = {
                "host": result.host.get_name(),
                "task": task.get_name(),
                "module": task.resolved_action or task.action,
                **said(line),
                **facts,
            }
            self._stream.write(json.dumps(entry, sort_keys=True) + "\n")
        self._stream.flush()

    def v2_runner_on_ok(self, result: t.Any) -> None:
        self._write(result)

    def v2_runner_on_skipped(self, result: t.Any) -> None:
        self._write(result, skipped=True)

    def v2_runner_on_failed(self, result: t.Any, ignore_errors: bool = False) -> None:
        self._write(result, failed=not ignore_errors)

    def v2_runner_on_unreachable(self, result: t.Any) -> None:
        self._write(result, failed=True)


def count_module_calls(path: str) -> None:
    """Make every later ``_execute_module`` of this process and its forks add a line to ``path``."""
    original = ActionBase._execute_module

    def counted(self: ActionBase, module_name: str | None = None, *args: t.Any, **kwargs: t.Any) -> t.Any:
        task_vars = kwargs.get("task_vars") or {}
        with open(path, "a", encoding="utf-8") as stream:
            stream.write(f"{task_vars.get('inventory_hostname', '?')} {module_name or self._task.action}\n")
        return original(self, module_name, *args, **kwargs)

    ActionBase._execute_module = counted
