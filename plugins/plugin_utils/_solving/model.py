# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a solve is asked beyond the specification, and what channels answer.

This plugin util is private to the collection.
"""

from __future__ import annotations

import dataclasses
import datetime
import typing as t

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.network import Network


class Tools(t.NamedTuple):
    """Programs on the controller: ``python`` can import py-rattler, ``uv`` is uv. They run as child processes only."""

    python: str
    uv: str


@dataclasses.dataclass(frozen=True)
class Target:
    """A platform that is locked. ``virtual_packages``: what its hosts have, name to ``VERSION`` or ``VERSION BUILD``."""

    platform: str
    virtual_packages: t.Mapping[str, str]


@dataclasses.dataclass(frozen=True)
class Settings:
    """``exclude_newer``: nothing that was uploaded after this moment. ``pypi_names``: PyPI's names of conda packages that are
    called otherwise there, beyond the built-in ones. ``cache``: directory on the controller for what channels said.
    """

    tools: Tools
    network: Network
    cache: str
    exclude_newer: datetime.datetime | None = None
    pypi_names: t.Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Candidate:
    """A build that a channel offers. ``channel``: public URL."""

    name: str
    version: str
    build: str
    build_number: int
    channel: str
    subdir: str
