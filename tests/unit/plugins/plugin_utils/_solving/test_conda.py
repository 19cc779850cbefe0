# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""The conda part, solved by the real py-rattler against channels on disk."""

from __future__ import annotations

import pathlib

import pytest
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.network import Network
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._solving import conda, tools
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._solving.model import Settings, Target
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._specification import reading

from .channel import write_channel

HOST = {"__unix": "0", "__linux": "5.10", "__glibc": "2.36"}


@pytest.fixture(name="settings")
def settings_(tmp_path: pathlib.Path) -> Settings:
    return Settings(tools.find(None, None), Network(), str(tmp_path / "cache"))


def specified(tmp_path: pathlib.Path, *specs: str):
    lines = "".join(f"  - {spec}\n" for spec in specs)
    text = f"channels:\n  - {(tmp_path / 'channel').as_uri()}\ndependencies:\n{lines}"
    return reading.parse(text.encode(), "environment.yml")


@pytest.fixture(name="channel")
def channel_(tmp_path: pathlib.Path) -> None:
    write_channel(
        tmp_path / "channel",
        ("tool", "1.0", ["library >=1"]),
        ("library", "1.0", []),
        ("library", "2.0", []),
        ("other", "1.0", []),
        ("other", "2.0", []),
    )


@pytest.mark.usefixtures("channel")
def test_what_is_needed_comes_along(tmp_path: pathlib.Path, settings: Settings):
    solved = conda.solve(specified(tmp_path, "tool==1.0"), [Target("linux-64", HOST)], settings)
    assert [(one.package.name, one.package.version) for one in solved["linux-64"]] == [("library", "2.0"), ("tool", "1.0")]
    package = solved["linux-64"][1].package
    assert package.url == (tmp_path / "channel/linux-64/tool-1.0-h0_0.conda").as_uri()
    assert (package.build, package.subdir, package.depends, package.md5) == ("h0_0", "linux-64", ("library >=1",), "")
    assert len(package.sha256) == 64 and len(solved["linux-64"][1].md5) == 32


@pytest.mark.usefixtures("channel")
def test_what_is_kept_stays_and_the_rest_moves(tmp_path: pathlib.Path, settings: Settings):
    old = conda.solve(specified(tmp_path, "tool", "library==1.0", "other==1.0"), [Target("linux-64", HOST)], settings)
    keep = {"linux-64": [entry for entry in old["linux-64"] if entry.package.name != "other"]}
    new = conda.solve(specified(tmp_path, "tool", "other"), [Target("linux-64", HOST)], settings, keep)
    versions = {one.package.name: one.package.version for one in new["linux-64"]}
    assert versions == {"tool": "1.0", "library": "1.0", "other": "2.0"}


@pytest.mark.usefixtures("channel")
def test_all_builds_that_channels_offer(tmp_path: pathlib.Path, settings: Settings):
    channels = specified(tmp_path, "tool").channels
    found = conda.look_up(channels, ["linux-64"], ["library", "nowhere"], settings)
    assert {name: sorted(one.version for one in those) for name, those in found.items()} == {"library": ["1.0", "2.0"]}
