# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a lock is still that of its input."""

from __future__ import annotations

import pathlib

import pytest
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.packages import Package
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locking import freshness, hosts, job, planning
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locks import conda_lock_text
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locks.document import Entry

TOOL = Package("conda", "tool", "1.0", "h0_0", "linux-64", "https://c.example/c/linux-64/tool-1.0-h0_0.conda", "a" * 64)


def locked(tmp_path: pathlib.Path, name: str, text: str, **reader: object) -> tuple[str, str]:
    """Write an input and a lock of it; return their paths."""
    file = tmp_path / name
    file.write_text(text, encoding="utf-8")
    asked = hosts.Asked(str(file), str(tmp_path / "conda-lock.yml"))
    options = planning.Options()
    observed = job.observe(asked, job.Input(**reader), options)  # type: ignore[arg-type]
    document = job.document(observed, {"linux-64": (Entry(TOOL, md5="b" * 32),)}, options)
    (tmp_path / "conda-lock.yml").write_text(conda_lock_text.text(document), encoding="utf-8")
    return asked.file, asked.lock


def test_a_lock_is_fresh_until_its_input_wants_something_else(tmp_path: pathlib.Path):
    file, lock = locked(tmp_path, "environment.yml", "channels: [c]\ndependencies: [tool==1.0]\n")
    assert freshness.path_of(file, None, "/elsewhere") == lock
    assert freshness.check(file, lock) is None
    pathlib.Path(file).write_text("# a comment\nchannels: [c]\ndependencies: [tool==1.0]\n", encoding="utf-8")
    assert freshness.check(file, lock) is None
    pathlib.Path(file).write_text("channels: [c]\ndependencies: [tool==2.0]\n", encoding="utf-8")
    with pytest.raises(Problem, match=r"conda-lock.yml was made before .*environment.yml was changed. Lock it: ansible-playbook"):
        freshness.check(file, lock)


def test_the_options_that_an_input_needs_are_in_its_lock(tmp_path: pathlib.Path):
    file, lock = locked(tmp_path, "requirements.txt", "six==1.17.0\n", channels=("conda-forge",), python="3.10.14")
    assert freshness.check(file, lock) is None
    freeze = "thing @ file:///croot/thing-2.0_1686931851744/work\n"
    file, lock = locked(tmp_path, "freeze.txt", freeze, channels=("c",), python="3.10.14", pypi_names={"py-thing": "thing"})
    assert freshness.check(file, lock) is None
    asked = hosts.Asked(file, lock)
    for names, why in (({"py-thing": "thing"}, None), ({"py-thing": "thing", "x": "y"}, "pypi_names has changed since")):
        reader = job.Input(("c",), "3.10.14", names)
        assert job.observe(asked, reader, planning.Options()).why == why


def test_a_missing_lock_is_answered_with_what_to_type(tmp_path: pathlib.Path):
    with pytest.raises(Problem, match="is not locked yet: .*ansible-playbook lockstep.gpufleet.lock -i INVENTORY"):
        freshness.check(str(tmp_path / "environment.yml"), str(tmp_path / "conda-lock.yml"))


def test_a_lock_by_another_tool_is_taken_with_a_warning(tmp_path: pathlib.Path):
    file, lock = locked(tmp_path, "environment.yml", "channels: [c]\ndependencies: [tool==1.0]\n")
    text = pathlib.Path(lock).read_text(encoding="utf-8")
    pathlib.Path(lock).write_text("".join(one for one in text.splitlines(True) if "lockstep." not in one), encoding="utf-8")
    warning = freshness.check(file, lock)
    assert warning and "does not say what it was made from" in warning
