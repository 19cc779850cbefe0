# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the real conda and pip wrote about one environment (``recorded/README.md`` says how)."""

from __future__ import annotations

import pathlib

import pytest

from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._specification import reading

RECORDED = pathlib.Path(__file__).parent / "recorded"
CHANNEL = "file:///root/.cache/lockstep-gpufleet/web/channel"
BUILDS = ["numpy=2.4.6=py311hbed_0", "packaging=26.3=pyhbed_0", "pip=26.3=pyhbed_0", "python=3.11.2=bed_0_cpython"]
WHEELS = ["einops==0.8.2", "humanize==4.17.0"]
VARIABLES = {"OMP_NUM_THREADS": "8", "GREETING": "hello: world"}


def read(name):
    return reading.read(str(RECORDED / name), ["conda-forge"], "3.11.2")


@pytest.mark.parametrize(
    ("name", "channels", "conda", "pip", "variables", "notes"),
    [
        ("export.yml", [CHANNEL, "defaults"], BUILDS, WHEELS, VARIABLES, ["16: prefix is ignored"]),
        ("history.yml", ["defaults"], ["numpy", "python=3.11", "pip", "packaging"], [], VARIABLES, ["12: prefix is ignored"]),
        ("list-export.txt", ["conda-forge"], BUILDS, WHEELS, {}, []),
        (
            *("freeze.txt", ["conda-forge"], ["python==3.11.2", "numpy==2.4.6", "packaging"], WHEELS, {}),
            ["3: numpy was built by conda", "4: packaging was built by conda"],
        ),
    ],
)
def test_what_is_solved(name, channels, conda, pip, variables, notes):
    found = read(name)
    assert [one.text for one in found.channels] == channels
    assert [one.text for one in found.conda] == conda and [one.text for one in found.pip] == pip
    assert found.variables == variables and not found.archives
    assert [note.split(", line ")[1][: len(start)] for note, start in zip(found.notes, notes, strict=True)] == notes


@pytest.mark.parametrize(("name", "lengths"), [("explicit.txt", {0}), ("explicit-md5.txt", {32})])
def test_what_is_kept(name, lengths):
    found = read(name)
    assert [one.address.rpartition("/")[2] for one in found.archives] == [
        *["python-3.11.2-bed_0_cpython.conda", "numpy-2.4.6-py311hbed_0.conda"],
        *["packaging-26.3-pyhbed_0.conda", "pip-26.3-pyhbed_0.conda"],
    ]
    assert {len(one.md5) for one in found.archives} == lengths and found.platforms == ("linux-64",)
