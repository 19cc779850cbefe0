# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""``pip.resolve`` with the real uv, against an index on loopback."""

from __future__ import annotations

import os
import sys
import typing as t

import pytest
from packaging.requirements import Requirement

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.network import Network
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.ordering import canonical
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.packages import Package
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locks.document import Entry
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._solving import pip
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._solving.model import Settings, Target, Tools
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._specification.model import (
    PipOptions,
    PipRequirement,
    Specification,
    Where,
)

from unit.plugins.plugin_utils._solving import indexes

UV = os.path.join(os.path.dirname(sys.executable), "uv")
LINUX = Target("linux-64", {"__glibc": "2.36", "__linux": "5.10"})


@pytest.fixture
def index() -> t.Iterator[indexes.Index]:
    with indexes.Index() as server:
        yield server
        server.shutdown()


@pytest.fixture
def settings(tmp_path) -> Settings:
    return Settings(Tools(sys.executable, UV), Network(timeout=5, retries=0), str(tmp_path / "cache"))


def conda_package(name: str, version: str, *depends: str, **more: t.Any) -> Entry:
    build = "h0_0_cpython" if name == "python" else "py312_0"
    url = f"https://conda.example/ch/linux-64/{name}-{version}-{build}.conda"
    return Entry(Package("conda", name, version, build, "linux-64", url, "a" * 64, depends), **more)


PYTHON = conda_package("python", "3.12.4")


def specification(*lines: str, **options: t.Any) -> Specification:
    """Return what an environment.yml whose pip part begins in line 9 wants."""
    pip = tuple(
        PipRequirement(line, canonical(Requirement(line).name), Where("environment.yml", number))
        for number, line in enumerate(lines, 9)
    )
    return Specification("environment.yml", "environment.yml", pip=pip, pip_options=PipOptions(**options))


def pairs(entries: t.Iterable[Entry]) -> list[tuple[str, str]]:
    return [(one.package.name, one.package.version) for one in entries]


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
