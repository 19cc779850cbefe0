# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""``conda_lock_text`` against the bed's locks, tables of what it refuses, and the reader."""

from __future__ import annotations

import dataclasses
import pathlib

import pytest
import yaml

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.packages import Package
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locks import conda_lock_text, documents, reading
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locks.document import Document, Entry

LINUX = "https://conda.example/ch/linux-64"
PYTHON = Package("conda", "python", "3.11", "h_0", "linux-64", f"{LINUX}/python-3.11-h_0.conda", "2" * 64, ("__glibc >=2.17",))
SIX = Package("conda", "six", "1.0", "0", "noarch", "https://conda.example/ch/noarch/six-1.0-0.conda", "1" * 64, ("python",))
WHEEL = Package("pip", "human-ize", "4.0", "", "", "https://h/human_ize-4.0-py3-none-any.whl", "4" * 64, ("six >=1",))
DOCUMENT = Document(
    {"linux-64": (Entry(WHEEL), Entry(SIX, md5="1" * 32), Entry(PYTHON, md5="2" * 32))},
    channels=("https://conda.example/ch", "conda-forge"),
    content_hash={"linux-64": "5" * 64},
    sources=("environment.yml",),
    custom={"lockstep.specification": "6" * 64, "note": "a text of many words that is longer than a line of YAML likes to be, by far"},
)


def read(text: str) -> Document:
    return documents.parse(text.encode(), "conda-lock.yml")


def test_what_is_written_is_read():
    text = conda_lock_text.text(DOCUMENT)
    found = read(text)
    in_the_files_order = (Entry(PYTHON, md5="2" * 32), Entry(SIX, md5="1" * 32), Entry(WHEEL))
    assert found == dataclasses.replace(DOCUMENT, platforms={"linux-64": in_the_files_order})
    assert conda_lock_text.text(found) == text
    assert not found.edited


def test_the_order_of_a_document_does_not_count():
    turned = dataclasses.replace(DOCUMENT, platforms={"linux-64": DOCUMENT.platforms["linux-64"][::-1]})
    assert conda_lock_text.text(turned) == conda_lock_text.text(DOCUMENT)


def test_the_comment_says_how_to_lock_again():
    text = conda_lock_text.text(DOCUMENT)
    comment = text[: text.index("version: 1")]
    assert all(line.startswith("#") for line in comment.splitlines())
    assert "environment.yml" in comment and "ansible-playbook lockstep.gpufleet.lock" in comment


@pytest.mark.parametrize(
    ("depends", "expected"),
    [
        ((), {}),
        (("b >=1", "a"), {"a": "", "b": ">=1"}),
        (("python 3.11.* *_cpython",), {"python": "3.11.* *_cpython"}),
        (("a>=1",), {"a": ">=1"}),
        (("a[version='>=1']",), {"a": "[version='>=1']"}),
        (("a >=1", "a <2"), {"a": ">=1,<2"}),
        (("a >=1", "a"), {"a": ">=1"}),
        (("a *", "a"), {"a": "*"}),
        (("a 1.* b_*", "a >=1"), {"a": ""}),
        (("requests[socks]>=2; python_version < '4'",), {"requests": "[socks]>=2; python_version < '4'"}),
    ],
)
def test_dependencies(depends, expected):
    assert conda_lock_text.constraints(depends) == expected


@pytest.mark.parametrize(
    ("platforms", "says"),
    [
        ({}, "it has no packages"),
        ({"linux-64": ()}, "it has no packages"),
        ({"any": (Entry(SIX),)}, "its platform any is none of conda's"),
        ({"linux-64": (Entry(SIX), Entry(SIX))}, "six (linux-64) is there twice"),
        ({"linux-64": (Entry(dataclasses.replace(PYTHON, sha256="")),)}, "python 3.11 h_0 (linux-64): its hash is unknown"),
        ({"linux-64": (Entry(dataclasses.replace(PYTHON, version="3.12")),)}, "its archive is called python-3.11-h_0.conda"),
        ({"linux-aarch64": (Entry(PYTHON),)}, "its archive is for linux-64"),
        ({"linux-64": (Entry(dataclasses.replace(WHEEL, url="https://h/human-ize-4.0.tar.gz")),)}, "is no wheel"),
    ],
)
def test_what_cannot_be_written(platforms, says):
    with pytest.raises(Problem) as caught:
        conda_lock_text.text(Document(platforms))
    assert says in str(caught.value)


def test_a_platform_under_another_name_cannot_be_written():
    with pytest.raises(Problem, match="linux-64-cuda is none of conda's"):
        conda_lock_text.text(Document({"linux-64-cuda": (Entry(SIX),)}, subdirs={"linux-64-cuda": "linux-64"}))


@pytest.mark.parametrize(
    "change",
    [
        ("2" * 64, "3" * 64),
        ("optional: false", "optional: true"),
        ("python: ''", "python: '>=3'"),
        ("name: six", "name: seven"),
        ("- name: human-ize", "- name: human_ize"),
    ],
)
def test_a_lock_that_was_edited_is_refused(change):
    text = conda_lock_text.text(DOCUMENT)
    edited = text.replace("six-1.0", "seven-1.0").replace(*change) if "seven" in change[1] else text.replace(*change)
    assert edited != text
    found = read(edited)
    assert found.edited
    with pytest.raises(Problem, match="x.yml was edited by hand.*lockstep.gpufleet.lock"):
        documents.check_unedited(found, "x.yml")
    with pytest.raises(Problem, match="was edited by hand"):
        reading.parse(edited.encode(), "x.yml")
    reading.parse("".join(line for line in edited.splitlines(True) if "lockstep.packages" not in line).encode(), "x.yml")


def test_locks_of_conda_lock_are_written_as_they_were():
    """The example is as conda-lock writes it, with a pip part; it comes from the bed."""
    text = (pathlib.Path(__file__).parents[5] / "examples/environments/ai_env/conda-lock.yml").read_text(encoding="utf-8")
    before = yaml.safe_load(text)
    after = conda_lock_text.text(read(text))
    assert set(yaml.safe_load(after)["metadata"].pop("custom_metadata")) == {"lockstep.packages"}
    lines = [line for line in after.splitlines(True) if not line.startswith(("#", "  custom_metadata:", "    lockstep.packages:"))]
    assert "".join(lines) == "".join(line for line in text.splitlines(True) if not line.startswith("#"))
    assert before["package"] == yaml.safe_load(after)["package"]
