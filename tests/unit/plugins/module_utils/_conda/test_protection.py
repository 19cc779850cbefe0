# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""What conda and pip tell people who want to change an environment. Real ones are asked on a host."""

from __future__ import annotations

import configparser
import json

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda import protection

LINK = "/opt/lockstep/envs/ai_env"


def test_the_message_names_environment_manager_and_ways():
    text = protection.message("ai_env", LINK)
    for part in ("environment ai_env is managed by Ansible", "environment.yml", "lock it", "lockstep.gpufleet.provision"):
        assert part in text
    assert f"{LINK}/bin/python -m venv --system-site-packages ~/" in text
    assert "conda create -n mine" in text


def test_both_signs_are_written_as_new_files_and_say_the_same(tmp_path):
    prefix = tmp_path / "prefix"
    (prefix / "lib" / "python3.11").mkdir(parents=True)
    (prefix / "conda-meta").mkdir()
    (tmp_path / "cached").write_text("of a package")
    (prefix / "conda-meta" / "frozen").hardlink_to(tmp_path / "cached")
    (prefix / "CACHEDIR.TAG").touch()
    written = protection.add(str(prefix), "ai_env", LINK)
    assert written == {"conda-meta/frozen", "lib/python3.11/EXTERNALLY-MANAGED"}
    assert (tmp_path / "cached").read_text() == "of a package"
    assert not (prefix / "CACHEDIR.TAG").exists()
    text = protection.message("ai_env", LINK)
    assert json.loads((prefix / "conda-meta" / "frozen").read_text()) == {"message": text}
    parser = configparser.ConfigParser(interpolation=None)  # as pip reads it
    parser.read(prefix / "lib" / "python3.11" / "EXTERNALLY-MANAGED")
    assert " ".join(parser["externally-managed"]["Error"].split()) == " ".join(text.split())
