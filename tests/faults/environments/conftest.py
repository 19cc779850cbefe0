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
def pairs(lab: Lab) -> dict[str, list[Target]]:
    """Two environments with two locks each, and what undisturbed runs make of them.

    ``large`` has Python, so wheels and bytecode; ``small`` has neither and is built in no time.
    """
    small = ["markupsafe", "pyyaml", "wcwidth"]
    locks = {
        "large": [
            write_lock(lab.scratch / "large-one.txt", "tiny", wheels=["einops", "tabulate"]),
            write_lock(lab.scratch / "large-two.txt", "tiny_next", wheels=["humanize", "tabulate"]),
        ],
        "small": [
            write_lock(lab.scratch / "small-one.txt", "ai_env", only=[*small, "tornado"]),
            write_lock(lab.scratch / "small-two.txt", "ai_env", only=[*small, "psutil", "tornado"]),
        ],
    }
    made = lab.apply(*(lab.options(name, lock) for name, pair in locks.items() for lock in pair))
    assert len(made) == 4 and not any(one.get("failed") for one in made), made
    generations = iter(one["environments"][0]["generation"] for one in made)
    trees = lab.observe("small")["trees"]
    result = {}
    for name, pair in locks.items():
        result[name] = [Target(lock, generation, trees[generation]) for lock, generation in zip(pair, generations)]
        seen = lab.observe(name)
        assert seen["litter"] == [] and seen["damage"] == [] and seen["active"] == result[name][1].generation
    return result


@pytest.fixture
def arena_of(
    lab: Lab, pairs: dict[str, list[Target]], matrix: Matrix, tmp_path: pathlib.Path
) -> t.Callable[[str], Arena]:
    """Makes a fight over one of the environments; whichever generation is active when it begins is the old one."""

    def make(name: str) -> Arena:
        lab.scratch = tmp_path
        active = lab.observe(name)["active"]
        old, new = sorted(pairs[name], key=lambda target: target.generation != active)
        return Arena(lab, matrix, name, old, new)

    return make


@pytest.fixture
def large(arena_of: t.Callable[[str], Arena]) -> Arena:
    """A fight over the environment with Python."""
    return arena_of("large")


@pytest.fixture
def small(arena_of: t.Callable[[str], Arena]) -> Arena:
    """A fight over the environment without Python."""
    return arena_of("small")
