# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The store: where environments, generations, archives and the engine lie below one root directory.

This module util is private to the collection.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import re
import typing as t

from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem

#: Part of every generation's id: raise it when a generation of the same lock would come out different.
RECIPE = 3

#: conda refuses longer prefixes, and packages hold a placeholder of this length (conda-build: 255).
LONGEST_PREFIX = 255

_MACHINES = {"x86_64": "linux-64", "aarch64": "linux-aarch64", "arm64": "linux-aarch64"}
_GENERATION = re.compile(r"^(?P<id>[0-9a-f]{16})(?:-(?P<rebuild>[2-9]|[1-9][0-9]+))?$")
_NAME = re.compile(r"^[A-Za-z0-9_][A-Za-z0-9_.+-]{0,99}$")


def host_platform(machine: str) -> str:
    """Return conda's name of the platform of ``uname -m``'s answer; raises Problem where there is no engine for it."""
    try:
        return _MACHINES[machine]
    except KeyError:
        raise Problem(
            f"This host is a {machine}: environments can be built on {' and '.join(sorted(set(_MACHINES)))} only."
        ) from None


def is_name(name: str) -> bool:
    """Tell whether an environment may be called so."""
    return _NAME.fullmatch(name) is not None


def check_name(name: str) -> str:
    """Return ``name`` if an environment may be called so; raises Problem."""
    if not is_name(name):
        raise Problem(
            f"environments: {name!r} is no name for an environment: use letters, digits and _ . + -, "
            "beginning with a letter, digit or _."
        )
    return name


def check_root(root: str) -> str:
    """Return ``root`` without a closing slash; raises Problem unless it is an absolute path without white space."""
    if not root.startswith("/") or re.search(r"\s", root) or os.path.normpath(root) != (root.rstrip("/") or "/"):
        raise Problem(f"root: {root!r} must be an absolute path without white space, '..' and '//'.")
    return root.rstrip("/")


def generation_id(name: str, lock_digest: str, options: t.Mapping[str, t.Any], engine: t.Mapping[str, str]) -> str:
    """Return the id of the generation that this lock gives: nothing host-specific goes in, so paths agree on all hosts.

    ``name``: the environment's, which is part of its prefix. ``options``: what else shapes the files.
    ``engine``: name to version of the programs that build. Returns 16 hex digits.
    """
    recipe = [RECIPE, name, lock_digest, sorted(options.items()), sorted(engine.items())]
    return hashlib.sha256(json.dumps(recipe, separators=(",", ":")).encode()).hexdigest()[:16]


def split_generation(generation: str) -> tuple[str, int] | None:
    """Return id and number of the build (``<id>`` is 1, ``<id>-2`` is 2), or None if it is no generation's name."""
    match = _GENERATION.fullmatch(generation)
    return (match["id"], int(match["rebuild"] or 1)) if match else None


def check_generation(generation: t.Any, name: str, option: str) -> t.Any:
    """Return ``generation`` if it is None or a generation's name; raises Problem."""
    if generation is not None and split_generation(generation) is None:
        raise Problem(f"{name}: {option}: {generation!r} is no generation's name: 16 hex digits, or these with -2, -3 ...")
    return generation


@dataclasses.dataclass(frozen=True)
class Store:
    """Paths below ``root``; a value, reads nothing."""

    root: str

    @property
    def environments(self) -> str:
        return self.root + "/envs"

    @property
    def generations(self) -> str:
        return self.root + "/generations"

    @property
    def archives(self) -> str:
        """Verified archives, each as ``<sha256>/<file name>``."""
        return self.root + "/cache/archives"

    @property
    def packages(self) -> str:
        """The engine's cache of unpacked conda packages."""
        return self.root + "/cache/packages"

    @property
    def bytecode(self) -> str:
        return self.root + "/cache/bytecode"

    @property
    def temporary(self) -> str:
        """Work in progress; whatever lies here when the lock is free is litter of a run that was killed."""
        return self.root + "/cache/tmp"

    @property
    def engines(self) -> str:
        return self.root + "/engine"

    @property
    def lock_file(self) -> str:
        return self.root + "/.lock"

    def link(self, name: str) -> str:
        return f"{self.environments}/{name}"

    def hold(self, name: str) -> str:
        return f"{self.root}/holds/{name}.json"

    def history(self, name: str) -> str:
        return f"{self.root}/history/{name}.jsonl"

    def generation(self, generation: str) -> str:
        return f"{self.generations}/{generation}"

    def prefix(self, generation: str, name: str) -> str:
        """Return the environment's real path. Its parent is called ``envs`` so that conda shows the name."""
        return f"{self.generations}/{generation}/envs/{name}"

    def check_prefix(self, generation: str, name: str) -> str:
        """Return the prefix; raises Problem if it is longer than conda packages can hold."""
        prefix = self.prefix(generation + "-99", name)
        if len(prefix) > LONGEST_PREFIX:
            raise Problem(
                f"{name}: the prefix {prefix!r} has {len(prefix)} characters, packages hold {LONGEST_PREFIX} at most: "
                "choose a shorter root or name."
            )
        return self.prefix(generation, name)
