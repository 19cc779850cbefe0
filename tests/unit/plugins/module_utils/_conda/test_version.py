# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""conda's order of versions and its constraints: against py-rattler, and by conda's own examples."""

from __future__ import annotations

import itertools

import pytest
import rattler

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.version import Constraint, Version

#: In conda's order; from the documentation of conda's VersionOrder, and what virtual packages have.
ORDERED = (
    "0.4 0.4.1.rc 0.4.1 0.5a1 0.5b3 0.5C1 0.5 0.9.6 0.960923 1.0.1_ 1.0.1a 1.1dev1 1.1_ 1.1a1 1.1rc1 1.1.0 1.1.post1 1.10 2.17 "
    "2.36 3.0.a0 3.0 5.15.0 6.18.44 12 12.4 12.10 13.0 1996.07.12 1!0.4.1 1!3.1.1.6 2!0.4.1"
).split()
OTHERS = "0.4.0 1.1.0dev1 1.1.0.post1 1.2+abc 1.2+1 1.2 3 13 0 1.1-1 1.1_1".split()
CONSTRAINTS = (
    ">=2.17,<3.0.a0 >=2.17 ==2.36 2.36 =2.3 =2.36 2.* 2.36.* !=2.36 !=2.* ~=2.17 ~=2.17.1 * >=12.4 >=12,<13 <12.4 <=12.4 >1.1 =1.* 1.1* "
    ">=1.1.* =1 ==1.0 12.*,>=12.4 1.*|2.* >=3|<1 >=0.5,<1|>=12,<13|==5.15.0"
).split()


@pytest.mark.parametrize(("smaller", "larger"), list(itertools.pairwise(ORDERED)))
def test_the_order_is_condas(smaller, larger):
    assert Version(smaller) < Version(larger)
    assert Version(larger) >= Version(smaller)
    assert Version(smaller) != Version(larger)


def test_the_order_is_the_engines():
    for left, right in itertools.product(ORDERED + OTHERS, repeat=2):
        ours, theirs = (Version(left), Version(right)), (rattler.Version(left), rattler.Version(right))
        assert (ours[0] < ours[1], ours[0] == ours[1]) == (theirs[0] < theirs[1], theirs[0] == theirs[1]), (left, right)


@pytest.mark.parametrize("text", CONSTRAINTS)
def test_constraints_allow_what_the_engine_allows(text):
    ours, theirs = Constraint.parse(text), rattler.VersionSpec(text)
    for version in ORDERED + OTHERS:
        assert ours.allows(Version(version)) == theirs.matches(rattler.Version(version)), version


@pytest.mark.parametrize("text", ["", " ", "*", "=*"])
def test_no_constraint_allows_everything(text):
    assert all(Constraint.parse(text).allows(Version(version)) for version in ORDERED)


@pytest.mark.parametrize("text", ["", "1..2", "1.0 0", "x y", "1.0!", "ä", "1,2"])
def test_what_is_no_version_is_refused(text):
    with pytest.raises(ValueError):
        Version(text)


@pytest.mark.parametrize("text", [">=", "^2.*$", "(1|2)", ">=1 build", "=>1"])
def test_what_is_no_constraint_is_refused(text):
    with pytest.raises(ValueError):
        Constraint.parse(text)
