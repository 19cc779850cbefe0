# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Watching a job from the controller, with connections that break."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from ansible.errors import AnsibleAuthenticationFailure, AnsibleConnectionFailure

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
        ({"pid": "WORKER\n", "progress": '{"phase": "link"}'}, 'lockstep-job: running\n{"phase": "link"}'),
        ({"pid": "4194999 WORKER\n"}, "lockstep-job: running\n"),
        ({"pid": "WORKER\n", "result": "{}"}, "lockstep-job: ended\n"),
        ({"pid": "4194999\n", "progress": "{}"}, "lockstep-job: ended\n"),
        ({"pid": f"{os.getpid()}\n", "progress": "{}"}, "lockstep-job: ended\n"),
        (None, "lockstep-job: gone\n"),
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


@pytest.mark.parametrize(
    ("last", "known"),
    [
        ("lockstep-job: ended\n", True),
        ("\r\nlockstep-job: gone\r\n", False),
        ("", True),  # not to be read: the module is asked
    ],
)
def test_follow(last, known):
    looks = iter(
        [
            "lockstep-job: running\n",
            '\r\nlockstep-job: running\r\n{"phase": "fetch"}\r\n',  # sudo has asked for a password
            "lockstep-job: running\nnonsense",
            'lockstep-job: running\n{"phase": "link"}',
            last,
        ]
    )
    told, pauses = [], []
    assert _job.follow(lambda: next(looks), told.append, pauses.append) is known
    assert told == [{"phase": "fetch"}, {"phase": "link"}]
    assert pauses == sorted(pauses) and pauses[0] == _job.FIRST_PAUSE


def test_pauses_have_an_end():
    looks = iter(["lockstep-job: running\n" + json.dumps({})] * 30 + ["lockstep-job: ended"])
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


def test_wrong_passwords_are_not_repeated():
    calls = []

    def call():
        calls.append(1)
        raise AnsibleAuthenticationFailure("wrong")

    with pytest.raises(AnsibleAuthenticationFailure):
        _job.patiently(call, lambda: None, lambda: None, sleep=lambda seconds: None)
    assert len(calls) == 1


def test_patience_ends():
    host = Host(10**6)
    with pytest.raises(AnsibleConnectionFailure):
        host.ask()
    assert _job.PATIENCE <= host.now < _job.PATIENCE + 60
