# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Smoke tests, run for real: what fails, what takes too long, and what tries to stay."""

from __future__ import annotations

import os
import pathlib
import pwd
import shutil
import sys
import tempfile
import time

import pytest

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda import smoke
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem

USER = "nobody" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name


@pytest.fixture
def place():
    """A folder that other users can reach; pytest's own are private."""
    path = pathlib.Path(tempfile.mkdtemp())
    path.chmod(0o755)
    (path / "prefix" / "bin").mkdir(parents=True)
    (path / "tmp").mkdir()
    yield path
    shutil.rmtree(path)


def run(place, *command, imports=(), timeout=60):
    test = smoke.SmokeTest(tuple(imports), command, USER, timeout)
    smoke.run("e", "1" * 16, str(place / "prefix"), test, str(place / "tmp"))


def program(place, name, text):
    path = place / "prefix" / "bin" / name
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(0o755)


def options(**changes):
    return {"imports": [], "command": None, "user": "nobody", "timeout": 120, **changes}


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (options(), "tests nothing"),
        (options(imports=["numpy; x"]), "'numpy; x' is no name of a Python module"),
        (options(imports=["a..b"]), "is no name of a Python module"),
        (options(command="python 'x"), "cannot be split into words: No closing quotation"),
        (options(command="true", timeout=0), "timeout is 0"),
        (options(command="true", user="root"), "not tried as root"),
    ],
)
def test_what_makes_no_sense(data, says):
    with pytest.raises(Problem, match=says):
        smoke.parse("e", data)


def test_what_a_plan_says():
    assert smoke.parse("e", None) is None
    test = smoke.parse("e", options(imports=["numpy", "pandas.core"], command="pytest -q 'a b'"))
    assert str(test) == "by importing numpy, pandas.core and running pytest -q 'a b' as nobody"


def test_an_account_that_is_not_there():
    with pytest.raises(Problem, match="this host has no account 'no-such-account'"):
        smoke.check_user("e", smoke.SmokeTest((), ("true",), "no-such-account", 1))


def test_what_it_runs_with(place):
    program(place, "look", 'env > "$PREFIX_OUT"; exit 0\n')
    program(place, "look", 'test "$PWD" = "$HOME" && test -w . && test -z "$(ls -A)" && env && exit 3\n')
    with pytest.raises(Problem) as raised:
        run(place, "look")
    said = dict(line.split("=", 1) for line in str(raised.value).splitlines()[1:] if "=" in line)
    assert said["PATH"].startswith(f"{place}/prefix/bin:") and said["CONDA_PREFIX"] == f"{place}/prefix"
    assert said["PYTHONNOUSERSITE"] == "1" and said["HOME"].startswith(f"{place}/tmp/smoke-")
    assert set(said) <= {
        *("PATH", "HOME", "TMPDIR", "USER", "LOGNAME", "LC_ALL", "PYTHONNOUSERSITE", "CONDA_PREFIX", "CONDA_DEFAULT_ENV"),
        *("PWD", "SHLVL", "_", "OLDPWD"),
    }
    assert os.listdir(place / "tmp") == []


def test_imports(place):
    (place / "prefix" / "bin" / "python").symlink_to("/usr/bin/python3" if os.path.exists("/usr/bin/python3") else sys.executable)
    run(place, imports=["json", "xml.sax"])
    with pytest.raises(Problem, match="(?s)as .*: it ended with status 1. Nothing was switched. It said:.*No module named 'nopkg'"):
        run(place, imports=["json", "nopkg"])


def test_no_python(place):
    with pytest.raises(Problem, match="has no Python that could import json"):
        run(place, imports=["json"])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("echo oh no >&2; exit 7", "it ended with status 7. Nothing was switched. It said:\noh no$"),
        ("kill -SEGV $$", "it was killed by signal 11 .SIGSEGV."),
        ("sleep 60", "it took longer than 1 s"),
        ("trap '' TERM; while true; do echo y; done", "it took longer than 1 s"),
        ("read line || exit 4", "it ended with status 4"),
    ],
)
def test_failures(place, text, says):
    program(place, "fail", text + "\n")
    with pytest.raises(Problem, match=says):
        run(place, "fail", timeout=1)
    assert os.listdir(place / "tmp") == []


def test_a_program_that_is_not_there(place):
    with pytest.raises(Problem, match="absent cannot be run: No such file"):
        run(place, "absent")


def test_long_output_is_cut(place):
    program(place, "talk", "i=0; while [ $i -lt 3000 ]; do echo line $i of words words words; i=$((i+1)); done; exit 1\n")
    with pytest.raises(Problem) as raised:
        run(place, "talk")
    assert "line 2999 of" in str(raised.value) and "line 2900 of" not in str(raised.value)


def test_nothing_of_it_stays(place):
    """Grandchildren, in sessions of their own, whose parents are gone, holding the output open."""
    marker = f"9{os.getpid()}.5"
    program(place, "spawn", f"(setsid sh -c 'sleep {marker} & sleep {marker}' &) ; setsid sleep {marker} & exit 0\n")
    run(place, "spawn")
    assert sleeping(marker) == []
    program(place, "spawn", f"(setsid sh -c 'sleep {marker} & sleep {marker}' &) ; sleep 60\n")
    with pytest.raises(Problem, match="it took longer than 1 s"):
        run(place, "spawn", timeout=1)
    assert sleeping(marker) == []


def sleeping(marker):
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if marker.encode() in path.read_bytes():
                found.append(path.parent.name)
        except OSError:
            continue
    return found


def test_a_child_of_ours_that_ran_before_is_left_alone(place):
    child = os.fork()
    if child == 0:
        time.sleep(60)
        os._exit(0)
    try:
        program(place, "ok", "exit 0\n")
        run(place, "ok")
        assert os.waitpid(child, os.WNOHANG) == (0, 0)
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)
