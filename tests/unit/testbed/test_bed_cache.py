# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import multiprocessing
import os
import pathlib
import signal
import time

import pytest
from testbed import cache


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def test_a_key_depends_on_content_names_order_and_borders(tmp_path: pathlib.Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text("x", encoding="utf-8")
    same = cache.content_key(tmp_path / "one")
    assert same == cache.content_key(tmp_path / "two")
    (tmp_path / "two" / "file").chmod(0o755)
    assert same != cache.content_key(tmp_path / "two")
    (tmp_path / "one" / "file").rename(tmp_path / "one" / "elif")
    assert same != cache.content_key(tmp_path / "one")
    assert cache.content_key("ab", "c") != cache.content_key("a", "bc")
    assert cache.content_key("a", "b") != cache.content_key("b", "a")


def test_an_entry_is_built_once() -> None:
    calls = []

    def build(draft: pathlib.Path) -> None:
        calls.append(draft)
        (draft / "file").write_text("whole", encoding="utf-8")

    first = cache.built("roots", "a", "k", build)
    assert cache.built("roots", "a", "k", build) == first
    assert (first / "file").read_text(encoding="utf-8") == "whole"
    assert len(calls) == 1
    assert cache.built("roots", "a", "other", build) != first


def test_a_failed_build_publishes_nothing() -> None:
    def build(draft: pathlib.Path) -> None:
        (draft / "file").write_text("half", encoding="utf-8")
        raise ValueError

    with pytest.raises(ValueError):
        cache.built("roots", "a", "k", build)
    assert not list((cache.cache_root() / "roots").iterdir())


def _build_forever(draft: pathlib.Path) -> None:
    (draft / "file").write_text("half", encoding="utf-8")
    time.sleep(60)


def test_a_killed_build_is_neither_used_nor_kept() -> None:
    process = multiprocessing.Process(target=cache.built, args=("roots", "a", "k", _build_forever))
    process.start()
    folder = cache.cache_root() / "roots"
    deadline = time.monotonic() + 20
    while not list(folder.glob("*/file")):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    entry = cache.built("roots", "a", "k", lambda draft: (draft / "whole").touch())
    assert [path.name for path in folder.iterdir()] == [entry.name]
    assert [path.name for path in entry.iterdir()] == ["whole"]


def test_links_and_files_are_replaced_in_place(tmp_path: pathlib.Path) -> None:
    for target in ("one", "two"):
        cache.link_atomically(tmp_path / "link", target)
        assert os.readlink(tmp_path / "link") == target
        cache.write_atomically(tmp_path / "file", target, 0o600)
        assert (tmp_path / "file").read_text(encoding="utf-8") == target
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "link"]
