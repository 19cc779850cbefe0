# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Seals as they are written and read; what they say about a changed tree is in ``test_drift.py``."""

from __future__ import annotations

import os
import time

import pytest

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda import seal
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.packages import Package
from ansible_collections.lockstep.gpufleet.plugins.module_utils._files import file_sha256
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem

PACKAGE = Package("conda", "six", "1.0", "0", "noarch", "https://h/c/noarch/six-1.0-0.conda", "1" * 64)


def test_what_is_written_is_read(tmp_path):
    prefix = tmp_path / "envs" / "e"
    (prefix / "bin").mkdir(parents=True)
    (prefix / "bin" / "python").write_bytes(b"#!/bin/sh\n")
    (prefix / "link").symlink_to("bin")
    found = seal.walk(str(prefix))
    written = seal.Seal("g", "e", "linux-64", "l", {"engine": "1"}, {}, (PACKAGE,), "", 0)
    seal.write(str(tmp_path), written, seal.make_tree(str(prefix), found, {}), found)
    sealed = seal.read(str(tmp_path))
    assert sealed is not None and sealed.packages == (PACKAGE,) and sealed.files == 2
    (tmp_path / "seal.json").write_text("{")
    assert seal.read(str(tmp_path)) is None


def test_an_edit_during_the_build_is_noticed_a_mere_touch_is_not(tmp_path):
    old, touched, edited = (tmp_path / name for name in ("old", "touched", "edited"))
    for path in (old, touched, edited):
        path.write_text("as packaged")
        os.utime(path, (1000, 1000))
    known = {path.name: file_sha256(str(path)) for path in (old, touched, edited)}
    begun = time.time_ns() - 10**9
    touched.touch()
    seal.check_unedited(str(tmp_path), seal.walk(str(tmp_path)), known, begun)
    edited.write_text("as edited")
    with pytest.raises(Problem, match="edited was edited while"):
        seal.check_unedited(str(tmp_path), seal.walk(str(tmp_path)), known, begun)
