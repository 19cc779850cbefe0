# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""The order of installation."""

from __future__ import annotations

import dataclasses

import pytest

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.ordering import canonical, ordered, twins
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
        ((make("b", "Under_Score", manager="pip"), make("under-score", manager="pip")), "under-score b"),
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


def test_conda_keeps_dash_and_underscore_apart_as_its_channels_do():
    """conda-forge has typing-extensions, which needs typing_extensions; environments have both."""
    dash = Package("conda", "typing-extensions", "4.14.1", "0", "noarch", "https://c/noarch/a", "1" * 64, ("typing_extensions ==4.14.1",))
    underscore = Package("conda", "typing_extensions", "4.14.1", "0", "noarch", "https://c/noarch/b", "2" * 64, ("python >=3.9",))
    wheel = Package("pip", "typing-extensions", "4.14.1", "", "", "https://c/c", "3" * 64)
    assert ordered([dash, underscore]) == (underscore, dash)
    assert twins([dash, underscore]) == []
    assert twins([underscore, wheel]) == [(underscore, wheel)]
    assert twins([wheel, underscore]) == [(wheel, underscore)]
    assert len(twins([dash, dataclasses.replace(dash, version="5")])) == 1


def test_what_is_no_distribution_for_python_goes_along_with_pips_of_the_same_name():
    zones = make("tzdata")
    wheel = make("tzdata", manager="pip")
    assert twins([zones, wheel, make("pandas", "python")]) == []
    assert twins([zones, wheel]) == [(zones, wheel)]  # a list that says of no package what it needs
