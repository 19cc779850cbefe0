# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs in the background: real processes, whose results, limits and ends are seen through their folder only."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import time
import zipfile

import pytest

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda import job
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem

NAME = "0123456789abcdef"


@pytest.fixture(autouse=True)
def parent(tmp_path, monkeypatch):
    folder = tmp_path / "jobs"
    folder.mkdir(mode=0o700)
    monkeypatch.setattr(job, "parent_directory", lambda: str(folder))
    return folder


@pytest.fixture
def slow(monkeypatch):
    monkeypatch.setattr(job, "FIRST_LOOK", 0.0)


def answer_of(name=NAME):
    """Return what the job says when it has ended."""
    return last_of(job.collect(name), name)


def last_of(answer, name=NAME):
    """Return what the job says when it has ended; ``answer``: what it said so far, which may be that: it is told only once."""
    while answer is not None and "_job" in answer:
        time.sleep(0.02)
        answer = job.collect(name)
    return answer


def pid_from(path):
    while not path.exists() or not path.read_text():
        time.sleep(0.02)
    return int(path.read_text())


def is_gone(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            return file.read().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def say(**answer):
    os.write(1, json.dumps(answer).encode())  # sys.stdout is pytest's
    raise SystemExit(0)


def test_the_result_of_quick_work_is_had_at_once(parent, monkeypatch):
    monkeypatch.setattr(job, "FIRST_LOOK", 60.0)
    assert job.run(NAME, 60, "/store", lambda progress: say(changed=True)) == {"changed": True}
    assert list(parent.iterdir()) == []


def test_longer_work_is_looked_after_later(parent, slow, tmp_path):
    go = tmp_path / "go"

    def work(progress):
        progress.begin("fetch", "ai_env", 2)
        while not go.exists():
            time.sleep(0.02)
        say(changed=True)

    handle = job.run(NAME, 60, "/store", work)
    assert handle == {"_job": str(parent / NAME)}
    while job.state_of_other("/store") is None:
        time.sleep(0.02)
    assert job.state_of_other("/store")["phase"] == "fetch"
    assert job.state_of_other("/another") is None
    for path in [parent / NAME, *(parent / NAME).iterdir()]:
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0
    assert job.run(NAME, 60, "/store", lambda progress: say(changed="the second one")) == handle
    go.touch()
    assert answer_of() == {"changed": True}
    assert job.collect(NAME) is None
    assert job.state_of_other("/store") is None


def test_work_that_takes_too_long_is_told_to_stop_and_cleans_up(slow, tmp_path):
    cleaned = tmp_path / "cleaned"

    def work(progress):
        try:
            progress.begin("link", "ai_env", 2)
            subprocess.run(["sleep", "600"], check=False)
        except job.Stopped as stopped:
            cleaned.touch()
            say(failed=True, msg=str(stopped))

    job.run(NAME, 1, "/store", work)
    answer = answer_of()
    assert answer["failed"] and answer["msg"] == "It did not end within 1 s (time_limit) and was stopped (phase: link)"
    assert cleaned.exists()


def test_work_that_does_not_stop_is_killed_with_all_that_it_started(slow, tmp_path, monkeypatch):
    monkeypatch.setattr(job, "GRACE", 1.0)
    pids = tmp_path / "pid"

    def work(progress):
        # A grandchild that no longer belongs to anybody, in a session of its own.
        subprocess.run(["sh", "-c", f"setsid sleep 600 & echo $! > {pids}"], check=True)
        progress.begin("bytecode", "ai_env")
        signal.signal(signal.SIGALRM, signal.SIG_IGN)
        while True:
            time.sleep(600)

    job.run(NAME, 1, "/store", work)
    grandchild = pid_from(pids)
    answer = answer_of()
    assert answer["failed"] and "did not end within 1 s (time_limit)" in answer["msg"]
    assert "run again" in answer["msg"]
    assert is_gone(grandchild)


@pytest.mark.parametrize("phase", ["wait", "switch"])
def test_the_limit_is_not_for_waiting_and_switching(slow, phase):
    def work(progress):
        progress.begin("fetch", "ai_env", 1)
        progress.begin(phase)
        time.sleep(1.5)
        say(changed=True)

    job.run(NAME, 1, "/store", work)
    assert answer_of() == {"changed": True}


def test_what_ends_well_leaves_nothing_running_either(slow, tmp_path):
    pids = tmp_path / "pid"

    def work(progress):
        subprocess.run(["sh", "-c", f"setsid sleep 600 & echo $! > {pids}"], check=True)
        say(changed=True)

    assert last_of(job.run(NAME, 60, "/store", work)) == {"changed": True}
    # The result is there before the warden has tidied up.
    while not is_gone(pid_from(pids)):
        time.sleep(0.02)


@pytest.mark.parametrize("warden_too", [False, True])
def test_killed_work_is_said_to_be(parent, slow, warden_too):
    job.run(NAME, 60, "/store", lambda progress: time.sleep(600))
    warden, worker = (int(pid) for pid in (parent / NAME / "pid").read_text().split())
    if warden_too:
        os.kill(warden, signal.SIGKILL)
    os.kill(worker, signal.SIGKILL)
    answer = answer_of()
    assert answer["failed"] and not answer["changed"]
    assert "was killed" in answer["msg"] and "run again" in answer["msg"]
    assert list(parent.iterdir()) == []


def test_work_that_breaks_off_is_said_to_have(slow):
    assert "broke off" in last_of(job.run(NAME, 60, "/store", lambda progress: os._exit(3)))["msg"]


def test_jobs_that_nobody_asks_for_are_forgotten(parent, monkeypatch):
    monkeypatch.setattr(job, "FIRST_LOOK", 60.0)
    old, recent = parent / "aaaaaaaaaaaaaaaa", parent / "bbbbbbbbbbbbbbbb"
    for folder in (old, recent):
        folder.mkdir()
        (folder / "result").write_text("{}")
    os.utime(old, (1, 1))
    job.run(NAME, 60, "/store", lambda progress: say(changed=False))
    assert list(parent.iterdir()) == [recent]


@pytest.mark.parametrize("name", ["", "..", "../../etc", "0123456789abcdef/x", "ABCDEF0123456789"])
def test_names_that_lead_elsewhere_are_refused(name):
    with pytest.raises(Problem, match="not by users"):
        job.collect(name)


def test_code_is_loaded_before_its_archive_goes(tmp_path):
    """As Ansible does it: the code lies in an archive that the starting process removes when it ends."""
    root = os.path.dirname(os.path.dirname(job.__file__))
    package = "ansible_collections/lockstep/gpufleet/plugins/module_utils"
    archive = tmp_path / "payload.zip"
    with zipfile.ZipFile(archive, "w") as code:
        for depth in range(package.count("/") + 1):
            code.writestr("/".join(package.split("/")[: depth + 1]) + "/__init__.py", "")
        for folder in ("_conda", "_jupyter"):
            code.writestr(f"{package}/{folder}/__init__.py", "")
        folders = {"": ["_files.py", "_plan.py"], **{f"{one}/": os.listdir(f"{root}/{one}") for one in ("_conda", "_jupyter")}}
        for folder, names in folders.items():
            for name in names:
                if name.endswith(".py") and name != "__init__.py":
                    code.write(f"{root}/{folder}{name}", f"{package}/{folder}{name}")
    program = tmp_path / "program.py"
    program.write_text(
        "import json, os, sys, time\n"
        f"sys.path.insert(0, {str(archive)!r})\n"
        "from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda import job\n"
        f"job.parent_directory = lambda: {str(tmp_path / 'jobs')!r}\n"
        "job.FIRST_LOOK = 0.0\n"
        "def work(progress):\n"
        f"    while os.path.exists({str(archive)!r}):\n"
        "        time.sleep(0.02)\n"
        "    import inspect\n"
        "    from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda import build, link_program\n"
        "    print(json.dumps({'source': 'PackageCache' in inspect.getsource(link_program)}))\n"
        f"print(job.run({NAME!r}, 60, '/store', work))\n"
        f"os.unlink({str(archive)!r})\n",
        encoding="utf-8",
    )
    started = subprocess.run([sys.executable, "-I", program], capture_output=True, text=True, check=True)
    assert "_job" in started.stdout, started
    assert answer_of() == {"source": True}
