# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a local installer is looked for, and its verification on the controller."""

from __future__ import annotations

import hashlib
import pathlib
import typing as t

import pytest
from ansible.errors import AnsibleError

from ansible_collections.lockstep.gpufleet.plugins.action import miniconda


class Action(miniconda.ActionModule):
    """The action with nothing but its search."""

    def __init__(self, needles: pathlib.Path) -> None:
        self.needles = needles

    def _find_needle(self, dirname: str, needle: str) -> str:
        if not (self.needles / dirname / needle).is_file():
            raise AnsibleError("not found")
        return str(self.needles / dirname / needle)


@pytest.mark.parametrize("home", ["inventory", "cwd", "role/files"])
def test_the_first_place_that_has_it_wins(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, home: str) -> None:
    places = ["inventory", "cwd", "role/files"]
    for place in places:
        (tmp_path / place).mkdir(parents=True)
    for place in places[places.index(home) :]:
        (tmp_path / place / "installer.sh").touch()
    monkeypatch.chdir(tmp_path / "cwd")
    variables = {"inventory_dir": str(tmp_path / "inventory")}
    path, _places = Action(tmp_path / "role")._find("installer.sh", variables)
    assert path == str(tmp_path / home / "installer.sh")


def test_a_file_that_is_nowhere_names_the_places(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found, places = Action(tmp_path)._find("x.sh", {"inventory_dir": "/inventory"})
    assert found is None
    assert places == ["/inventory/x.sh", str(tmp_path / "x.sh"), "the files directories of the play and its roles"]
    assert Action(tmp_path)._find("/nowhere/x.sh", {}) == (None, ["/nowhere/x.sh"])


def test_verification(tmp_path: pathlib.Path) -> None:
    file = tmp_path / "installer.sh"
    file.write_bytes(b"x" * 3_000_000)
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    assert miniconda._differs(str(file), sha256) is None
    problem: t.Any = miniconda._differs(str(file), "ab" * 32)
    assert sha256 in problem and "abab" in problem
    assert "cannot be read" in str(miniconda._differs(str(tmp_path / "no"), sha256))
