# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sets of variables for kernels: which of them win, and which are refused."""

from __future__ import annotations

import pytest
from ansible_collections.lockstep.gpufleet.plugins.module_utils._jupyter import presets
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem

OWN = {"a": {"X": 1, "Y": "a"}, "b": {"Y": "b"}}


@pytest.mark.parametrize(
    ("names", "own", "merged"),
    [
        ([], (), {}),
        (["a"], (), {"X": "1", "Y": "a"}),
        (["a", "b"], (), {"X": "1", "Y": "b"}),
        (["b", "a"], (), {"X": "1", "Y": "a"}),
        (["a", "b"], (("Y", "mine"), ("Z", "z")), {"X": "1", "Y": "mine", "Z": "z"}),
        (["cuda"], (), {"CUDA_DEVICE_ORDER": "PCI_BUS_ID", "CUDA_MODULE_LOADING": "LAZY"}),
    ],
)
def test_later_ones_win_and_the_kernels_own_over_all(names, own, merged):
    found = presets.combine(names, own, presets.known(OWN), "e")
    assert dict(found) == merged
    assert list(found) == sorted(found)


def test_a_preset_of_ones_own_replaces_the_built_in_one():
    assert presets.known({"omp": {"OMP_NUM_THREADS": 2}})["omp"] == (("OMP_NUM_THREADS", "2"),)
    assert dict(presets.known({})["omp"])["MKL_NUM_THREADS"] == "8"


@pytest.mark.parametrize("name", presets.BUILT_IN)
def test_built_in_ones_are_what_users_could_write(name):
    content = dict(presets.BUILT_IN[name])
    assert dict(presets.variables(content, name)) == content


@pytest.mark.parametrize(
    ("own", "words"),
    [
        ([], ["env_presets", "dictionary"]),
        ({"": {}}, ["env_presets", "name"]),
        ({1: {}}, ["env_presets", "1"]),
        ({"a": ["X=1"]}, ["env_presets.a"]),
        ({"a": {"X Y": "1"}}, ["env_presets.a", "X Y"]),
        ({"a": {"X": True}}, ["env_presets.a.X", "quotes"]),
    ],
)
def test_presets_that_make_no_sense_are_named(own, words):
    with pytest.raises(Problem) as caught:
        presets.known(own)
    assert [word for word in words if word not in str(caught.value)] == []


@pytest.mark.parametrize(("names", "words"), [("cuda", ["list"]), (["cuda", "rdma"], ["'rdma'", "cuda, nccl, omp"]), ([1], ["1"])])
def test_names_of_presets_that_are_none_are_named(names, words):
    with pytest.raises(Problem) as caught:
        presets.combine(names, (), presets.known({}), "environment 'e': kernel.env_presets")
    assert [word for word in ["'e'", *words] if word not in str(caught.value)] == []
