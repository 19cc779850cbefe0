# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Watching a job from the controller, with connections that break."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from ansible.errors import AnsibleConnectionFailure

from ansible_collections.lockstep.gpufleet.plugins.plugin_utils import _job


@pytest.fixture
def worker():
    """A process that calls itself as workers do."""
    program = "import ctypes, time; ctypes.CDLL(None).prctl(15, b'lockstep-build'); print(1, flush=True); time.sleep(600)"
    process = subprocess.Popen([sys.executable, "-I", "-c", program], stdout=subprocess.PIPE)
    process.stdout.readline()
    yield process.pid
    process.kill()
    process.wait()


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"pid": "WORKER\n", "progress": '{"phase": "link"}'}, 'running\n{"phase": "link"}'),
        ({"pid": "4194999 WORKER\n"}, "running\n"),
        ({"pid": "WORKER\n", "result": "{}"}, "ended\n"),
        ({"pid": "4194999\n", "progress": "{}"}, "ended\n"),
        ({"pid": f"{os.getpid()}\n", "progress": "{}"}, "ended\n"),
        (None, "gone\n"),
    ],
)
def test_command(tmp_path, files, said, worker):
    folder = tmp_path / "it's a job"
    if files is not None:
        folder.mkdir()
        for name, text in files.items():
            (folder / name).write_text(text.replace("WORKER", str(worker)), encoding="utf-8")
    answer = subprocess.run(["/bin/sh", "-c", _job.command(str(folder))], capture_output=True, text=True, check=True)
    assert (answer.stdout, answer.stderr) == (said, "")


@pytest.mark.parametrize(("last", "known"), [("ended\n", True), ("gone\r\n", False), ("", False)])
def test_follow(last, known):
    looks = iter(["running\n", 'running\r\n{"phase": "fetch"}\r\n', "running\nnonsense", 'running\n{"phase": "link"}', last])
    told, pauses = [], []
    assert _job.follow(lambda: next(looks), told.append, pauses.append) is known
    assert told == [{"phase": "fetch"}, {"phase": "link"}]
    assert pauses == sorted(pauses) and pauses[0] == _job.FIRST_PAUSE


def test_pauses_have_an_end():
    looks = iter(["running\n" + json.dumps({})] * 30 + ["ended"])
    pauses = []
    assert _job.follow(lambda: next(looks), lambda state: None, pauses.append)
    assert max(pauses) == _job.LONGEST_PAUSE


class Host:
    """A host that cannot be reached so many times."""

    def __init__(self, failures):
        self.failures = failures
        self.now = 0.0
        self.recovered = self.lost = 0

    def call(self):
        if self.failures:
            self.failures -= 1
            raise AnsibleConnectionFailure("no route to host")
        return "answer"

    def recover(self):
        self.recovered += 1

    def say_lost(self):
        self.lost += 1

    def sleep(self, seconds):
        self.now += seconds

    def ask(self):
        return _job.patiently(self.call, self.recover, self.say_lost, lambda: self.now, self.sleep)


@pytest.mark.parametrize(("failures", "lost"), [(0, 0), (1, 0), (2, 1), (20, 1)])
def test_patience(failures, lost):
    host = Host(failures)
    assert host.ask() == "answer"
    assert (host.recovered, host.lost) == (failures, lost)


def test_patience_ends():
    host = Host(10**6)
    with pytest.raises(AnsibleConnectionFailure):
        host.ask()
    assert _job.PATIENCE <= host.now < _job.PATIENCE + 60
