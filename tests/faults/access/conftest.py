# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each attack gets a host that is as it was when the attacks began, and leaves it so."""

from __future__ import annotations

import pathlib
import typing as t

import pytest

from faults.access.attack import Host
from faults.hosts import host_names


@pytest.fixture(params=host_names())
def victim(request: pytest.FixtureRequest, tmp_path: pathlib.Path) -> t.Iterator[Host]:
    """A host; nothing of a guard is left on it when the attack is over."""
    host = Host(request.param, tmp_path)
    assert host.lets_in(), f"{host.name} is not reachable before the attack"
    yield host
    host.wait_until_it_lets_in(60)
