# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the collection's playbook as a user would, and follows it."""

from __future__ import annotations

import collections
import dataclasses
import json
import os
import pathlib
import subprocess
import time
import typing as t

from demo.showing import DemoError, Show


@dataclasses.dataclass
class Outcome:
    """How one run of the playbook ended. ``changed``: host -> tasks that changed it. ``kernels``: host -> what ipykernel said."""

    seconds: float
    changed: dict[str, int]
    kernels: dict[str, list[dict[str, t.Any]]]

    @property
    def total(self) -> int:
        """Return how many tasks changed something, on all hosts together."""
        return sum(self.changed.values())


@dataclasses.dataclass
class _Task:
    role: str
    name: str
    started: float
    results: dict[str, dict[str, t.Any]] = dataclasses.field(default_factory=dict)


def run_playbook(argv: t.Sequence[str], folder: pathlib.Path, log: pathlib.Path, callbacks: pathlib.Path, show: Show) -> Outcome:
    """Run ``argv`` in ``folder``, showing each task as it ends; Ansible's own words go to ``log``.

    Raises DemoError with what the hosts said when a host failed or could not be reached.
    """
    reader, writer = os.pipe()
    environment = {
        **os.environ,
        "ANSIBLE_CONFIG": str(folder / "ansible.cfg"),
        "ANSIBLE_CALLBACKS_ENABLED": "demo_events",
        "ANSIBLE_CALLBACK_PLUGINS": str(callbacks),
        "ANSIBLE_NOCOLOR": "1",
        "DEMO_EVENTS_FD": str(writer),
    }
    started = time.monotonic()
    with log.open("w", encoding="utf-8") as words:
        process = subprocess.Popen(
            argv, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=words, stderr=words, pass_fds=[writer]
        )
        os.close(writer)
        try:
            with os.fdopen(reader, encoding="utf-8") as events:
                hosts, kernels, failures = _follow(events, show)
            code = process.wait()
        except BaseException:
            process.terminate()
            process.wait()
            raise
    if code or failures:
        said = "\n".join(failures) or log.read_text(encoding="utf-8").strip()[-1500:]
        raise DemoError(f"The playbook failed.\n{said}\nAll that Ansible said: {log}")
    changed = {host: numbers["changed"] for host, numbers in hosts.items()}
    return Outcome(time.monotonic() - started, changed, kernels)


def _follow(events: t.Iterable[str], show: Show) -> tuple[dict[str, t.Any], dict[str, t.Any], list[str]]:
    task: _Task | None = None
    hosts: dict[str, t.Any] = {}
    kernels: dict[str, t.Any] = {}
    failures: list[str] = []
    for line in events:
        event = json.loads(line)
        if event["event"] == "task":
            _finish(task, show)
            task = _Task(event["role"], event["name"], time.monotonic())
            show.working(f"{task.role}: {task.name}")
        elif event["event"] == "result" and task:
            task.results[event["host"]] = event
            if event["kernels"]:
                kernels[event["host"]] = event["kernels"]
            if event["status"] in ("failed", "unreachable"):
                failures.append(f"{event['host']}: {task.role}: {event['msg']}")
        elif event["event"] == "stats":
            _finish(task, show)
            hosts = event["hosts"]
    return hosts, kernels, failures


def _finish(task: _Task | None, show: Show) -> None:
    # Ansible checks the arguments of each role in a task of its own; nobody needs to see that it went well.
    if task is None or not task.results or task.name.startswith("Validating arguments"):
        return
    counts = collections.Counter(result["status"] for result in task.results.values())
    failed = counts["failed"] + counts["unreachable"]
    if failed:
        text = f"failed on {failed}"
    elif counts["changed"]:
        text = f"changed {counts['changed']}"
    else:
        text = "as wanted" if counts["ok"] else "skipped"
    show.task(task.role, task.name, text, time.monotonic() - task.started, bool(counts["changed"]), bool(failed))
    changed = [result for result in task.results.values() if result["status"] == "changed" and result["plan"]]
    if changed:
        show.plan(max((result["plan"] for result in changed), key=len))
    # Hosts that warn of the same thing are one warning.
    for words in dict.fromkeys(words for result in task.results.values() for words in result["warnings"]):
        show.warning(words)
