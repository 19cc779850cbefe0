# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""A wheel whose hash is said is that wheel, as the real uv finds it on loopback."""

from __future__ import annotations

import pytest

from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem

from unit.plugins.plugin_utils._solving import indexes, pip_part


@pytest.mark.parametrize("form", ["{url}#sha256={hash}", "{url} --hash=sha256:{hash}"])
def test_the_hash_of_a_wheel_is_compared(form, tmp_path):
    settings = pip_part.settings(tmp_path)
    with indexes.Index() as index:
        there = index.add("wanted", "1.0")
        url = f"http://{index.server}/files/wanted-1.0-py3-none-any.whl"

        def resolve(sha256):
            text = f"--no-index\nwanted @ {form.format(url=url, hash=sha256)}\n"
            return pip_part.resolution(text, settings).entries

        assert [(one.package.url, one.package.sha256) for one in resolve(there)] == [(url, there)]
        with pytest.raises(Problem) as caught:
            resolve("b" * 64)
        index.shutdown()
    assert str(caught.value) == (
        f"These wheels are not those that were meant: r.txt, line 2: wanted has sha256 {there}, but {'b' * 64} is wanted."
    )


def test_hashes_of_a_version(tmp_path):
    """The wheel that suits best is passed over for one whose hash is wanted."""
    with indexes.Index() as index:
        pure = index.add("wanted", "1.0")
        fast = index.add("wanted", "1.0", tag="cp312-cp312-manylinux2014_x86_64")

        def resolve(*hashes, limits=""):
            (tmp_path / "limits.txt").write_text(limits, encoding="utf-8")
            text = f"-i {index.url}\n-c {tmp_path}/limits.txt\nwanted==1.0 {' '.join(f'--hash=sha256:{one}' for one in hashes)}\n"
            (entry,) = pip_part.resolution(text, pip_part.settings(tmp_path)).entries
            return entry.package.sha256

        assert resolve() == resolve(pure, fast) == fast
        assert resolve(pure) == resolve("b" * 64, pure) == resolve(pure, fast, limits=f"wanted==1.0 --hash=sha256:{pure}\n") == pure
        with pytest.raises(Problem, match=f"r.txt, line 3: wanted has sha256 {fast}, but {'b' * 64} is wanted"):
            resolve("b" * 64)
        with pytest.raises(Problem, match=f"limits.txt, line 1: wanted has sha256 {fast}, but one of the 2 of that line is wanted"):
            resolve(limits=f"wanted --hash=sha256:{'b' * 64} --hash=sha256:{'c' * 64}\n")
        index.shutdown()
