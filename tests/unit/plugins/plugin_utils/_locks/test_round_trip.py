# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is written in a format and read again is what the format carries; what it would lose is refused."""

from __future__ import annotations

import pathlib
import re

import pytest
from hypothesis import given
from packaging.requirements import Requirement
from unit.plugins.plugin_utils._locks import carried, strategies

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.packages import Package
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locks import (
    conda_lock_text,
    documents,
    explicit_text,
    normal_form,
    requirements_text,
)
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locks.document import Document, Entry

WRITERS = {
    "conda-lock.yml": lambda document, _platform: conda_lock_text.text(document),
    "explicit": explicit_text.text,
    "explicit_md5": lambda document, platform: explicit_text.text(document, platform, md5=True),
    "requirements": requirements_text.text,
}


def read_requirements(text: str, platform: str) -> Document:
    """Read requirements by the library that pip uses."""
    packages = []
    for line in text.splitlines():
        if not line.startswith("#"):
            requirement, digest = line.rsplit(" --hash=sha256:", 1)
            read = Requirement(requirement)
            name, version = normal_form.split_wheel_name(read.url.rsplit("/")[-1])
            packages.append(Package("pip", read.name, version, "", "", read.url, digest))
    return Document({platform: tuple(map(Entry, packages))})


def check(document: Document, format_: str, platform: str | None) -> None:
    if carried.refused(document, format_, platform):
        with pytest.raises(Problem, match="cannot be written|no packages"):
            WRITERS[format_](document, platform)
        return
    text = WRITERS[format_](document, platform)
    if format_ == "requirements":
        found = read_requirements(text, platform)
    else:
        found = documents.parse(text.encode(), format_)
    assert carried.in_order(found) == carried.carried(document, format_, platform)
    assert WRITERS[format_](carried.in_order(document), platform) == text


@given(strategies.documents())
def test_conda_lock(document):
    check(document, "conda-lock.yml", None)


@pytest.mark.parametrize("format_", carried.ONE_PLATFORM)
@given(document=strategies.documents(categories=False))
def test_formats_of_one_platform(format_, document):
    for platform in document.platforms:
        check(document, format_, platform)


@pytest.mark.parametrize("format_", carried.ONE_PLATFORM)
@given(document=strategies.documents())
def test_categories_are_refused_by_formats_of_one_platform(format_, document):
    for platform in document.platforms:
        check(document, format_, platform)


@given(strategies.documents(pip=False, md5_only=False, categories=False))
def test_lists_are_in_an_order_that_can_be_linked(document):
    for platform, entries in document.platforms.items():
        if not entries:
            continue
        names = [re.search(r"/([^/]+)#", line)[1] for line in explicit_text.text(document, platform).splitlines() if "#" in line[1:]]
        ordered = normal_form.ordered(sorted((entry.package for entry in entries), key=lambda package: package.name))
        assert names == [package.file_name for package in ordered]


def test_the_table_is_in_the_documentation():
    page = pathlib.Path(__file__).parents[5] / "docs/locking.md"
    assert carried.markdown() in page.read_text(encoding="utf-8")
