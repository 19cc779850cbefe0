# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Exactly the builds of a list, with the hashes that their channel knows, or that they have."""

from __future__ import annotations

import hashlib
import io
import json
import pathlib
import tarfile

import pytest
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.network import Network
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._solving import completing, tools
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._solving.model import Settings
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._specification import reading

from .channel import write_channel


@pytest.fixture(name="settings")
def settings_(tmp_path: pathlib.Path) -> Settings:
    return Settings(tools.find(None, None), Network(retries=0, timeout=5), str(tmp_path / "cache"))


@pytest.fixture(name="channel")
def channel_(tmp_path: pathlib.Path) -> str:
    write_channel(tmp_path / "channel", ("tool", "1.0", ["library >=1"]), ("library", "1.0", []), ("library", "2.0", []))
    return (tmp_path / "channel").as_uri()


def archive(path: pathlib.Path) -> None:
    """Write a real archive that is in no index."""
    path.parent.mkdir(parents=True, exist_ok=True)
    index = {"name": "stray", "version": "3.0", "build": "0", "build_number": 0, "depends": ["library >=1"], "subdir": "linux-64"}
    with tarfile.open(path, "w:bz2") as tar:
        for name, text in (("info/index.json", json.dumps(index)), ("info/files", "")):
            member = tarfile.TarInfo(name)
            member.size = len(text)
            tar.addfile(member, io.BytesIO(text.encode()))


def complete(settings: Settings, *lines: str) -> completing.Completed:
    text = "\n".join(["# platform: linux-64", "@EXPLICIT", *lines, ""])
    return completing.complete(reading.parse(text.encode(), "list.txt"), settings)


def test_the_channel_knows_the_hashes_and_newer_builds_stay_away(channel: str, settings: Settings):
    found = complete(settings, f"{channel}/linux-64/library-1.0-h0_0.conda", f"{channel}/linux-64/tool-1.0-h0_0.conda")
    assert [one.package.label for one in found.entries] == ["library 1.0 h0_0", "tool 1.0 h0_0"]
    assert found.entries[0].package.sha256 == hashlib.sha256(b"library 1.0").hexdigest()
    assert found.entries[1].package.depends == ("library >=1",)
    assert not found.notes


def test_an_md5_that_fits_is_completed_and_another_is_refused_with_its_line(channel: str, settings: Settings):
    right, wrong = hashlib.md5(b"tool 1.0").hexdigest(), "0" * 32
    found = complete(settings, f"{channel}/linux-64/tool-1.0-h0_0.conda#{right}")
    assert found.entries[0].package.sha256 == hashlib.sha256(b"tool 1.0").hexdigest()
    with pytest.raises(Problem, match=f"list.txt, line 3: tool-1.0-h0_0.conda has md5 {wrong}, but its channel says {right}"):
        complete(settings, f"{channel}/linux-64/tool-1.0-h0_0.conda#{wrong}")


def test_what_left_the_index_is_fetched_and_says_what_it_needs(tmp_path: pathlib.Path, channel: str, settings: Settings):
    path = tmp_path / "channel/linux-64/stray-3.0-0.tar.bz2"
    archive(path)
    found = complete(settings, f"{channel}/linux-64/stray-3.0-0.tar.bz2")
    (entry,) = found.entries
    assert entry.package.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert entry.package.depends == ("library >=1",) and entry.package.subdir == "linux-64"
    assert found.notes == (
        "list.txt, line 3: stray-3.0-0.tar.bz2 is in no channel's index; it was fetched, and that no hash was known: it is locked as "
        "it is today.",
    )


def test_what_cannot_be_had_is_listed_with_all_its_lines(channel: str, settings: Settings):
    with pytest.raises(Problem) as caught:
        complete(settings, f"{channel}/linux-64/gone-1-0.conda", "http://127.0.0.1:9/c/nowhere/other-1-0.conda")
    assert "list.txt, line 3: " in str(caught.value) and "list.txt, line 4: " in str(caught.value)
