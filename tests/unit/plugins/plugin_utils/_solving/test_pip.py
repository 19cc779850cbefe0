# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""``pip.resolve`` with the real uv, against an index on loopback."""

from __future__ import annotations

import typing as t

import pytest
from packaging.requirements import Requirement

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.ordering import canonical
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.packages import Package
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locks.document import Entry
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._solving import pip
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._solving.model import Settings, Target
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._specification.model import (
    PipOptions,
    PipRequirement,
    Specification,
    Where,
)

from unit.plugins.plugin_utils._solving import indexes, pip_part
from unit.plugins.plugin_utils._solving.pip_part import LINUX, PYTHON, conda_package

@pytest.fixture
def index() -> t.Iterator[indexes.Index]:
    with indexes.Index() as server:
        yield server
        server.shutdown()


@pytest.fixture
def settings(tmp_path) -> Settings:
    return pip_part.settings(tmp_path)


def specification(*lines: str, **options: t.Any) -> Specification:
    """Return what an environment.yml whose pip part begins in line 9 wants."""
    pip = tuple(
        PipRequirement(line, canonical(Requirement(line).name), Where("environment.yml", number))
        for number, line in enumerate(lines, 9)
    )
    return Specification("environment.yml", "environment.yml", pip=pip, pip_options=PipOptions(**options))


def test_each_package_is_one_wheel_with_its_hash_size_and_needs(index, settings):
    needed = index.add("needed", "2.0")
    sha256 = index.add("Wan.Ted", "1.0", ["needed>=1"])
    index.add("Wan.Ted", "1.1")
    index.projects["wan-ted"] = index.projects.pop("Wan.Ted")
    wanted = specification("Wan.Ted==1.0", index_url=index.url)
    entries = pip.resolve(wanted, LINUX, [PYTHON], settings)
    server = f"http://{index.server}"
    assert entries == (
        Entry(
            Package("pip", "needed", "2.0", "", "", f"{server}/files/needed-2.0-py3-none-any.whl", needed),
            size=len(index.projects["needed"][0].content),
        ),
        Entry(
            Package("pip", "wan-ted", "1.0", "", "", f"{server}/files/Wan.Ted-1.0-py3-none-any.whl", sha256, ("needed",)),
            size=len(index.projects["wan-ted"][0].content),
        ),
    )
    assert pip.resolve(wanted, LINUX, [PYTHON], settings) == entries


def test_without_a_pip_part_nothing_is_asked(settings):
    assert pip.resolve(specification(), Target("osx-64", {}), [], settings) == ()


def test_what_conda_brings_already_is_not_installed_and_told(index, settings):
    six = conda_package("six", "1.17.0", "python")
    found = pip.resolution(specification("six>=1.16", index_url=index.url), LINUX, [PYTHON, six], settings)
    assert found.entries == ()
    assert found.notes == (
        "environment.yml, line 9: six>=1.16 is not installed by pip; conda brings six 1.17.0 (other packages need it).",
    )


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (["six==1.16.0"], ["pip wants six==1.16.0 (environment.yml, line 9), conda brings six 1.17.0"]),
        (["nowhere==1"], ["the pip part cannot be resolved for linux-64", "- environment.yml, line 9: nowhere==1"]),
        (
            ["greeter==1.0", "wants-new-greeter==1.0"],
            ["- environment.yml, line 9: greeter==1.0", "- environment.yml, line 10: wants-new-greeter==1.0"],
        ),
    ],
)
def test_errors_name_the_lines(index, settings, lines, says):
    for name, version, requires in (("greeter", "1.0", []), ("greeter", "2.0", []), ("wants-new-greeter", "1.0", ["greeter>=2"])):
        index.add(name, version, requires)
    six = conda_package("six", "1.17.0", "python")
    with pytest.raises(Problem) as caught:
        pip.resolve(specification(*lines, index_url=index.url), LINUX, [PYTHON, six], settings)
    for words in says:
        assert words in str(caught.value)


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/simple", "http://nowhere.invalid/simple"])
def test_an_index_that_cannot_be_reached(settings, url):
    with pytest.raises(Problem, match=f"environment.yml: the pip part cannot be resolved: {url}"):
        pip.resolve(specification("greeter==1.0", index_url=url), LINUX, [PYTHON], settings)
