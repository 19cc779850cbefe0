# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pins that are written into an environment.yml: nothing else changes, nothing secret is shown, and the lock is that of the file."""

from __future__ import annotations

import pathlib
import typing as t

import pytest

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.network import Network
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locking import hosts, job, outputs, planning
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._solving import tools
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._solving.model import Settings

from unit.plugins.plugin_utils._solving import channel, served


@pytest.fixture(name="packages")
def packages_(tmp_path: pathlib.Path) -> None:
    channel.write_channel(tmp_path / "channel", ("tool", "1.5", []), ("tool", "1.4", []), ("python", "3.12.4", []))


def observed(file: pathlib.Path, text: bytes | None, reader: job.Input, **options: t.Any) -> job.Job:
    if text is not None:
        file.write_bytes(text)
    return job.observe(hosts.Asked(str(file), str(file.parent / "conda-lock.yml")), reader, planning.Options(**options))


def lock(file: pathlib.Path, text: bytes, reader: job.Input, **options: t.Any) -> job.Outcome:
    settings = Settings(tools.find(None, None), Network(timeout=5, retries=0), str(file.parent / "cache"))
    outcome = job.make(observed(file, text, reader, **options), planning.Options(**options), settings)
    outputs.write(job.to_write([outcome]))
    return outcome


@pytest.mark.usefixtures("packages")
def test_what_options_add_to_the_file_stays(tmp_path):
    file = tmp_path / "environment.yml"
    reader = job.Input(((tmp_path / "channel").as_uri(),), "3.12.4")
    lock(file, b"\xef\xbb\xbfdependencies:\r\n- tool  # why\r\n", reader, pin=True)
    assert file.read_bytes() == b"\xef\xbb\xbfdependencies:\r\n- tool==1.5  # why\r\n"
    assert observed(file, None, reader).why is None


@pytest.mark.usefixtures("packages")
def test_only_an_environment_yml_in_utf_8_is_written_into(tmp_path):
    reader = job.Input(((tmp_path / "channel").as_uri(),), "3.12.4")
    with pytest.raises(Problem, match="environment.yml is not in UTF-8: pins are written into no other encoding"):
        lock(tmp_path / "environment.yml", "dependencies:\n- tool\n".encode("utf-16"), reader, pin=True)
    text = b"tool @ file:///croot/tool_1686931851744/work\n"
    with pytest.raises(Problem, match="freeze.txt, line 1: tool is not pinned; tool==1.5 is what was found for it"):
        lock(tmp_path / "freeze.txt", text, reader, pin=True)
    assert (tmp_path / "freeze.txt").read_bytes() == text


@pytest.mark.usefixtures("packages")
def test_credentials_stay_in_the_file_as_they_are_and_appear_nowhere_else(tmp_path, monkeypatch):
    monkeypatch.setenv("LOCK_TOKEN", "s3cret")
    with served.folder(tmp_path) as server:
        text = "channels: ['http://you:${LOCK_TOKEN}@HOST/channel']\ndependencies:\n- 'http://me:pa55@HOST/channel::tool'\n"
        text += "- 'http://you:${LOCK_TOKEN}@HOST/channel::python'\n"
        text = text.replace("HOST", server)
        file = tmp_path / "environment.yml"
        with pytest.raises(Problem) as caught:
            lock(file, text.encode(), job.Input())
        found = lock(file, text.encode(), job.Input(), policy="warn")
        outcome = lock(file, text.encode(), job.Input(), pin=True)
    said = str(caught.value) + str([one.data() for one in found.findings]) + repr(found) + str(found.notes)
    said += outcome.texts[str(tmp_path / "conda-lock.yml")]
    assert "s3cret" not in said and "pa55" not in said and "::tool==1.5 is what was found" in said
    assert file.read_text() == text.replace("::tool", "::tool==1.5").replace("::python", "::python==3.12.4")
