# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is gone is named and the rest is locked; what does not answer is an error."""

from __future__ import annotations

import pathlib
import sys
import typing as t

import pytest
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.network import Network
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locking import adoption, hosts
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._solving import tools
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._solving.model import Settings, Target, Tools

from .._solving.channel import write_channel


def found(*urls: str) -> dict[str, t.Any]:
    conda = []
    for url in urls:
        name, version, build = url.rsplit("/", 1)[1].removesuffix(".conda").split("-")
        conda.append({"name": name, "version": version, "build": build, "url": url, "md5": "", "sha256": "", "depends": []})
    return {
        "conda": conda,
        "requested": [],
        "channels": list(dict.fromkeys(url.rsplit("/", 2)[0] for url in urls)),
        "pip": [],
        "variables": {},
        "not_reproduced": [],
    }


def make(tmp_path: pathlib.Path, *urls: str) -> tuple[dict[str, str], list[dict[str, str]]]:
    settings = Settings(tools.find(None, None), Network(retries=0, timeout=2), str(tmp_path / "cache"))
    host = hosts.Host("gpu01", "linux-64", {"__glibc": "2.36"})
    return adoption.make(found(*urls), adoption.Question("old", "/old on gpu01", str(tmp_path), host), settings)


@pytest.fixture(name="channel")
def channel_(tmp_path: pathlib.Path) -> str:
    write_channel(tmp_path / "channel", ("tool", "1.0", []), ("library", "1.0", []))
    return (tmp_path / "channel").as_uri()


def test_what_is_gone_is_named_and_the_rest_is_locked(tmp_path: pathlib.Path, channel: str):
    missing: list[dict[str, str]] = []
    settings = Settings(tools.find(None, None), Network(retries=0, timeout=2), str(tmp_path / "cache"))
    names = ("library-1.0-h0_0", "gone-1.0-h0_0", "lost-2.0-h0_0", "tool-1.0-h0_0")
    what = found(*(f"{channel}/linux-64/{name}.conda" for name in names))
    question = adoption.Question("old", "/old on gpu01", str(tmp_path), hosts.Host("gpu01", "linux-64", {}))
    entries = adoption._completed(what, question, settings, missing)
    assert [one.package.name for one in entries] == ["library", "tool"]
    assert [one["what"] for one in missing] == ["gone", "lost"]


def test_a_channel_that_does_not_answer_is_one_error(tmp_path: pathlib.Path):
    urls = [f"http://127.0.0.1:9/channel/linux-64/{name}-1.0-0.conda" for name in ("tool", "library")]
    with pytest.raises(Problem, match="127.0.0.1:9/channel"):
        make(tmp_path, *urls)


def test_without_any_address_there_is_nothing_to_lock(tmp_path: pathlib.Path):
    with pytest.raises(Problem, match="nothing that can be locked"):
        make(tmp_path, "file:///srv/linux-64/tool-1.0-0.conda")


def test_a_uv_that_cannot_be_run_is_one_error_not_one_for_each_package(tmp_path: pathlib.Path):
    write_channel(tmp_path / "channel", ("python", "3.12.4", []))
    what = found(f"{(tmp_path / 'channel').as_uri()}/linux-64/python-3.12.4-h0_0.conda")
    what["pip"] = [{"name": name, "version": "1.0", "url": ""} for name in ("one", "two")]
    settings = Settings(Tools(sys.executable, "/nonexistent/uv"), Network(retries=0, timeout=2), str(tmp_path / "cache"))
    question = adoption.Question("old", "/old on gpu01", str(tmp_path), hosts.Host("gpu01", "linux-64", {"__glibc": "2.36"}))
    target = Target("linux-64", {"__glibc": "2.36"})
    entries = adoption._completed(what, question, settings, [])
    with pytest.raises(Problem, match="uv: /nonexistent/uv cannot be run"):
        adoption._wheels(what, question, target, entries, settings, [])
