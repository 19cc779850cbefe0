# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a file is, told by its content, and one clear error for what it is not."""

from __future__ import annotations

import codecs
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._specification import reading, sources

ENVIRONMENT = "name: x\ndependencies:\n- python=3.10\n- numpy\n"
CONDA_LOCK = "version: 1\nmetadata: {platforms: [linux-64]}\npackage:\n- name: x\n"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (ENVIRONMENT, "environment.yml"),
        ("# a comment\n\n---\n" + ENVIRONMENT, "environment.yml"),
        ('{"name": "x", "dependencies": ["numpy"]}', "environment.yml"),
        ("dependencies:\n  [numpy]\n", "environment.yml"),
        ("numpy==1.26.4\n# x\npandas\n", "requirements.txt"),
        ("--index-url https://h/simple\nnumpy\n", "requirements.txt"),
        ("-e git+https://h/x\nnumpy\n", None),
        ("@EXPLICIT\nhttps://h/c/noarch/six-1.0-0.conda\n", "explicit"),
        ("https://h/c/noarch/six-1.0-0.conda\n", "explicit"),
        ("# platform: linux-64\nnumpy=1.26.4=py310_0\nrequests=2.32.3=pypi_0\n", "conda list"),
    ],
)
def test_kinds(text, kind):
    if kind is None:
        with pytest.raises(Problem, match="f, line 1: -e git.* is a checkout"):
            reading.parse(text.encode(), "f", python="3.10.14")
    else:
        assert reading.parse(text.encode(), "f", python="3.10.14").kind == kind


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "f is empty"),
        (b"\n \t\r\n", "f is empty"),
        (codecs.BOM_UTF8, "f is empty"),
        (b"\x7fELF\x02\x01\x00", "f is no text"),
        (b"a\nb\xff\n", "f, line 2: is no text in UTF-8"),
        (codecs.BOM_UTF16_LE + b"a", "is no text in UTF-8"),
        (b"<!DOCTYPE html><html>", "f is an HTML or XML page"),
        (b'{"packages": [1]}', "f is no environment file: it has no dependencies"),
        (b"[1, 2]", "f is no environment file: it has no keys"),
        (b"- numpy\n- scipy\n", "f is no environment file: it has no keys"),
        (b"name: x\n", "f is no environment file: it has no dependencies"),
        (CONDA_LOCK.encode(), "f is a lock already"),
        (b"version: 6\nenvironments: {}\npackages: []\n", "f is a lock already"),
        (b"[project]\nname = 'x'\n", "f is TOML"),
        (b'lock-version = "1.0"\n', "f is TOML"),
        (b"hello world\n", "f is neither an environment.yml nor a requirements file"),
        (b"numpy=..1=2\nx=1=2\n", "f, line 1: numpy=..1=2 is no spec of conda's"),
        (b"https://me:pw@h/c : x\nhttps://me:pw@h/c : y\ndependencies: [a]\n", "f, line 2: the key 'https://***@h/c' stands twice"),
        (b"name: x\nname: y\ndependencies: [a]\n", "f, line 2: the key 'name' stands twice"),
        (b"dependencies: &a [a]\n", "f, line 1: an anchor or alias stands here; an environment file has no use for it"),
        (b"name: x\n\tdependencies:\n\t- a\n", "f, line 2: a tab stands in the indentation; YAML takes spaces only"),
        (b"name: x\ndependencies:\n-\ta\n", "f, line 3: a tab"),
        (b"dependencies: [a\n", "is not valid YAML"),
        (b"dependencies:\n  -numpy\n", "f, line 2: dependencies is no list; a hyphen must be followed by a space"),
        (b"dependencies: {a: b}\n", "f, line 1: dependencies is no list"),
        (b"numpy\n", "f does not say which Python it is for: give the option python"),
    ],
)
def test_what_is_refused(content, says):
    with pytest.raises(Problem) as caught:
        reading.parse(content, "f")
    assert says in str(caught.value)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_encodings_and_line_ends(encoding, end):
    found = reading.parse(ENVIRONMENT.replace("\n", end).encode(encoding), "f")
    assert [(one.text, one.where.number) for one in found.conda] == [("python=3.10", 3), ("numpy", 4)]
    found = reading.parse(f"numpy{end}pandas{end}".encode(encoding), "f", python="3.10.14")
    assert [(one.text, one.where.number) for one in found.pip] == [("numpy", 1), ("pandas", 2)]


def test_files_that_cannot_be_read(tmp_path, monkeypatch):
    with pytest.raises(Problem, match="cannot be read: Is a directory"):
        reading.read(str(tmp_path))
    with pytest.raises(Problem, match="cannot be read: No such file"):
        reading.read(str(tmp_path / "none"))
    path = tmp_path / "environment.yml"
    path.write_text(ENVIRONMENT)
    assert reading.read(str(path)).name == "x"
    monkeypatch.setattr(sources, "LARGEST", 10)
    with pytest.raises(Problem, match="is larger than"):
        reading.read(str(path))
    with pytest.raises(Problem, match="NUL"):
        reading.read("a\0b")
    assert os.path.exists(path)


@pytest.mark.parametrize("python", ["3.10", "latest", "3.10.14; import os", "=3.10.1"])
def test_the_option_python_is_exact(python):
    with pytest.raises(Problem, match="The option python is .*: give an exact version, such as 3.10.14"):
        reading.parse(b"numpy\n", "f", python=python)


def test_the_option_channels():
    with pytest.raises(Problem, match="^the option channels: a channel is neither a channel's name nor a URL"):
        reading.parse(b"numpy\n", "f", channels=["a channel"], python="3.10.14")
    found = reading.parse(b"dependencies: ['nvidia::x']\n", "f", channels=["conda-forge"])
    assert [one.text for one in found.channels] == ["conda-forge", "nvidia"]


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_garbage_is_told_in_one_error(content):
    try:
        reading.parse(content, "some/file", python="3.10.14")
    except Problem as problem:
        assert "some/file" in str(problem)


@given(
    st.sampled_from(["dependencies:\n", "dependencies:\n- pip:\n  - ", "name: x\ndependencies:\n- ", "@EXPLICIT\n", "numpy\n", "-"]),
    st.text(st.sampled_from("ab1.=<>!~,;@#[](){}'\"\\-:/ \n\t*&%?|${}A"), max_size=60),
)
def test_near_misses_are_told_in_one_error(begin, rest):
    try:
        reading.parse((begin + rest).encode(), "some/file", python="3.10.14")
    except Problem as problem:
        assert "some/file" in str(problem)
