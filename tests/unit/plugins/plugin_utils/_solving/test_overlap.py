# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""What both pip and conda are asked for."""

from __future__ import annotations

import pytest
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.packages import Package
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locks.document import Entry
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._packaging import Requirement
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._solving import overlap
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._solving.provided import Provided
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._solving.wanted import Wanted
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._specification.model import CondaSpec, Specification, Where

FILE = "environment.yml"
NUMPY = Package("conda", "numpy", "1.26.4", "h0_0", "linux-64", "https://c/linux-64/numpy-1.26.4-h0_0.conda", "0" * 64, ())
THERE = {"numpy": Provided("numpy", "1.26.4", Entry(NUMPY), False)}
SPECIFICATION = Specification(FILE, FILE, conda=(CondaSpec("numpy==1.26.4", "numpy", Where(FILE, 4)),))


def wanted(text: str) -> Wanted:
    requirement = Requirement(text)
    return Wanted(requirement.name, text, Where(FILE, 7), requirement)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("numpy==2.0", "pip wants numpy==2.0 (environment.yml, line 7)"),
        (
            "numpy @ https://me:Sesame-7@files.example.org/numpy-2.0-py3-none-any.whl?key=Sesame-7",
            "pip wants numpy from https://files.example.org/numpy-2.0-py3-none-any.whl (environment.yml, line 7)",
        ),
    ],
)
def test_what_conda_does_not_meet_is_an_error_with_both_lines_and_no_secret(text: str, says: str):
    with pytest.raises(Problem) as caught:
        overlap.agree(SPECIFICATION, [wanted(text)], THERE)
    assert says in str(caught.value)
    assert "conda brings numpy 1.26.4 (environment.yml, line 4)" in str(caught.value)
    assert "Sesame" not in str(caught.value)


def test_what_conda_meets_is_told():
    (note,) = overlap.agree(SPECIFICATION, [wanted("numpy>=1.20"), wanted("six")], THERE)
    assert note == (
        "environment.yml, line 7: numpy>=1.20 is not installed by pip; conda brings numpy 1.26.4 (environment.yml, line 4)."
    )
