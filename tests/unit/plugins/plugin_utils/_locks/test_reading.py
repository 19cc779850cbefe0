# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a file is, where it is looked for, and that it is parsed once."""

from __future__ import annotations

import multiprocessing

import pytest

from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locks import reading, strict_yaml

LOCK = b"@EXPLICIT\nhttps://h/c/noarch/six-1.0-0.conda#" + b"a" * 64 + b"\n"
LAUGHS = "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b" \n\t\n", "is empty"),
        (b"\x7fELF\x02\x01\0\0", "is no text"),
        (b"\xff\xfe\x00binary", "is no text"),
        (b"@EXPLICIT\n\0", "is no text"),
        (b"<!DOCTYPE html>\n<html></html>", "HTML or XML page"),
        (b"\n  <?xml version='1.0'?>", "HTML or XML page"),
        (b"<<<<<<< HEAD\nversion: 1\n=======\n", "line 1: a conflict of git stands here; decide for one side of it"),
        (b"version: 1\n<<<<<<< HEAD\n", "line 2: a conflict of git stands here"),
        (b"name: x\ndependencies: [python]\n", "-e file=some/lock."),
        (b"version: 5\nenvironments: {}\npackages: []\n", ": is a pixi lock of version 5"),
        (b"hello", "is no lock"),
        (b"[1, 2]", "is no lock"),
        (b"---\n", "is no lock"),
        (b"a: [", "is not valid YAML"),
        (b"a: b: c", "is not valid YAML"),
        (b"a\x01b: 1", "is not valid YAML"),
        (LAUGHS.encode(), "line 1: an anchor or alias stands here"),
        (b"a: 1\na: 2\n", "line 2: the key 'a' stands twice"),
        (b"a: {<<: {}}\n", "stands twice or merges"),
        (b"a: !!python/object:os.system x\n", "a tag (tag:yaml.org,2002:python/object:os.system)"),
        (b"? [a]\n: b\n", "a mapping's key is not plain text"),
        (b"a: 1\n---\nb: 2\n", "a second document"),
        (b"[" * 50 + b"]" * 50, "deeper than 20 levels"),
        (b"[" * 200000, "deeper than 20 levels"),
    ],
)
def test_what_is_no_lock(content, says):
    with pytest.raises(Problem) as caught:
        reading.parse(content, "some/lock")
    assert says in str(caught.value)
    assert str(caught.value).startswith("some/lock")


def test_scalars_stay_text():
    text = "a: 1.10\nb: 0777\nc: yes\nd: ~\ne: ''\nf: null\ng: 'null'\nh: [1e3, 2026-01-01]\ni:\n"
    assert strict_yaml.load(text, "x") == {
        **{"a": "1.10", "b": "0777", "c": "yes", "d": None, "e": "", "f": None, "g": "null", "i": None},
        "h": ["1e3", "2026-01-01"],
    }


def test_size_is_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(strict_yaml, "LARGEST", 100)
    path = tmp_path / "lock"
    path.write_bytes(b"#" * 101)
    with pytest.raises(Problem, match="larger than"):
        reading.read(str(path))


def test_places_in_order(tmp_path):
    for place in ("first", "second"):
        (tmp_path / place / "locks").mkdir(parents=True)
        (tmp_path / place / "locks" / "a").write_bytes(LOCK)
    (tmp_path / "second" / "locks" / "b").write_bytes(LOCK)
    places = [str(tmp_path / "first"), str(tmp_path / "second")]

    def none(_lock):
        return None

    assert reading.find("locks/a", places, none) == f"{tmp_path}/first/locks/a"
    assert reading.find("locks/b", places, none) == f"{tmp_path}/second/locks/b"
    assert reading.find(f"{tmp_path}/second/locks/b", [], none) == f"{tmp_path}/second/locks/b"
    assert reading.find("c", places, lambda _lock: f"{tmp_path}/first/locks/a") == f"{tmp_path}/first/locks/a"
    with pytest.raises(Problem) as caught:
        reading.find("locks/c", places, none)
    for place in places:
        assert f"{place}/locks/c" in str(caught.value)
    with pytest.raises(Problem, match="/nowhere/c is not a file"):
        reading.find("/nowhere/c", places, none)


def test_forks_parse_a_lock_once(tmp_path, monkeypatch):
    path = tmp_path / "lock.txt"
    path.write_bytes(LOCK)
    log = tmp_path / "parsed"
    parse = reading.parse

    def counted(*arguments):
        with open(log, "a", encoding="ascii") as file:
            file.write("x")
        return parse(*arguments)

    monkeypatch.setattr(reading, "parse", counted)
    context = multiprocessing.get_context("fork")
    arguments = (str(path), ("main",), str(tmp_path / "cache"))
    forks = [context.Process(target=reading.read, args=arguments) for number in range(5)]
    for fork in forks:
        fork.start()
    for fork in forks:
        fork.join()
    assert [fork.exitcode for fork in forks] == [0] * 5
    assert log.read_text() == "x"
    assert reading.read(*arguments) == parse(LOCK, "x")
    assert {file.stat().st_mode & 0o777 for file in (tmp_path / "cache").glob("*.json")} == {0o600}
    assert (tmp_path / "cache").stat().st_mode & 0o777 == 0o700
    path.write_bytes(LOCK + LOCK.replace(b"six", b"seven"))
    assert len(reading.read(*arguments).platforms["any"]) == 2


def test_an_explicit_list_has_no_categories():
    with pytest.raises(Problem, match="is an @EXPLICIT list, which has no categories"):
        reading.parse(LOCK, "lock.txt", ["dev"])
