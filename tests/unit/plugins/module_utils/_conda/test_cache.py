# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""The cache after generations went: what the remaining ones name stays, all else goes."""

from __future__ import annotations

import os
import pathlib

import pytest

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda import cache, seal
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.engine_wheels import WHEELS
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.packages import Package
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.store import Store

SIX = Package("conda", "six", "1.0", "0", "noarch", "https://h/c/noarch/six-1.0-0.conda", "1" * 64)
PYC = "lib/python3.11/__pycache__/six.pyc"


@pytest.fixture
def store(tmp_path):
    made = Store(str(tmp_path))
    prefix = pathlib.Path(made.prefix("a" * 16, "e"))
    (prefix / PYC).parent.mkdir(parents=True)
    (prefix / PYC).write_bytes(b"compiled")
    found = seal.walk(str(prefix))
    rows = seal.make_tree(str(prefix), found, {})
    seal.write(made.generation("a" * 16), seal.Seal("a" * 16, "e", "linux-64", "", {}, {}, (SIX,), "", 0), rows, found)
    return made


def put(path, content=b""):
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def files(directory):
    return sorted(str(path.relative_to(directory)) for path in pathlib.Path(directory).rglob("*") if path.is_file())


def test_archives(store):
    engine = next(iter(WHEELS.values()))[0][1]
    for name in (SIX.sha256, engine, "2" * 64):
        put(f"{store.archives}/{name}/archive")
    for name, sha256 in (("md5-1", SIX.sha256), ("md5-2", "2" * 64)):
        os.symlink(sha256, f"{store.archives}/{name}")
    cache.collect(store)
    assert sorted(os.listdir(store.archives)) == sorted([SIX.sha256, engine, "md5-1"])


def test_unpacked_packages(store):
    for name, sha256 in (("six-1.0-0", SIX.sha256), ("six-2.0-0", "2" * 64), ("other-1.0-0", SIX.sha256)):
        put(f"{store.packages}/{name}/info/index.json")
        put(f"{store.packages}/{name}.lock", bytes(8) + bytes.fromhex(sha256))
    put(f"{store.packages}/.cache.lock")
    cache.collect(store)
    assert files(store.packages) == [".cache.lock", "six-1.0-0.lock", "six-1.0-0/info/index.json"]
    # Of the same name, but out of another archive.
    put(f"{store.packages}/six-1.0-0.lock", bytes(8) + bytes.fromhex("3" * 64))
    cache.collect(store)
    assert files(store.packages) == [".cache.lock"]


def test_bytecode(store):
    tree = seal.make_tree(store.prefix("a" * 16, "e"), seal.walk(store.prefix("a" * 16, "e")), {})
    content = next(row[4] for row in tree if row[0] == PYC)
    for name in (f"3f/key.{content}", f"3f/old.{'0' * 64}", f"4f/old.{'0' * 64}"):
        put(f"{store.bytecode}/cpython-311/{name}")
    cache.collect(store)
    assert files(store.bytecode) == [f"cpython-311/3f/key.{content}"]
    assert not os.path.exists(f"{store.bytecode}/cpython-311/4f")


def test_an_empty_store(tmp_path):
    cache.collect(Store(str(tmp_path / "absent")))


def test_a_cache_elsewhere_is_told(store, tmp_path, monkeypatch):
    assert cache.warn_of_copies(store) == []
    monkeypatch.setattr(cache, "_device", len)
    assert "is on another filesystem than" in cache.warn_of_copies(store)[0]
