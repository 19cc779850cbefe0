# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that are all written, or none."""

from __future__ import annotations

import os
import pathlib
import stat

import pytest
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locking import outputs

OLD = {"environment.yml": "old wish\n", "explicit-linux-64.txt": "old list\n", "conda-lock.yml": "old lock\n"}
NEW = {name: text.replace("old", "new") for name, text in OLD.items()} | {"requirements-linux-64.txt": "new wheels\n"}


@pytest.fixture(name="folder")
def folder_(tmp_path: pathlib.Path) -> pathlib.Path:
    folder = tmp_path / "ai"
    folder.mkdir()
    for name, text in OLD.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def texts(folder: pathlib.Path) -> dict[str, str]:
    """Return the texts to write, the lock last."""
    names = sorted(NEW, key=lambda name: name == "conda-lock.yml")
    return {str(folder / name): NEW[name] for name in names}


def content(folder: pathlib.Path) -> dict[str, str]:
    return {file.name: file.read_text(encoding="utf-8") for file in folder.iterdir()}


def test_all_are_written_and_nothing_else_is_left(folder: pathlib.Path):
    outputs.write(texts(folder))
    assert content(folder) == NEW


@pytest.mark.parametrize("call", ["rename", "fsync", "open"])
@pytest.mark.parametrize("number", range(9))
def test_an_error_at_any_point_leaves_all_as_they_were(
    folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch, call: str, number: int
):
    real = getattr(os, call)
    calls = []

    def failing(*arguments, **more):
        calls.append(arguments)
        if len(calls) == number + 1:
            raise OSError(28, "No space left on device")
        return real(*arguments, **more)

    monkeypatch.setattr(os, call, failing)
    try:
        outputs.write(texts(folder))
        expected = NEW
    except Problem as problem:
        assert str(problem).endswith("cannot be written: No space left on device. All files are as they were.")
        expected = OLD
    monkeypatch.undo()
    assert content(folder) == expected
    assert (len(calls) > number) == (expected is OLD)


@pytest.mark.parametrize("number", range(4))
def test_who_is_killed_leaves_complete_files_and_the_lock_is_the_last(
    folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch, number: int
):
    child = os.fork()
    if child == 0:
        real = os.rename
        left = [number]

        def rename(*arguments):
            if left[0] == 0:
                os.kill(os.getpid(), 9)
            left[0] -= 1
            real(*arguments)

        monkeypatch.setattr(os, "rename", rename)
        outputs.write(texts(folder))
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -9
    found = content(folder)
    assert found["conda-lock.yml"] == OLD["conda-lock.yml"]
    assert all(found.get(name) in (OLD.get(name), NEW[name]) for name in NEW)
    outputs.write(texts(folder))
    assert content(folder) == NEW


def test_links_and_permissions_stay(folder: pathlib.Path, tmp_path: pathlib.Path):
    shared = tmp_path / "shared.yml"
    (folder / "environment.yml").rename(shared)
    (folder / "environment.yml").symlink_to("../shared.yml")
    (folder / "conda-lock.yml").unlink()
    (folder / "conda-lock.yml").symlink_to("../not-there-yet.yml")
    shared.chmod(0o640)
    outputs.write(texts(folder))
    assert (folder / "environment.yml").is_symlink() and shared.read_text(encoding="utf-8") == NEW["environment.yml"]
    assert stat.S_IMODE(shared.stat().st_mode) == 0o640
    assert (tmp_path / "not-there-yet.yml").read_text(encoding="utf-8") == NEW["conda-lock.yml"]
    assert stat.S_IMODE((folder / "requirements-linux-64.txt").stat().st_mode) == 0o644


def test_a_link_that_somebody_has_put_in_the_way_is_not_followed(folder: pathlib.Path, tmp_path: pathlib.Path):
    (tmp_path / "precious").write_text("precious", encoding="utf-8")
    (folder / ".conda-lock.yml.new").symlink_to(tmp_path / "precious")
    outputs.write(texts(folder))
    assert (tmp_path / "precious").read_text(encoding="utf-8") == "precious"
    assert content(folder) == NEW


def prepared(folder: pathlib.Path) -> None:
    (folder / "a-folder").mkdir()
    (folder / "loop").symlink_to("loop")
    (folder / "same.yml").symlink_to("conda-lock.yml")
    os.mkfifo(folder / "pipe")


@pytest.mark.parametrize(
    ("paths", "says"),
    [
        (["a-folder"], "a-folder cannot be written: it is a directory; name a file in it."),
        (["loop"], "loop cannot be written: it is a link that points to itself."),
        (["pipe"], "pipe cannot be written: it is no file."),
        (["environment.yml/conda-lock.yml"], "environment.yml is no directory."),
        (["environment.yml"], "environment.yml would be overwritten, but it is what is read. Name another lock (the option lock)."),
        (["conda-lock.yml", "conda-lock.yml"], "conda-lock.yml would be written twice. Give each lock"),
        (["conda-lock.yml", "same.yml"], "same.yml would be written twice (as "),
        (["new/folder/conda-lock.yml", "conda-lock.yml"], ""),
    ],
)
def test_what_cannot_be_written_is_told_before(folder: pathlib.Path, paths: list[str], says: str):
    prepared(folder)
    before = sorted(folder.iterdir())
    try:
        outputs.check([str(folder / path) for path in paths], [str(folder / "environment.yml")])
        found = ""
    except Problem as problem:
        found = str(problem)
    assert says in found and bool(found) == bool(says)
    assert sorted(folder.iterdir()) == before


def test_a_directory_of_others_is_told_before(folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(os, "access", lambda path, mode: mode == os.R_OK)  # root may write everywhere
    with pytest.raises(Problem, match=f"conda-lock.yml cannot be written: nothing can be written into {folder} by who runs Ansible"):
        outputs.check([str(folder / "conda-lock.yml")])
