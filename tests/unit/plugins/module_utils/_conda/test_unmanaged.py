# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Directories in the place of a link: compared with the lock, exchanged in one step, or left alone."""

from __future__ import annotations

import json
import os
import pathlib

import pytest

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda import litter, unmanaged
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.packages import Package
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.store import Store
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem

PYTHON = Package("conda", "python", "3.11.2", "0", "linux-64", "https://h/python.conda", "1" * 64)
WHEEL = Package("pip", "My_Tool", "4", "", "", "https://h/My_Tool-4-py3-none-any.whl", "3" * 64)


@pytest.fixture
def directory(tmp_path):
    path = tmp_path / "e"
    (path / "conda-meta").mkdir(parents=True)
    (path / "conda-meta" / "history").write_text("")
    site = path / "lib" / "python3.11" / "site-packages"
    for name in ("six-1.0.dist-info", "my_tool-4.dist-info"):
        (site / name).mkdir(parents=True)
    record(path, "python", "3.11.2", sha256="1" * 64, files=["lib/python3.11/site-packages/six-1.0.dist-info/METADATA"])
    return path


def record(path, name, version, **more):
    data = {"name": name, "version": version, "build": "0", **more}
    (path / "conda-meta" / f"{name}-{version}-0.json").write_text(json.dumps(data))


def test_the_same(directory):
    found = unmanaged.read(str(directory))
    assert found.users == ()
    assert unmanaged.compare(found, [PYTHON, WHEEL]) == "It has the packages of the lock."


def test_differences(directory):
    record(directory, "extra", "1")
    record(directory, "python", "3.11.2", sha256="2" * 64, files=["lib/python3.11/site-packages/six-1.0.dist-info/METADATA"])
    (directory / "conda-meta" / "broken-1-0.json").write_text("{")
    six = Package("conda", "six", "2", "0", "noarch", "https://h/six.conda", "4" * 64)
    record(directory, "six", "1")
    newer = Package("pip", "other", "1", "", "", "https://h/other-1-py3-none-any.whl", "5" * 64)
    assert unmanaged.compare(unmanaged.read(str(directory)), [PYTHON, six, newer]) == (
        "It differs from the lock in 5 packages: extra 1 0 is not in the lock; one of the same name with another hash instead "
        "of python 3.11.2 0; six 1 0 instead of six 2 0; my_tool 4 is not in the lock; other 1 is missing."
    )


def test_many_differences_are_counted(directory):
    for number in range(7):
        record(directory, f"extra{number}", "1")
    assert unmanaged.compare(unmanaged.read(str(directory)), [PYTHON, WHEEL]).endswith("; and 2 more.")


def test_no_environment(tmp_path):
    assert unmanaged.compare(unmanaged.read(str(tmp_path)), [PYTHON]) == "It is no conda environment."


def test_the_exchange_is_one_step(directory, tmp_path):
    beside = tmp_path / "e.before-20260101T000000Z"
    unmanaged.exchange(str(directory), "/generations/x/envs/e", str(beside))
    assert os.readlink(directory) == "/generations/x/envs/e"
    assert (beside / "conda-meta" / "history").exists()


def test_what_cannot_be_exchanged_stays_as_it_is(tmp_path):
    with pytest.raises(Problem, match="absent: cannot be exchanged in one step: No such file"):
        unmanaged.exchange(str(tmp_path / "absent"), "/x", str(tmp_path / "absent.before-20260101T000000Z"))
    assert os.listdir(tmp_path) == []


def test_killed_before_or_after_the_one_step_nothing_is_lost(directory, tmp_path, monkeypatch):
    """What is killed leaves a link that the next run removes, or the finished exchange."""
    store = Store(str(tmp_path / "store"))
    pathlib.Path(store.environments).mkdir(parents=True)
    path = store.link("e")
    os.rename(directory, path)
    swap = unmanaged._swap
    for number, steps in enumerate(([], [swap])):
        def die(one, other, steps=steps):
            for step in steps:
                step(one, other)
            os._exit(9)

        monkeypatch.setattr(unmanaged, "_swap", die)
        child = os.fork()
        if child == 0:
            unmanaged.exchange(path, store.prefix("1" * 16, "e"), f"{path}.before-2026010{number}T000000Z")
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
        litter.discard(store)
        found = sorted(os.listdir(store.environments))
        if not steps:
            assert found == ["e"] and os.path.exists(f"{path}/conda-meta/history")
        else:
            assert found == ["e", "e.before-20260101T000000Z"] and os.path.islink(path)
            assert os.path.exists(f"{path}.before-20260101T000000Z/conda-meta/history")


def test_a_filesystem_that_cannot(tmp_path, monkeypatch):
    unmanaged.check_exchange(str(tmp_path))

    def refuse(one, other):
        raise OSError(22, "Invalid argument", one, None, other)

    monkeypatch.setattr(unmanaged, "_swap", refuse)
    with pytest.raises(Problem, match="cannot exchange two names in one step .renameat2: Invalid argument.: rename"):
        unmanaged.check_exchange(str(tmp_path))
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("name", "target", "expected"),
    [
        ("e.before-20260101T000000Z", "/s/generations/x/envs/e", True),
        ("e.before-20260101T000000Z", "/s/generations/x/envs/e.before-20260101T000000Z", False),
        ("e.before-20260101T000000Z", "/elsewhere/e", False),
        ("e", "/s/generations/x/envs/e", False),
    ],
)
def test_left_overs(tmp_path, name, target, expected):
    (tmp_path / name).symlink_to(target)
    assert unmanaged.is_left_over(str(tmp_path / name), "/s/generations") is expected
