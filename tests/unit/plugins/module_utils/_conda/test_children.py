# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Children of a killed run: dead, and the store's lock free no sooner than they are."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda import bytecode_program, children, locking

PARENT = """
import pathlib, sys
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda import children, locking
with locking.exclusive(sys.argv[1], 5.0, lambda: None):
    children.run(["/bin/sh", "-c", "echo $$ > %s.pid; exec sleep 600" % sys.argv[1]], {"PATH": "/usr/bin:/bin"})
"""


def until(condition, what):
    for _attempt in range(600):
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError(what)


def is_alive(pid):
    with contextlib.suppress(OSError):
        state = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        return state not in ("Z", "X")
    return False


def is_free(path):
    descriptor = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except OSError:
        return False
    finally:
        os.close(descriptor)


@pytest.fixture
def parent(tmp_path):
    lock = tmp_path / "lock"
    process = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(lock)],
        env=dict(os.environ, PYTHONPATH=":".join(sys.path)),
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),  # which whoever runs the tests may ignore (nohup)
    )
    pid_file = tmp_path / "lock.pid"
    until(lambda: pid_file.exists() and pid_file.read_text().strip(), "the child did not start")
    yield process, lock, int(pid_file.read_text())
    process.kill()
    process.wait()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
def test_the_child_dies_with_its_parent(parent, number):
    process, lock, child = parent
    assert is_alive(child) and not is_free(lock)
    process.send_signal(number)
    process.wait()
    until(lambda: not is_alive(child), "the child outlived its parent")
    until(lambda: is_free(lock), "the lock is held by nobody that lives")


def test_a_child_keeps_the_lock_that_its_parent_held(tmp_path):
    lock = str(tmp_path / "lock")
    with locking.exclusive(lock, 1.0, lambda: None):
        assert len(locking.held()) == 1
        answer = children.run(["/bin/sh", "-c", "ls -l /proc/self/fd"], {"PATH": "/usr/bin:/bin"})
    assert lock in answer.stdout.decode()
    assert locking.held() == ()
    assert lock not in children.run(["/bin/sh", "-c", "ls -l /proc/self/fd"], {"PATH": "/usr/bin:/bin"}).stdout.decode()


def test_input_output_and_status():
    answer = children.run(["/bin/sh", "-c", "cat; echo wrong >&2; exit 3"], {"PATH": "/usr/bin:/bin"}, b"asked")
    assert (answer.returncode, answer.stdout, answer.stderr) == (3, b"asked", b"wrong\n")
    both = children.run(["/bin/sh", "-c", "echo wrong >&2"], {"PATH": "/usr/bin:/bin"}, errors=subprocess.STDOUT)
    assert both.stdout == b"wrong\n"


def test_a_program_that_takes_too_long_is_killed(tmp_path):
    script = f"echo $$ > {tmp_path}/pid; exec sleep 600"
    with pytest.raises(subprocess.TimeoutExpired):
        children.run(["/bin/sh", "-c", script], {"PATH": "/usr/bin:/bin"}, limit=1)
    assert not is_alive(int((tmp_path / "pid").read_text()))


@pytest.fixture
def compiler(tmp_path):
    """The bytecode compiler with one worker that waits for its source (a pipe) and one that waits for work."""
    os.mkfifo(tmp_path / "slow.py")
    (tmp_path / "quick.py").write_text("")
    listed = [["slow.py", None, True]] + [["quick.py", None, True]] * 70
    request = {"prefix": str(tmp_path), "cache": str(tmp_path / "cache"), "sources": listed, "jobs": 2}
    source = pathlib.Path(bytecode_program.__file__).read_text()
    process = subprocess.Popen([sys.executable, "-S", "-s", "-B", "-c", source], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    process.stdin.write(json.dumps(request).encode())
    process.stdin.close()
    until(lambda: len(workers_of(process.pid)) == 2, "the compiler did not start two workers")
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def workers_of(pid):
    return [int(one) for one in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_workers_of_the_compiler_die_with_it(compiler):
    workers = workers_of(compiler.pid)
    compiler.kill()
    compiler.wait()
    for worker in workers:
        until(lambda: not is_alive(worker), "a worker outlived the compiler")


def test_a_killed_worker_is_reported_not_waited_for(compiler):
    os.kill(workers_of(compiler.pid)[0], signal.SIGKILL)
    assert json.loads(compiler.stdout.read()) == {"error": "one of its processes was killed"}
    assert compiler.wait() == 0
