# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each attack gets a host that is as it was when the attacks began, and leaves it so."""

from __future__ import annotations

import pathlib
import typing as t

import pytest

from faults.access import lockout
from faults.access.attack import Host, Moved, second_address
from faults.hosts import host_names


@pytest.fixture(params=host_names())
def victim(request: pytest.FixtureRequest, tmp_path: pathlib.Path) -> t.Iterator[Host]:
    """A host; nothing of a guard is left on it when the attack is over."""
    host = Host(request.param, tmp_path)
    assert host.lets_in(), f"{host.name} is not reachable before the attack"
    yield host
    host.wait_until_it_lets_in(60)


@pytest.fixture
def moved(victim: Host) -> t.Iterator[Moved]:
    """A second address of this controller in the host's network, and an ssh_config that takes it up on demand."""
    with second_address(victim) as found:
        yield found


@pytest.fixture
def bare(victim: Host) -> t.Iterator[Host]:
    """The victim without anything of ours, put back by force after the attack."""
    lockout.first_look(victim)
    yield victim
    lockout.reset(victim)


@pytest.fixture(scope="session")
def matrix() -> t.Iterator[lockout.Matrix]:
    """The outcomes of this session, kept when it is over."""
    noted = lockout.Matrix()
    yield noted
    if noted.rows:
        noted.write(lockout.RESULTS / f"{'-'.join(host_names())}.json")


@pytest.fixture
def note(victim: Host, matrix: lockout.Matrix) -> t.Callable[[str, str, str], None]:
    """Records how an attack on the victim ended: attack, what was done, how it ended."""

    def write(attack: str, done: str, ended: str) -> None:
        matrix.note(victim.name, attack, done, ended)

    return write
