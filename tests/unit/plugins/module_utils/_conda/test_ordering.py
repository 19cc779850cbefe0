# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""The order of installation."""

from __future__ import annotations

import pytest

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.ordering import canonical, ordered
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.packages import Package


def make(name, *depends, manager="conda"):
    return Package(manager, name, "1", "0", "", f"https://h/{name}", "1" * 64, depends)


@pytest.mark.parametrize(
    ("packages", "expected"),
    [
        ((make("b", "a"), make("a")), "a b"),
        ((make("c", "b >=1", "a"), make("b", "a=1"), make("a", "__glibc >=2.17")), "a b c"),
        ((make("c", "b[version='>=1']"), make("b", "a>=1,<2", "elsewhere"), make("a")), "a b c"),
        ((make("a", "b"), make("b", "a")), "b a"),
        ((make("a", "a"),), "a"),
        ((make("w", "x", manager="pip"), make("x", manager="pip"), make("a", "w")), "a x w"),
        ((make("b", "Under_Score"), make("under-score")), "under-score b"),
        ((), ""),
    ],
)
def test_each_follows_what_it_needs(packages, expected):
    assert " ".join(package.name for package in ordered(packages)) == expected


def test_a_long_chain_is_no_problem():
    chain = [make(f"p{number}", f"p{number + 1}") for number in range(5000)]
    assert [package.name for package in ordered(chain)] == [f"p{number}" for number in reversed(range(5000))]


def test_names_are_compared_as_pypi_does():
    assert {canonical(name) for name in ("Under_Score", "under-score", "under.-_score")} == {"under-score"}
