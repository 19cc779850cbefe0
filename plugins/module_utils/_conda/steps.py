# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The vocabulary of plans: what is wanted, the steps that bring it about, and what a decision holds.

This module util is private to the collection.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.drift import Drift
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.packages import Package
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.smoke import SmokeTest


@dataclasses.dataclass(frozen=True)
class Wanted:
    """One environment as it is asked for.

    ``lock``: the lock's digest; ``packages``: what it names, or None while the controller has sent the digest only.
    ``contract``: what the lock states of hosts beside its packages' ``depends`` (``contract.needs_stated``).
    ``options``: what else shapes the files. ``generation``: the one to roll back to, or None for the one before.
    ``hold``: False ends a hold. ``pinned``: generations that are never removed. ``smoke``: what a new generation must pass.
    ``replace_unmanaged``: a directory that stands in the way may be exchanged.
    """

    name: str
    state: str
    lock: str | None = None
    packages: tuple[Package, ...] | None = None
    contract: tuple[tuple[str, ...], ...] = ()
    options: t.Mapping[str, t.Any] = dataclasses.field(default_factory=dict)
    generation: str | None = None
    hold: bool = True
    pinned: tuple[str, ...] = ()
    smoke: SmokeTest | None = None
    replace_unmanaged: bool = False


@dataclasses.dataclass(frozen=True)
class Discard:
    """Remove what an interrupted run left of a generation."""

    name: str
    generation: str

    def __str__(self) -> str:
        return f"{self.name}: remove generation {self.generation}, which an interrupted run left unfinished"


@dataclasses.dataclass(frozen=True)
class Undo:
    """Leave a change behind that somebody made in the active generation; the new generation does not have it."""

    name: str
    drift: Drift

    def __str__(self) -> str:
        return f"{self.name}: undo {self.drift}"


@dataclasses.dataclass(frozen=True)
class Build:
    """Make and seal a generation."""

    wanted: Wanted
    generation: str

    @property
    def name(self) -> str:
        return self.wanted.name

    def __str__(self) -> str:
        count = len(self.wanted.packages or ())
        return f"{self.name}: build generation {self.generation} of {count} packages"


@dataclasses.dataclass(frozen=True)
class Try:
    """Let the new generation prove itself. This happens as the last part of its build: what is sealed has passed."""

    name: str
    generation: str
    smoke: SmokeTest

    def __str__(self) -> str:
        return f"{self.name}: try generation {self.generation} {self.smoke}"


@dataclasses.dataclass(frozen=True)
class Exchange:
    """Put the link in the place of a directory that is not ours, and keep the directory beside."""

    name: str
    generation: str

    def __str__(self) -> str:
        return f"{self.name}: exchange the directory for generation {self.generation}, keep it as {self.name}.before-TIME"


@dataclasses.dataclass(frozen=True)
class Flip:
    """Make a generation the active one."""

    name: str
    generation: str
    why: str

    def __str__(self) -> str:
        return f"{self.name}: switch to generation {self.generation}"


@dataclasses.dataclass(frozen=True)
class PutHold:
    """Keep runs from undoing a roll-back. ``lock`` and ``generation``: what was left."""

    name: str
    lock: str
    generation: str

    def __str__(self) -> str:
        return f"{self.name}: hold, so that the lock of generation {self.generation} is not put back"


@dataclasses.dataclass(frozen=True)
class EndHold:
    """The roll-back is over."""

    name: str
    why: str

    def __str__(self) -> str:
        return f"{self.name}: end the hold, {self.why}"


@dataclasses.dataclass(frozen=True)
class RemoveLink:
    """Take the environment away from its users."""

    name: str

    def __str__(self) -> str:
        return f"{self.name}: remove the environment"


@dataclasses.dataclass(frozen=True)
class RemoveGeneration:
    """Remove a generation that nothing uses, and what the cache holds for it alone."""

    name: str
    generation: str
    why: str = ""

    def __str__(self) -> str:
        return f"{self.name}: remove generation {self.generation}" + (f", {self.why}" if self.why else "")


@dataclasses.dataclass(frozen=True)
class Forget:
    """Remove hold and history of an environment that is no more."""

    name: str

    def __str__(self) -> str:
        return f"{self.name}: forget its history"


#: Steps run in this order whatever the environment: nothing is switched before everything is built, and a hold is
#: recorded before the switch that it protects.
ORDER = (Discard, Undo, Build, Try, PutHold, Exchange, Flip, EndHold, RemoveLink, RemoveGeneration, Forget)


@dataclasses.dataclass
class Decision:
    """What is to be done for one environment, and what the result says about it."""

    name: str
    state: str
    steps: list[t.Any] = dataclasses.field(default_factory=list)
    generation: str | None = None
    before: tuple[Package, ...] = ()
    after: tuple[Package, ...] = ()
    drift: list[Drift] = dataclasses.field(default_factory=list)
    held: dict[str, str] | None = None
    kept: dict[str, list[str]] = dataclasses.field(default_factory=dict)
    warnings: list[str] = dataclasses.field(default_factory=list)
    needs_packages: bool = False
    not_predicted: list[str] = dataclasses.field(default_factory=list)
