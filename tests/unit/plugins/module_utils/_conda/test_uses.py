# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kernels and units that name a generation, found in real files."""

from __future__ import annotations

import os
import pathlib

import pytest

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda import uses
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.store import Store

ONE, TWO = "1" * 16, "2" * 16 + "-2"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ExecStart=ROOT/generations/1111111111111111/envs/e/bin/python -m x", {ONE}),
        ('{"argv": ["ROOT/generations/2222222222222222-2/envs/e/bin/python"]}', {TWO}),
        ('{"argv": ["ROOT\\/generations\\/1111111111111111\\/envs\\/e"]}', {ONE}),
        ("A=/elsewhere/generations/1111111111111111", set()),
        ("A=ROOT/envs/e", set()),
    ],
)
def test_names_in_a_text(tmp_path, text, expected):
    path = tmp_path / "text"
    path.write_text(text.replace("ROOT", "/opt/lockstep"))
    assert uses.named_in(str(path), "/opt/lockstep") == expected


def test_the_real_path_of_a_linked_root_counts(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    path = tmp_path / "text"
    path.write_text(f"{tmp_path}/real/generations/{ONE}/")
    assert uses.named_in(str(path), f"{tmp_path}/link") == {ONE}


def test_what_is_no_small_text_file_names_nothing(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "large").write_bytes(b"/opt/lockstep/generations/1111111111111111".ljust(2 * 1024 * 1024))
    (tmp_path / "loop").symlink_to("loop")
    for name in ("pipe", "large", "loop", "absent", "."):
        assert uses.named_in(str(tmp_path / name), "/opt/lockstep") == set()


def test_kernels_and_units_of_the_host_and_of_its_users(tmp_path, monkeypatch):
    store = Store("/opt/lockstep")
    monkeypatch.setattr(uses, "_UNITS", (str(tmp_path / "units"),))
    monkeypatch.setattr(uses, "_KERNELS", (str(tmp_path / "kernels"),))

    monkeypatch.setattr(uses, "_HOMES", str(tmp_path / "homes" / "*"))

    class Account:
        pw_dir = str(tmp_path / "home")

    monkeypatch.setattr(uses.pwd, "getpwall", lambda: [Account, Account])
    places = [
        ("kernel", "kernels/ai/kernel.json"),
        ("unit", "units/job.service"),
        ("unit", "units/job.service.d/more.conf"),
        ("kernel", "home/.local/share/jupyter/kernels/mine/kernel.json"),
        ("unit", "home/.config/systemd/user/mine.service"),
        ("kernel", "homes/of-a-directory-service/.local/share/jupyter/kernels/mine/kernel.json"),
    ]
    for _kind, name in places:
        path = pathlib.Path(tmp_path / name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(store.generation(ONE))
    (tmp_path / "kernels/ai/other.json").write_text(store.generation(TWO))
    assert uses.uses_of(store, []) == {}
    found = uses.uses_of(store, [ONE, TWO])
    assert sorted(found) == [ONE]
    assert sorted(found[ONE]) == sorted(f"{kind} {tmp_path}/{name}" for kind, name in places)
