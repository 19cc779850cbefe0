# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Variables of environments: what is written is what conda reads, and what is none is refused."""

from __future__ import annotations

import json
import pathlib

import pytest
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda import variables


def test_what_conda_reads(tmp_path: pathlib.Path):
    (tmp_path / "conda-meta").mkdir()
    assert variables.add(str(tmp_path), {"B": "ä", "A": "1"}) == {"conda-meta/state"}
    assert json.loads((tmp_path / "conda-meta/state").read_text(encoding="utf-8")) == {"env_vars": {"A": "1", "B": "ä"}, "version": 1}


def test_no_variables_leave_no_file(tmp_path: pathlib.Path):
    assert variables.add(str(tmp_path), {}) == set()
    assert not list(tmp_path.iterdir())


def test_they_are_sorted():
    assert list(variables.check({"B": "2", "A": "1"})) == ["A", "B"]


@pytest.mark.parametrize("wrong", [[], {"1A": "x"}, {"A-B": "x"}, {"A": 1}, {"A": "***unset***"}, {"A": "x\0"}, {"": "x"}])
def test_what_is_none(wrong):
    with pytest.raises(ValueError):
        variables.check(wrong)
