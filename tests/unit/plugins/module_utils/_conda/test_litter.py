# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Litter of every kind goes, and nothing that is finished goes with it."""

from __future__ import annotations

import pytest

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda import litter
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.store import Store

FINISHED = [
    "cache/archives/00ff/name-1-0.conda",
    "cache/packages/name-1-0/info/index.json",
    "cache/packages/name-1-0/.hidden-of-the-package",
    "cache/packages/name-1-0.lock",
    "cache/packages/.cache.lock",
    "cache/bytecode/cpython-311-a70d/3f/3fkey.digest",
    "generations/0123456789abcdef/envs/tiny/bin/python",
    "generations/0123456789abcdef-2/seal.json",
    "generations/somebody-elses/.file",
    "envs/tiny",
    "envs/.conda_envs_dir_test",
    "envs/.mine/file",
    "envs/.tiny.ab12cd34/somebody-elses",
    "envs/old.before-20260101T000000Z/file",
    "holds/tiny.json",
    "history/tiny.jsonl",
    ".lock",
    ".zfs/snapshot",
]

LITTER = [
    "cache/tmp/wheels-x/requirements.txt",
    "cache/tmp/file",
    "cache/archives/11ff/.name-1-0.conda.x.part",
    "cache/archives/00ff/.name-1-0.conda.y.part",
    "cache/packages/.name-x/info/index.json",
    "cache/packages/.file",
    "cache/bytecode/cpython-311-a70d/3f/.3fkey.digest.123",
    "engine/.x1/rattler/module.py",
    "holds/.tiny.json.x",
    "history/.tiny.jsonl.x",
]


@pytest.fixture
def store(tmp_path):
    for name in FINISHED + LITTER:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("content")
    (tmp_path / "envs/.tiny.x_y_z_12").mkdir()
    (tmp_path / "envs/.tiny.x_y_z_12/link").symlink_to("/")
    (tmp_path / "envs/.tiny.0123456789ab").symlink_to(tmp_path / "generations" / ("0" * 16) / "envs" / "tiny")
    (tmp_path / "envs/tiny.before-20260101T000000Z").symlink_to(tmp_path / "generations" / ("0" * 16) / "envs" / "tiny")
    for name in ("cache/archives/22ff", "generations/00000000000000aa/envs", "generations/00000000000000bb"):
        (tmp_path / name).mkdir(parents=True)
    return Store(str(tmp_path))


def test_litter_goes_and_what_is_finished_stays(store, tmp_path):
    litter.discard(store)
    left = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if not path.is_dir()}
    assert left == set(FINISHED)
    folders = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_dir()}
    assert not folders & {"cache/archives/11ff", "cache/archives/22ff", "cache/packages/.name-x", "envs/.tiny.x_y_z_12"}
    assert not [folder for folder in folders if folder.startswith("generations/00000000")]


def test_links_that_are_no_left_overs_stay(store, tmp_path):
    name = "tiny.before-20260101T000000Z"
    for target in ("/elsewhere/envs/tiny", f"{tmp_path}/generations/{'0' * 16}/envs/{name}"):
        (tmp_path / "envs" / name).unlink()
        (tmp_path / "envs" / name).symlink_to(target)
        litter.discard(store)
        assert (tmp_path / "envs" / name).is_symlink()


def test_a_hidden_link_of_somebody_else_stays(store, tmp_path):
    link = tmp_path / "envs" / ".tiny.ba9876543210"
    link.symlink_to("/elsewhere/envs/tiny")
    litter.discard(store)
    assert link.is_symlink()


def test_links_are_removed_not_followed(store, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_text("content")
    (tmp_path / "cache/tmp/link").symlink_to(outside)
    litter.discard(store)
    assert (outside / "file").exists()
    assert not (tmp_path / "cache/tmp/link").is_symlink()


def test_nothing_there_is_no_error(tmp_path):
    litter.discard(Store(str(tmp_path / "absent")))
