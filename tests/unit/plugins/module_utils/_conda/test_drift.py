# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that can happen to a sealed tree of real files."""

from __future__ import annotations

import os
import shutil

import pytest

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda import drift, seal
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.packages import Package

PACKAGE = Package("conda", "six", "1.0", "0", "noarch", "https://h/c/noarch/six-1.0-0.conda", "1" * 64)


@pytest.fixture
def generation(tmp_path):
    prefix = tmp_path / "envs" / "e"
    (prefix / "bin").mkdir(parents=True)
    (prefix / "lib" / "deep").mkdir(parents=True)
    (prefix / "bin" / "python").write_bytes(b"#!/bin/sh\n")
    (prefix / "bin" / "python").chmod(0o755)
    (prefix / "lib" / "a.py").write_bytes(b"A = 1\n")
    (prefix / "lib" / "deep" / "b.py").write_bytes(b"B = 1\n")
    (prefix / "lib" / "empty").write_bytes(b"")
    (prefix / "lib" / "link").symlink_to("a.py")
    (prefix / os.fsdecode(b"odd \xff\nname")).write_bytes(b"")
    found = seal.walk(str(prefix))
    written = seal.Seal("g", "e", "linux-64", "l", {"engine": "1"}, {}, (PACKAGE,), "", 0)
    seal.write(str(tmp_path), written, seal.make_tree(str(prefix), found, {}), found)
    return tmp_path


def differences(generation):
    sealed = seal.read(str(generation))
    assert sealed is not None
    return [(one.kind, one.path) for one in drift.find_drift(str(generation), str(generation / "envs" / "e"), sealed)]


def rewrite(path, content):
    """Change a file's content in place, and give it its old times back."""
    status = path.stat()
    path.write_bytes(content)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


@pytest.mark.parametrize(
    ("act", "expected"),
    [
        (lambda p: None, []),
        (lambda p: (p / "lib/a.py").write_bytes(b"A = 2\n"), [("modified", "lib/a.py")]),
        (lambda p: rewrite(p / "lib/a.py", b"A = 22\n"), [("modified", "lib/a.py")]),
        (lambda p: (p / "lib/a.py").write_bytes(b"A = 1\n"), []),
        (lambda p: os.utime(p / "lib/a.py", (1, 1)), []),
        (lambda p: shutil.copy2(p / "lib/a.py", p / "x") and os.replace(p / "x", p / "lib/a.py"), []),
        (lambda p: (p / "lib/a.py").unlink(), [("removed", "lib/a.py")]),
        (lambda p: (p / "lib/new.pyc").write_bytes(b""), [("added", "lib/new.pyc")]),
        (lambda p: (p / "lib/__pycache__").mkdir(), [("added", "lib/__pycache__")]),
        (lambda p: (p / "lib/a.py").chmod(0o666), [("permissions", "lib/a.py")]),
        (lambda p: (p / "lib").chmod(0o777), [("permissions", "lib")]),
        pytest.param(
            lambda p: os.chown(p / "lib/a.py", 12345, -1),
            [("permissions", "lib/a.py")],
            marks=pytest.mark.skipif(os.getuid() != 0, reason="only root gives files away"),
        ),
        (lambda p: shutil.rmtree(p / "lib/deep"), [("removed", "lib/deep")]),
        (
            lambda p: ((p / "lib/link").unlink(), (p / "lib/link").symlink_to("empty")),
            [("modified", "lib/link")],
        ),
        (
            lambda p: ((p / "lib/link").unlink(), (p / "lib/link").write_bytes(b"A = 1\n")),
            [("type", "lib/link")],
        ),
        (
            lambda p: ((p / "lib/a.py").unlink(), (p / "lib/a.py").symlink_to("/etc/passwd")),
            [("type", "lib/a.py")],
        ),
        (
            lambda p: (shutil.rmtree(p / "lib/deep"), (p / "lib/a.py").chmod(0o600), (p / "z").touch()),
            [("permissions", "lib/a.py"), ("removed", "lib/deep"), ("added", "z")],
        ),
        (shutil.rmtree, [("removed", ".")]),
        (lambda p: os.utime(p / "lib"), []),
    ],
)
def test_drift_is_named_exactly(generation, act, expected):
    act(generation / "envs" / "e")
    assert differences(generation) == expected


def test_the_seal_itself_is_guarded(generation):
    with open(generation / "tree.json", "a", encoding="ascii") as file:
        file.write(" ")
    assert differences(generation) == []  # nothing in the environment changed, so nobody asks
    (generation / "envs/e/lib/a.py").chmod(0o600)
    assert differences(generation) == [("modified", "../../tree.json")]


def test_who_and_when(generation):
    path = generation / "envs/e/lib/new"
    path.write_bytes(b"")
    os.utime(path, (1, 1234.5))
    sealed = seal.read(str(generation))
    assert sealed is not None
    (one,) = drift.find_drift(str(generation), str(generation / "envs/e"), sealed)
    assert (one.uid, one.mtime) == (os.getuid(), 1234.5)
