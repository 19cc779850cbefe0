# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each test finds hosts with an empty store, and leaves nothing behind."""

from __future__ import annotations

import typing as t

import pytest

from faults.background.site import CLEAR, CRAWL, Site
from faults.hosts import host_names


@pytest.fixture
def sites(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[list[Site]]:
    """All hosts; the server sends one of the archives slowly."""
    scratch = tmp_path_factory.mktemp("site")  # a short name: sockets lie below it
    made = [Site(name, scratch) for name in host_names()]
    for site in made:
        site.console(CLEAR.format(site.root))
    made[0].mood(CRAWL)
    yield made
    made[0].mood()
    for site in made:
        site.check_nothing_left()


@pytest.fixture
def site(sites: list[Site]) -> Site:
    """The first of them."""
    return sites[0]
