# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""``dialogue.converse`` with real children: one that does as it should, and all the ways in which one can fail."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

import pytest

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda import dialogue
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem

#: What every child of these tests begins with.
HEAD = """
import json, os, signal, sys
def say(**event): print(json.dumps(event), flush=True)
def hear():
    line = sys.stdin.readline()
    return json.loads(line) if line else None
"""


def converse(body, approve=lambda packages: None, report=lambda progress: None, request=None):
    command = [sys.executable, "-I", "-S", "-c", HEAD + textwrap.dedent(body)]
    return dialogue.converse(command, request or {}, {"PATH": "/usr/bin:/bin"}, "The engine", approve, report)


def test_a_child_tells_its_needs_then_its_progress_then_its_answer():
    packages, progress = [], []
    answer = converse(
        """
        request = hear()
        say(event="needs", packages=[{"name": request["name"]}])
        assert hear() == {"go": True}
        say(event="progress", done=1, total=2, bytes=10)
        say(event="done", hashes={})
        """,
        packages.extend,
        progress.append,
        {"name": "six"},
    )
    assert answer == {"event": "done", "hashes": {}}
    assert packages == [{"name": "six"}]
    assert progress == [{"phase": "link", "done": 1, "total": 2, "bytes": 10}]


def test_a_refusal_ends_the_child_before_it_touches_anything(tmp_path):
    def refuse(packages):
        raise Problem("the host has no GPU")

    body = f"""
        hear()
        say(event="needs", packages=[])
        go = hear()
        open({str(tmp_path / "touched")!r}, "w").close()
        say(event="done")
    """
    with pytest.raises(Problem, match="no GPU"):
        converse(body, refuse)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("os.kill(os.getpid(), signal.SIGSEGV)", r"The engine was killed by signal 11 \(SIGSEGV\); nothing was switched"),
        ("hear(); os.kill(os.getpid(), signal.SIGKILL)", r"\(SIGKILL\), as the kernel does when memory runs out"),
        ("hear(); say(event='needs', packages=[]); hear(); os.abort()", "SIGABRT"),
        ("hear(); say(event='progress', done=1, total=2, bytes=3); os.abort()", "SIGABRT"),
        ("say(event='done'); os.abort()", "SIGABRT"),
        ("sys.exit('no module named rattler')", "ended with status 1; nothing was switched. It said: no module named rattler"),
        ("hear()", "ended with status 0 and gave no answer"),
        ("sys.stderr.write('x' * 10**6 + 'last words'); sys.exit(3)", r"status 3; .* It said: x{1990}last words$"),
        ("hear(); say(event='error', error='disk is full')", "^The engine refused: disk is full$"),
    ],
)
def test_a_child_that_fails_is_reported_as_such(body, says):
    with pytest.raises(Problem, match=says):
        converse(body)


@pytest.mark.parametrize("nonsense", ["hello", "[1, 2]", "{}", '{"event": 1}', "\\xff\\x00"])
def test_a_child_that_writes_nonsense_is_ended(nonsense):
    """It would go on for ever, so this test would hang if it were not."""
    with pytest.raises(dialogue.EngineDied, match="wrote what is no answer"):
        converse(f"hear(); print({nonsense!r}, flush=True); signal.pause()")


def test_a_large_request_and_large_errors_do_not_block_each_other():
    body = "sys.stderr.write('x' * 10**6); sys.stderr.flush(); request = hear(); say(event='done', n=len(request['data']))"
    assert converse(body, request={"data": "y" * 10**6})["n"] == 10**6


def test_the_link_program_leaves_when_its_parent_is_killed(tmp_path):
    """The thread that watches standard input ends the process even while it is busy."""
    from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda import link_program

    body = "import sys; sys.path[:0] = [%r]; import link_program, time, os\n" % os.path.dirname(link_program.__file__)
    body += "talk = link_program.Talk(); talk.leave_with_parent(); talk.say('pid', pid=os.getpid()); time.sleep(600)"
    child = subprocess.Popen([sys.executable, "-c", body], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert b'"pid"' in child.stdout.readline()
        child.stdin.close()
        assert child.wait(30) == 1
    finally:
        child.kill()
        child.wait()
        child.stdout.close()
