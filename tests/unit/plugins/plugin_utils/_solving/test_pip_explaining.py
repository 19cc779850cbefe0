# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the real uv refuses, in the words of the user's file; no error holds a secret."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._solving import pip
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._specification import reading

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


@pytest.fixture(name="limits")
def limits_(tmp_path: t.Any) -> str:
    (tmp_path / "limits.txt").write_text("# what everybody keeps to\nsix<1.17\nneeded<2\nelsewhere==7\n", encoding="utf-8")
    return f"-c {tmp_path}/limits.txt\n"


SIX = pip_part.conda_package("six", "1.17.0", "python")


@pytest.fixture(name="stocked")
def stocked_(index: indexes.Index) -> str:
    """Return the option that names an index with wheels of all kinds."""
    for name, version, requires in (
        ("needed", "1.0", []),
        ("needed", "2.0", []),
        ("wants-needed", "1.0", ["needed>=2"]),
        ("wants-six", "1.0", ["six"]),
        ("wants-new-six", "1.0", ["six>=2"]),
    ):
        index.add(name, version, requires)
    index.add("built", "1.0", tag="cp312-cp312-manylinux2014_x86_64")
    index.add("wants-built", "1.0", ["built"])
    index.offer("source", "source-1.0.tar.gz", b"no wheel")
    return f"-i {index.url}\n"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("needed==2.0", ["- r.txt, line 3: needed==2.0", "/limits.txt, line 3: needed<2, a limit"]),
        ("wants-needed", ["- r.txt, line 3: wants-needed", "/limits.txt, line 3: needed<2, a limit"]),
        ("wants-new-six", ["- r.txt, line 3: wants-new-six", "- conda brings six 1.17.0 (other packages need it)"]),
    ],
)
def test_limits_and_what_conda_brings_are_named(stocked, limits, tmp_path, line, says):
    said = refusal(f"{stocked}{limits}{line}\n", tmp_path, SIX)
    for words in says:
        assert words in said
    assert "elsewhere" not in said


@pytest.mark.parametrize("line", ["six>=1", "wants-six"])
def test_a_limit_that_conda_does_not_keep_to(stocked, limits, tmp_path, line):
    said = refusal(f"{stocked}{limits}{line}\n", tmp_path, SIX)
    assert said == (
        f"pip and conda contradict each other: {tmp_path}/limits.txt, line 2: six<1.17 is a limit, but conda brings six 1.17.0 "
        "(other packages need it). Take out the limit, or ask conda for a version that keeps to it."
    )


def test_a_limit_of_what_the_pip_part_does_not_need_does_not_count(stocked, limits, tmp_path):
    found = pip_part.resolution(f"{stocked}{limits}needed\n", pip_part.settings(tmp_path), SIX)
    assert pip_part.pairs(found.entries) == [("needed", "1.0")]


@pytest.mark.parametrize(
    ("line", "target", "says"),
    [
        ("built==1.0", {"platform": "linux-aarch64", "glibc": "2.36"}, ["for linux-aarch64: ", "built==1.0", "line 2: built==1.0"]),
        (
            "built==1.0",
            {"platform": "linux-64", "glibc": "2.12"},
            [
                "The pip part cannot be locked for linux-64 with Python 3.12 and glibc 2.12: r.txt, line 2: built 1.0 has no wheel "
                "that fits, only built-1.0-cp312-cp312-manylinux2014_x86_64.whl."
            ],
        ),
        ("wants-built", {"platform": "linux-64", "glibc": "2.12"}, ["glibc 2.12: built 1.0 has no wheel that fits, only built-1.0"]),
        (
            "built @ {}/files/built-1.0-cp312-cp312-manylinux2014_x86_64.whl",
            {"platform": "linux-aarch64", "glibc": "2.36"},
            ["cannot be locked for linux-aarch64 with Python 3.12 and glibc 2.36: r.txt, line 2: built 1.0 has no wheel that fits"],
        ),
        ("source", {"platform": "linux-64", "glibc": "2.36"}, ["source==1.0 has no usable wheels", "- r.txt, line 2: source"]),
    ],
)
def test_what_has_no_wheel_for_the_target(index, stocked, tmp_path, line, target, says):
    target = pip_part.Target(target["platform"], {"__glibc": target["glibc"]})
    said = refusal(f"{stocked}{line.format(f'http://{index.server}')}\n", tmp_path, target=target)
    for words in (*says, "Only wheels are locked", "Build the wheel once"):
        assert words in said


def test_where_it_was_looked_for(index, tmp_path):
    folder = tmp_path / "wheels"
    folder.mkdir()
    said = refusal(f"-i http://me:Sesame-1@{index.server}/nothing\n-f {folder}\nneeded\n", tmp_path)
    assert f"It was looked for at http://{index.server}/nothing and {folder}." in said
    assert "Sesame" not in said
    assert f"It was looked for at {folder}." in refusal(f"--no-index\n-f {folder}\nneeded\n", tmp_path)


def test_why_a_version_of_a_later_index_does_not_count(index, stocked, tmp_path):
    with indexes.Index() as first:
        first.add("needed", "0.1")
        said = refusal(f"{stocked}--extra-index-url {first.url}\nneeded==2.0\n", tmp_path)
        first.shutdown()
    assert "Of several indexes the first that has a package counts" in said and f"{index.url})" in said
    assert "--index-strategy" not in said and "uv" not in said


def test_what_opens_a_wheel_is_not_shown_where_there_is_no_python(tmp_path):
    text = "channels: [c]\ndependencies:\n- pip:\n  - wanted @ https://me:Sesame-1@h/wanted-1.0-py3-none-any.whl\n"
    with pytest.raises(Problem, match="environment.yml, line 4: wanted @ https://.* needs a Python") as caught:
        pip.resolution(reading.parse(text.encode(), "environment.yml"), pip_part.LINUX, [], pip_part.settings(tmp_path))
    assert "Sesame" not in str(caught.value)
