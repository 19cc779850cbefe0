# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever is found in place of uv, and whatever uv does: one error that says what to do."""

from __future__ import annotations

import os
import time

import pytest

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.network import Network
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.packages import Package
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locks.document import Entry
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._solving import uv

from unit.plugins.plugin_utils._solving import indexes, pip_part

#: A shell that finds the file that uv is to write.
FIND = 'while [ "$1" != --output-file ]; do shift; done\n'
WANTED = Entry(Package("pip", "wanted", "1.0", "", "", "https://h/wanted-1.0-py3-none-any.whl", "a" * 64))
REMEDY = "pip install --upgrade uv"
OLD = """echo "error: unexpected argument '--format' found

Usage: uv pip compile [OPTIONS]

For more information, try '--help'." >&2; exit 2"""


def refusal(tmp_path, program, **more):
    with pytest.raises(Problem) as caught:
        pip_part.resolution("--no-index\nwanted\n", pip_part.settings(tmp_path, program), **more)
    return str(caught.value)


@pytest.mark.parametrize(
    ("does", "says"),
    [
        ("exit 0", ["has not written what it was asked for", REMEDY]),
        (FIND + "echo '<<<' > $2", ["has not written what it was asked for", REMEDY]),
        (FIND + "printf '\\377\\376' > $2", ["has not written", REMEDY]),
        (FIND + "echo > $2", ["has not written", REMEDY]),
        (FIND + "echo 'packages = 1' > $2", ["has not written", REMEDY]),
        (FIND + "printf '[[packages]]\\nversion = \"1\"\\n' > $2", ["has not written", REMEDY]),
        ("exit 1", ["ended with 1 and says nothing", REMEDY]),
        ("exit 2", ["ended with 2 and says nothing", REMEDY]),
        (OLD, ["does not understand what it is asked (unexpected argument '--format' found): it is too old", REMEDY]),
        ("exec ls --format pylock.toml", ["does not understand what it is asked", REMEDY]),
        ("echo thread panicked >&2; exit 101", ["ended with 101 while it resolved the pip part. thread panicked"]),
        ("kill -SEGV $$", ["was ended by signal 11 while it resolved the pip part"]),
    ],
)
@pytest.mark.parametrize("kept", [False, True])
def test_a_program_that_is_no_uv(tmp_path, does, says, kept):
    fake = tmp_path / "fake"
    fake.write_text(f"#!/bin/sh\n{does}\n", encoding="utf-8")
    fake.chmod(0o755)
    said = refusal(tmp_path, str(fake), keep=[WANTED] if kept else [])
    assert said.startswith(f"uv: {fake} ")
    for words in says:
        assert words in said


@pytest.mark.parametrize("program", ["/nonexistent/uv", "/etc/passwd", "/etc"])
def test_no_program(tmp_path, program):
    said = refusal(tmp_path, program)
    assert said.startswith(f"uv: {program} cannot be run: ") and REMEDY in said


def test_a_uv_that_hangs_is_stopped(tmp_path, monkeypatch):
    fake = tmp_path / "fake"
    fake.write_text("#!/bin/sh\nexec sleep 600\n", encoding="utf-8")
    fake.chmod(0o755)
    monkeypatch.setattr(uv, "_PATIENCE", 0.2)
    begin = time.monotonic()
    with pytest.raises(Problem, match="had not resolved the pip part after 0.2 seconds and was stopped"):
        pip_part.resolution("wanted\n", pip_part.settings(tmp_path, str(fake), Network(timeout=1, retries=0)))
    assert time.monotonic() - begin < 30


def test_a_cache_that_cannot_be_used(tmp_path):
    (tmp_path / "cache").write_text("")
    assert refusal(tmp_path, pip_part.UV).startswith(f"{tmp_path}/cache cannot be used on the controller: File exists.")


def test_a_uv_that_cannot_say_again_what_it_resolved(tmp_path):
    fake = tmp_path / "fake"
    fake.write_text(f'#!/bin/sh\ncase "$*" in *pylock.toml*) exec {pip_part.UV} "$@" ;; esac\nexit 0\n', encoding="utf-8")
    fake.chmod(0o755)
    with indexes.Index() as index:
        index.add("wanted", "1.0")
        with pytest.raises(Problem, match="has not written what it was asked for"):
            pip_part.resolution(f"-i {index.url}\nwanted\n", pip_part.settings(tmp_path, str(fake)))
        index.shutdown()


def test_what_a_killed_run_has_left_is_removed_what_others_use_is_not(tmp_path):
    with uv.workplace(str(tmp_path)) as mine:
        left = tmp_path / "pip-left"
        left.mkdir()
        (left / "netrc").write_text("machine h login me password Sesame")
        (left / "in-use").write_text("")
        with uv.workplace(str(tmp_path)) as other:
            assert os.path.isdir(mine) and os.path.isdir(other) and not left.exists()
    assert not list(tmp_path.glob("pip-*"))
