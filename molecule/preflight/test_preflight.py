# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a warning let through is there and whole, and no script of a package was run."""

from __future__ import annotations

import json


def test_what_was_warned_of_was_built(host):
    assert host.file("/opt/lockstep/envs/cuda/share/bed-cuda-probe.txt").contains("cuda build for linux-64")
    seal = json.loads(host.file("/opt/lockstep/envs/cuda/../../seal.json").content_string)
    assert [package[1] for package in seal["packages"]] == ["bed-cuda-probe"]


def test_post_link_scripts_were_not_run(host):
    assert host.file("/opt/lockstep/envs/tiny/share/bed-post-link.txt").exists
    assert not host.file("/opt/lockstep/envs/tiny/share/bed-post-link.ran").exists
