# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the real uv refuses, in the words of the user's file; no error holds a secret."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem

from unit.plugins.plugin_utils._solving import indexes, pip_part


@pytest.fixture(name="index")
def index_() -> t.Iterator[indexes.Index]:
    with indexes.Index() as server:
        yield server
        server.shutdown()


def refusal(text: str, tmp_path: t.Any, *conda: t.Any, **more: t.Any) -> str:
    with pytest.raises(Problem) as caught:
        pip_part.resolution(text, pip_part.settings(tmp_path), *conda, **more)
    return str(caught.value)


@pytest.mark.parametrize(
    "url", ["http://me:Sesame-1@{}/files/other-1.0-py3-none-any.whl", "http://{}/files/other-1.0-py3-none-any.whl?key=Sesame-1"]
)
def test_what_opens_a_wheel_is_not_shown(index, tmp_path, url):
    index.add("other", "1.0")
    said = refusal(f"--no-index\nwanted @ {url.format(index.server)}\n", tmp_path)
    assert "- r.txt, line 2: wanted @ http://" in said
    assert "Sesame" not in said
