# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the link program knows of unpacked packages without the engine."""

from __future__ import annotations

import pytest

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.link_program import _executables

PACKAGES = [{"stem": "app-1-0", "name": "app", "version": "1"}, {"stem": "python-3.11.2-h", "name": "python", "version": "3.11.2"}]
EXPECTED = ["bin/app", "bin/script", "lib/python3.11/site-packages/app/run.sh", "bin/python3.11"]


@pytest.fixture
def cache(tmp_path):
    for path, mode in {
        "app-1-0/info/index.json": 0o644,
        "app-1-0/bin/app": 0o755,
        "app-1-0/bin/data": 0o644,
        "app-1-0/python-scripts/script": 0o744,
        "app-1-0/site-packages/app/run.sh": 0o755,
        "app-1-0/site-packages/app/__init__.py": 0o644,
        "python-3.11.2-h/info/index.json": 0o644,
        "python-3.11.2-h/bin/python3.11": 0o755,
    }.items():
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
        file.chmod(mode)
    (tmp_path / "app-1-0/bin/link").symlink_to("app")
    return tmp_path


def test_executables_are_those_that_were_unpacked(cache):
    assert sorted(_executables(str(cache), PACKAGES)) == sorted(EXPECTED)
    (cache / "app-1-0/bin/app").chmod(0o644)
    (cache / "app-1-0/bin/data").chmod(0o755)
    assert sorted(_executables(str(cache), PACKAGES)) == sorted(EXPECTED)


def test_a_damaged_note_is_made_anew(cache):
    _executables(str(cache), PACKAGES)
    (cache / "app-1-0/info/lockstep-executables.json").write_text("[")
    assert sorted(_executables(str(cache), PACKAGES)) == sorted(EXPECTED)


def test_without_python_nothing_is_of_its_library(cache):
    assert "lib/python3.11/site-packages/app/run.sh" not in _executables(str(cache), PACKAGES[:1])
