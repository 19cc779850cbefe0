# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Links change by one rename, which is the last thing that happens."""

from __future__ import annotations

import os

import pytest

from ansible_collections.lockstep.gpufleet.plugins.module_utils import _files


def test_a_link_is_made_and_replaced_without_litter(tmp_path):
    link = str(tmp_path / "link")
    for target in ("one", "two", "two"):
        _files.replace_link(link, target)
        assert os.readlink(link) == target and os.listdir(tmp_path) == ["link"]


def test_a_killed_replacement_leaves_nothing_once_the_link_is_there(tmp_path, monkeypatch):
    link = str(tmp_path / "link")
    rename = os.rename

    def rename_and_die(old, new):
        rename(old, new)
        assert os.listdir(tmp_path) == ["link"]
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "rename", rename_and_die)
    with pytest.raises(KeyboardInterrupt):
        _files.replace_link(link, "target")
    assert os.listdir(tmp_path) == ["link"] and os.readlink(link) == "target"


def test_a_directory_in_the_way_stays_and_nothing_else(tmp_path):
    (tmp_path / "link" / "content").mkdir(parents=True)
    with pytest.raises(OSError):
        _files.replace_link(str(tmp_path / "link"), "target")
    assert os.listdir(tmp_path) == ["link"] and (tmp_path / "link" / "content").is_dir()


def test_a_free_name_is_found(tmp_path, monkeypatch):
    (tmp_path / ".link.000000000000").write_text("somebody's")
    draws = iter([bytes(6), bytes([1] * 6)])
    monkeypatch.setattr(os, "urandom", lambda count: next(draws))
    _files.replace_link(str(tmp_path / "link"), "target")
    assert sorted(os.listdir(tmp_path)) == [".link.000000000000", "link"]
