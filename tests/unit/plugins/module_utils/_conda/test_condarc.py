# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""The system files of a base."""

from __future__ import annotations

import pathlib
import subprocess

import yaml

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda import condarc


def test_a_condarc_says_in_yaml_what_was_asked() -> None:
    settings = {
        "channels": ["conda-forge", "https://host/chan: with # odd 'signs'"],
        "envs_dirs": ["/opt/lockstep/envs", "~/.conda/envs"],
        "default_channels": [],
        "custom_channels": {"lab": "https://host/lab"},
        "channel_priority": "strict",
        "ssl_verify": False,
        "remote_read_timeout_secs": 60.0,
        "note": "größer",
    }
    text = condarc.render_condarc(settings)
    assert yaml.safe_load(text) == settings
    assert "channels:\n  - \"conda-forge\"\n" in text
    assert condarc.is_ours(text)
    assert not condarc.is_ours("channels: []\n") and not condarc.is_ours(None)


def test_the_hook_reads_the_bases_script_if_there_is_one(tmp_path: pathlib.Path) -> None:
    prefix = tmp_path / "a 'base'"
    script = condarc.render_hook(str(prefix)) + 'echo "$found"\n'
    run = ["/bin/sh", "-eu", "-c", "found=no\n" + script]
    assert subprocess.run(run, capture_output=True, text=True, check=True).stdout == "no\n"
    (prefix / "etc/profile.d").mkdir(parents=True)
    (prefix / "etc/profile.d/conda.sh").write_text("found=yes\n")
    assert subprocess.run(run, capture_output=True, text=True, check=True).stdout == "yes\n"
