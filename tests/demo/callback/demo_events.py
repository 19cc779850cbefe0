# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Tells the demo what the playbook does, one JSON object a line, on the file descriptor in DEMO_EVENTS_FD."""

from __future__ import annotations

import json
import os
import typing as t

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = r"""
name: demo_events
type: notification
short_description: Writes what happens in a playbook as JSON lines
description:
  - For the demo of this collection only.
requirements:
  - The environment variable E(DEMO_EVENTS_FD).
"""


class CallbackModule(CallbackBase):
    """Follows one run of ``ansible-playbook``."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "demo_events"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        descriptor = os.environ.get("DEMO_EVENTS_FD")
        self._stream = os.fdopen(int(descriptor), "w", buffering=1, encoding="utf-8") if descriptor else None

    def _tell(self, event: str, **facts: t.Any) -> None:
        if self._stream:
            self._stream.write(json.dumps({"event": event, **facts}) + "\n")

    def v2_playbook_on_task_start(self, task: t.Any, is_conditional: bool) -> None:
        role = task._role.get_name().rsplit(".", 1)[-1] if task._role else ""
        self._tell("task", role=role, name=task.get_name().rsplit(" : ", 1)[-1])

    def _result(self, status: str, result: t.Any, **facts: t.Any) -> None:
        value = result.result
        self._tell(
            "result",
            status=status,
            host=result.host.get_name(),
            plan=[str(line) for line in value.get("plan") or []],
            kernels=value.get("kernels") or [],
            warnings=[str(words) for words in value.get("warnings") or []],
            **facts,
        )

    def v2_runner_on_ok(self, result: t.Any) -> None:
        self._result("changed" if result.result.get("changed") else "ok", result)

    def v2_runner_on_skipped(self, result: t.Any) -> None:
        self._result("skipped", result)

    def v2_runner_on_failed(self, result: t.Any, ignore_errors: bool = False) -> None:
        self._result("ignored" if ignore_errors else "failed", result, msg=str(result.result.get("msg", "")))

    def v2_runner_on_unreachable(self, result: t.Any) -> None:
        self._result("unreachable", result, msg=str(result.result.get("msg", "")))

    def v2_playbook_on_stats(self, stats: t.Any) -> None:
        self._tell("stats", hosts={host: stats.summarize(host) for host in sorted(stats.processed)})
