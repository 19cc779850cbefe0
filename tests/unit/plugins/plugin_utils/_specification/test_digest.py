# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the digest of an input depends on, and what it does not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._specification import reading

BASE = """\
name: x
channels: [conda-forge, https://h/private]
dependencies:
- python=3.10
- numpy
- pip:
  - --index-url https://h/simple
  - requests
  - x @ https://h/x-1.0-py3-none-any.whl#sha256={a}
variables: {{A: b}}
""".format(a="a" * 64)


def digest(text, path="env.yml"):
    return reading.parse(text.encode(), path).digest()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("name: x", "# a comment\nname: y"),
        ("- numpy\n", "- numpy  # why\n\n"),
        ("- python=3.10\n- numpy\n", "- numpy\n- python=3.10\n"),
        ("https://h/private", "https://me:pw@h/private"),
        ("https://h/private", "https://h/t/TOKEN/private"),
        ("https://h/simple", "https://me:pw@h/simple"),
        ("https://h/x-1.0", "https://me:pw@h/x-1.0"),
        ("variables:", "prefix: /home/me\nvariables:"),
        ("\n", "\r\n"),
    ],
)
def test_what_does_not_count(old, new):
    assert old in BASE and digest(BASE.replace(old, new)) == digest(BASE)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("- numpy", "- numpy=1"),
        ("- requests", "- requests==1"),
        ("- requests", f"- requests --hash=sha256:{'a' * 64}"),
        ("conda-forge, https://h/private", "https://h/private, conda-forge"),
        ("https://h/simple", "https://other/simple"),
        ("a" * 64, "b" * 64),
        ("A: b", "A: c"),
        ("https://h/simple", "https://h/simple --pre"),
        ("name: x", "platforms: [linux-64]"),
    ],
)
def test_what_counts(old, new):
    assert old in BASE and digest(BASE.replace(old, new)) != digest(BASE)


def test_the_directory_of_all_files_does_not_count(tmp_path):
    for place in ("a", "b"):
        (tmp_path / place / "wheels").mkdir(parents=True)
    text = BASE.replace("- requests\n", "- -f wheels\n")
    assert digest(text, f"{tmp_path}/a/env.yml") == digest(text, f"{tmp_path}/b/env.yml")
    assert digest(text, f"{tmp_path}/a/env.yml") != digest(text.replace("-f wheels", "-f ../b/wheels"), f"{tmp_path}/a/env.yml")


LINES = ["python=3.10", "numpy", "scipy >=1", "nvidia::cuda=12", "pytorch=*=*cuda*"]


@given(st.permutations(LINES), st.lists(st.sampled_from(["# a comment", "", "  # x"]), max_size=3))
def test_any_order_of_lines(lines, noise):
    def text(specs, comments=()):
        return "\n".join(["channels: [conda-forge, nvidia]", "dependencies:", *comments, *(f"- {one}" for one in specs), ""])

    assert digest(text(lines, noise)) == digest(text(LINES))
