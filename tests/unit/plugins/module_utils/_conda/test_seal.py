# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Seals as they are written and read; what they say about a changed tree is in ``test_drift.py``."""

from __future__ import annotations

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda import seal
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.packages import Package

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
