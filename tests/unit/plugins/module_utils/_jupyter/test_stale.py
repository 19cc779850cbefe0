# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kernels whose interpreter is gone: which of them go, and which are only told of."""

from __future__ import annotations

import json
import os

import pytest
from ansible_collections.lockstep.gpufleet.plugins.module_utils._jupyter import stale
from ansible_collections.lockstep.gpufleet.plugins.module_utils._jupyter.stale import Registered


def kernel(gone=True, managed=True, user=None, store=True, path="/k/x"):
    return Registered("x", path, "/p/bin/python", gone, managed, user, "e" if managed else "", "/s" if managed else "", store)


@pytest.mark.parametrize(
    ("one", "reachable", "wanted", "verdict"),
    [
        (kernel(), {None}, (), "purge"),
        (kernel(gone=False), {None}, (), "nothing"),
        (kernel(), {None}, {"/k/x"}, "nothing"),
        (kernel(managed=False), {None}, (), "not made by this collection"),
        (kernel(store=False), {None}, (), "not mounted"),
        (kernel(user="mia"), {None}, (), "kernels of mia"),
        (kernel(), {"mia"}, (), "kernels of the system"),
        (kernel(user="mia"), {"mia", "noa"}, (), "purge"),
        (kernel(managed=False, user="mia"), {"mia"}, (), "not made by this collection"),
    ],
)
def test_a_verdict(one, reachable, wanted, verdict):
    said = stale.judge([one], reachable, wanted)
    assert (said.purge == (one,)) is (verdict == "purge")
    assert (said.reported == (one,)) is (verdict not in ("purge", "nothing"))
    assert len(said.warnings) == len(said.reported)
    assert all(verdict in line and "/p/bin/python" in line for line in said.warnings)


def write(data, name, content):
    folder = data / "kernels" / name
    folder.mkdir(parents=True)
    (folder / "kernel.json").write_text(content if isinstance(content, str) else json.dumps(content))
    return folder


def test_kernels_are_read(tmp_path):
    python = tmp_path / "python"
    python.touch()
    (tmp_path / "store" / "envs").mkdir(parents=True)
    mark = {"lockstep": {"environment": "e", "root": str(tmp_path / "store")}}
    write(tmp_path, "ours", {"argv": [str(python)], "metadata": mark})
    write(tmp_path, "ours_gone", {"argv": [str(tmp_path / "no" / "python")], "metadata": mark})
    write(tmp_path, "ours_below_a_file", {"argv": [f"{python}/bin/python"], "metadata": mark})
    write(tmp_path, "ours_unmounted", {"argv": ["/no"], "metadata": {"lockstep": {"environment": "e", "root": "/no/where"}}})
    write(tmp_path, "theirs", {"argv": ["/no/python"]})
    os.symlink("ours_gone", tmp_path / "kernels" / "a_link")
    for name, content in {"by_path": {"argv": ["python3"]}, "broken": "{", "empty": {"argv": []}, "odd": {"argv": [1]}}.items():
        write(tmp_path, name, content)
    (tmp_path / "kernels" / "a_file").touch()
    found = {one.name: one for one in stale.read_all(str(tmp_path), "mia")}
    assert {name: (one.gone, one.managed, one.store) for name, one in found.items()} == {
        "ours": (False, True, True),
        "ours_gone": (True, True, True),
        "ours_below_a_file": (True, True, True),
        "ours_unmounted": (True, True, False),
        "theirs": (True, False, True),
        "a_link": (True, False, True),
    }
    assert {one.user for one in found.values()} == {"mia"}
    assert found["ours"].environment == "e"


def test_nothing_is_registered_where_there_is_no_folder(tmp_path):
    assert stale.read_all(str(tmp_path / "no"), None) == []


def test_what_may_not_be_looked_at_is_not_gone(monkeypatch):
    def forbidden(path):
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(os, "stat", forbidden)
    assert stale._is_gone("/home/mia/python") is False
