# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""One host, two locks, and a seed that says where the random faults strike (FAULTS_SEED repeats a run)."""

from __future__ import annotations

import os
import pathlib
import random
import typing as t

import pytest

from faults.environments.arena import Arena, Target
from faults.environments.laboratory import HERE, Lab, write_lock
from faults.environments.matrix import Matrix
from faults.hosts import PROJECT, host_names

SEED = os.environ.get("FAULTS_SEED") or str(random.SystemRandom().randrange(10**6))


def pytest_report_header() -> str:
    """Say which seed repeats this run."""
    return f"FAULTS_SEED={SEED}"


@pytest.fixture(scope="session")
def matrix() -> t.Iterator[Matrix]:
    """The fault matrix, written when all is over."""
    noted = Matrix(SEED)
    yield noted
    noted.write(PROJECT / "build/molecule/faults/fault-matrix.md")


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[Lab]:
    """The host, with an interpreter that dies when it is told to; the server is back to its senses in the end."""
    made = Lab(host_names()[0], tmp_path_factory.mktemp("lab"))
    hook = (HERE / "sitecustomize.py").read_text()
    made.console(f"mkdir -p /opt/faults/hook; cat > /opt/faults/hook/sitecustomize.py <<'END'\n{hook}\nEND")
    wrapper = '#!/bin/sh\nPYTHONPATH=/opt/faults/hook exec /usr/bin/python3 "$@"'
    made.console(f"cat > /opt/faults/python <<'END'\n{wrapper}\nEND\nchmod 755 /opt/faults/python")
    made.mood()
    yield made
    made.mood()
    made.console("systemctl stop job-of-a-user 2>/dev/null; rm -rf /opt/faults /run/faults-steps.*")


@pytest.fixture(scope="session")
def targets(lab: Lab) -> list[Target]:
    """Two locks and what undisturbed runs make of them."""
    locks = [
        write_lock(lab.scratch / "one.txt", "tiny", wheels=["einops", "tabulate"]),
        write_lock(lab.scratch / "two.txt", "tiny_next", wheels=["humanize", "tabulate"]),
    ]
    made = lab.apply(*(lab.options(lock) for lock in locks))
    assert not any(one.get("failed") for one in made), made
    generations = [one["environments"][0]["generation"] for one in made]
    seen = lab.observe()
    assert seen["litter"] == [] and seen["active"] == generations[1]
    return [Target(lock, one, seen["trees"][one]) for lock, one in zip(locks, generations)]


@pytest.fixture
def arena(lab: Lab, targets: list[Target], matrix: Matrix, tmp_path: pathlib.Path) -> Arena:
    """A fight; whichever generation is active when it begins is the old one."""
    lab.scratch = tmp_path
    active = lab.observe()["active"]
    old, new = sorted(targets, key=lambda target: target.generation != active)
    return Arena(lab, matrix, old, new)
