# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Logos of kernels, from files on the controller to the entries that are sent."""

from __future__ import annotations

import base64

import pytest
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils import _logos


def test_files_become_content_and_all_else_stays(tmp_path):
    (tmp_path / "logo-svg.svg").write_bytes(b"<svg/>")
    given = [{"name": "a"}, {"name": "b", "lock": "x", "kernel": {"name": "k", "logos": ["logo-svg.svg"]}}]
    sent = _logos.embed(given, lambda name: str(tmp_path / name))
    assert sent[0] == {"name": "a"}
    logos = {"logo-svg.svg": base64.b64encode(b"<svg/>").decode()}
    assert sent[1] == {"name": "b", "lock": "x", "kernel": {"name": "k", "logos": logos}}
    assert given[1]["kernel"]["logos"] == ["logo-svg.svg"], "what the user gave is not changed"


@pytest.mark.parametrize("shape", [None, "x", ["x"], [{"name": "e", "kernel": "x"}], [{"kernel": {}}], [{"kernel": {"logos": None}}]])
def test_other_shapes_are_left_for_the_module(shape):
    assert _logos.embed(shape, str) == shape


@pytest.mark.parametrize(
    ("logos", "words"),
    [
        ("logo.png", ["'e'", "kernel.logos", "list"]),
        ([1], ["'e'", "list"]),
        (["a/logo-64x64.png", "b/logo-64x64.png"], ["'e'", "two files"]),
        (["gone.png"], ["'e'", "gone.png", "cannot be read"]),
        (["large.png"], ["'e'", "large.png", "bytes"]),
    ],
)
def test_what_is_wrong_with_a_file_is_named(tmp_path, logos, words):
    for name in ("a/logo-64x64.png", "b/logo-64x64.png", "large.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x" * (300_000 if name == "large.png" else 1))
    with pytest.raises(Problem) as caught:
        _logos.embed([{"name": "e", "kernel": {"logos": logos}}], lambda name: str(tmp_path / name))
    assert [word for word in words if word not in str(caught.value)] == []
