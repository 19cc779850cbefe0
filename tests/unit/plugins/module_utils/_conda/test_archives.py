# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""The cache of verified archives, filled from files: hashes count behind ``file://`` too."""

from __future__ import annotations

import dataclasses
import hashlib

import pytest

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda import archives
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.network import Network
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.progress import Progress
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem


@pytest.fixture
def cache(tmp_path):
    folder = tmp_path / "cache"
    folder.mkdir()
    return folder


def archive(tmp_path, name, content=None, wanted=None):
    content = content or name.encode()
    path = tmp_path / f"{name}.conda"
    path.write_bytes(content)
    return archives.Archive(name, f"file://{path}", path.name, wanted or hashlib.sha256(content).hexdigest())


def fetch(cache, *wanted):
    return archives.fetch_missing(str(cache), wanted, Network(timeout=5, retries=0), Progress())


def test_what_is_missing_is_fetched_once(tmp_path, cache):
    one, two = archive(tmp_path, "one"), archive(tmp_path, "two")
    assert fetch(cache, one) == [one]
    assert fetch(cache, one, two) == [two]
    assert fetch(cache, one, two) == []
    assert (cache / one.sha256 / "one.conda").read_bytes() == b"one"


def test_a_wrong_hash_is_refused_and_leaves_nothing(tmp_path, cache):
    good, bad = archive(tmp_path, "good"), archive(tmp_path, "bad", wanted="0" * 64)
    fetch(cache, good)
    with pytest.raises(Problem, match="bad: .* has sha256 .*, but 0000"):
        fetch(cache, good, bad)
    assert [path.name for path in cache.iterdir()] == [good.sha256]


def test_all_failures_are_listed_up_to_a_limit(tmp_path, cache, monkeypatch):
    monkeypatch.setattr(archives, "WORKERS", 20)
    wanted = [archives.Archive(f"p{n:02}", f"file://{tmp_path}/none-{n}", "x", f"{n:064x}") for n in range(15)]
    with pytest.raises(Problem) as caught:
        fetch(cache, *wanted)
    assert 1 <= str(caught.value).count("Cannot fetch") <= 10
    assert list(cache.iterdir()) == []


def test_archives_that_were_altered_in_the_cache_are_thrown_away(tmp_path, cache):
    one, two = archive(tmp_path, "one"), archive(tmp_path, "two")
    fetch(cache, one, two)
    (cache / one.sha256 / "one.conda").write_bytes(b"altered")
    assert archives.verify(str(cache), [one, two]) == [one]
    assert archives.missing(str(cache), [one, two]) == [one]
    fetch(cache, one)
    assert archives.verify(str(cache), [one, two]) == []


def test_an_archive_with_an_md5_only_is_kept_under_its_sha256(tmp_path, cache):
    full = archive(tmp_path, "one")
    one = dataclasses.replace(full, sha256="", md5=hashlib.md5(b"one", usedforsecurity=False).hexdigest())
    assert archives.resolve(str(cache), one) == one
    assert fetch(cache, one) == [one]
    assert archives.resolve(str(cache), one).sha256 == full.sha256
    assert fetch(cache, one, full) == []
    assert sorted(path.name for path in cache.iterdir()) == sorted([full.sha256, f"md5-{one.md5}"])
    (cache / full.sha256 / "one.conda").unlink()
    assert fetch(cache, one) == [one]
    with pytest.raises(Problem, match="has md5"):
        fetch(cache, dataclasses.replace(one, md5="0" * 32))
    assert len(list(cache.iterdir())) == 2
