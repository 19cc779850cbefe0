# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""The examples' locks are those of their files, and what conda_env takes."""

from __future__ import annotations

import pathlib

import pytest
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locking import freshness
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locks import normal_form, reading

ENVIRONMENTS = pathlib.Path(__file__).parents[2] / "examples/environments"


@pytest.mark.parametrize(
    ("name", "platforms", "conda", "pip"),
    [
        ("torch_conda", ["linux-64"], {"python": "3.10.18", "pytorch": "2.7.1", "cuda-version": "12.9"}, {}),
        ("torch_pypi", ["linux-64", "linux-aarch64"], {"python": "3.10.20"}, {"torch": "2.14.1", "ipykernel": "7.3.0"}),
    ],
)
def test_locks_that_conda_lock_made(name: str, platforms: list[str], conda: dict[str, str], pip: dict[str, str]):
    file, lock = (str(ENVIRONMENTS / name / one) for one in ("environment.yml", "conda-lock.yml"))
    assert freshness.check(file, lock) is None
    form = reading.read(lock)
    normal_form.require_sha256(form, lock)
    assert sorted(form.platforms) == platforms
    for packages in form.platforms.values():
        versions = {(one.manager, one.name): one.version for one in packages}
        assert {("conda", key): value for key, value in conda.items()}.items() <= versions.items()
        assert {("pip", key): value for key, value in pip.items()}.items() <= versions.items()


def test_a_real_lock_has_names_that_differ_in_a_dash_alone_and_time_zones_twice():
    names = {one.name for one in reading.read(str(ENVIRONMENTS / "torch_conda/conda-lock.yml")).platforms["linux-64"]}
    assert {"typing-extensions", "typing_extensions"} <= names
    zones = [one for one in reading.read(str(ENVIRONMENTS / "torch_pypi/conda-lock.yml")).platforms["linux-64"] if one.name == "tzdata"]
    assert sorted(one.manager for one in zones) == ["conda", "pip"]
