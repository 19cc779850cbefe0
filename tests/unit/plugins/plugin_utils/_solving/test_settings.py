# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of actions that solve."""

from __future__ import annotations

import pathlib
import sys
import typing as t

import pytest
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._solving import settings

GIVEN: dict[str, t.Any] = {name: spec.get("default") for name, spec in settings.ARGUMENTS.items()}


def test_what_makes_sense_is_taken(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    found = settings.of({**GIVEN, "pypi_names": {"pytorch": "torch"}, "timeout": 7})
    assert (found.cache, found.network.timeout, found.tools.python) == ("/somewhere/lockstep-gpufleet/locking", 7, sys.executable)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"pypi_names": {"pytorch": None}}, "pypi_names: pytorch: None is no name on PyPI"),
        ({"pypi_names": {"pytorch": ["torch"]}}, "pypi_names: pytorch: ['torch'] is no name on PyPI"),
        ({"timeout": 0}, "timeout: 0 is less than one second"),
        ({"ca_bundle": "/nowhere/ca.pem"}, "ca_bundle: /nowhere/ca.pem cannot be read: No such file or directory."),
        ({"ca_bundle": "EMPTY"}, "holds no certificates of authorities in PEM."),
        ({"ca_bundle": "WORDS"}, "holds no certificates of authorities in PEM."),
        ({"controller_python": "/nowhere/python"}, "controller_python: /nowhere/python is no program on the controller."),
    ],
)
def test_what_makes_none_is_one_error_with_the_option(tmp_path: pathlib.Path, wrong: dict[str, t.Any], says: str):
    for name, text in (("EMPTY", ""), ("WORDS", "no certificate")):
        (tmp_path / name).write_text(text, encoding="utf-8")
        if wrong.get("ca_bundle") == name:
            wrong = {"ca_bundle": str(tmp_path / name)}
    with pytest.raises(Problem) as caught:
        settings.of({**GIVEN, **wrong})
    assert says in str(caught.value)
