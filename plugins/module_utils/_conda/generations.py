# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a host has: the environments' links, their generations, holds and drift. Reads only.

This module util is private to the collection.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import os
import re
import typing as t

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda import drift, holds, processes, seal, unmanaged
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.drift import Drift
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.packages import Package
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.store import Store, split_generation
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.unmanaged import Directory
from ansible_collections.lockstep.gpufleet.plugins.module_utils._files import names_in


@dataclasses.dataclass(frozen=True)
class Environment:
    """One environment as it is found.

    ``link``: ``absent``, ``generation`` (a link of ours), ``directory`` or ``foreign`` (anything else).
    ``active``: the generation that the link names, else None. ``sealed``: the seals of all complete generations.
    ``unsealed``: generations that were begun and never finished. ``drift``: of the generations that were compared.
    ``history``: generations that were active, oldest first. ``users``: processes by generation, of unfinished
    generations and, if asked for, of all. ``last_active``: until when each was active, in seconds since the epoch, None
    where that is unknown. ``directory``: what stands in the link's place, if that is a directory.
    """

    name: str
    link: str
    active: str | None = None
    sealed: dict[str, seal.Seal] = dataclasses.field(default_factory=dict)
    unsealed: tuple[str, ...] = ()
    drift: dict[str, list[Drift]] = dataclasses.field(default_factory=dict)
    hold: holds.Hold | None = None
    history: tuple[str, ...] = ()
    users: dict[str, list[int]] = dataclasses.field(default_factory=dict)
    last_active: dict[str, float | None] = dataclasses.field(default_factory=dict)
    directory: Directory | None = None

    def packages_of(self, generation: str | None) -> tuple[Package, ...]:
        """Return what the seal of ``generation`` names; nothing where there is no such generation."""
        known = self.sealed.get(generation or "")
        return known.packages if known else ()

    def builds_of(self, identity: str) -> list[str]:
        """Return the complete generations of this id, newest build first."""
        numbered = [(split_generation(name), name) for name in self.sealed]
        return [name for parts, name in sorted(numbered, reverse=True) if parts and parts[0] == identity]


def observe(
    store: Store,
    names: t.Iterable[str],
    check: t.Callable[[Environment], t.Iterable[str]],
    leaving: t.Collection[str] = (),
    locked: bool = False,
    level: str = "paths",
) -> dict[str, Environment]:
    """Read the environments called ``names``.

    ``check``: says which generations of an environment are to be compared with their seals, and is asked again with the
    answer. ``leaving``: names for which processes are looked for that use any of their generations. ``locked``: the caller
    holds the store's lock; otherwise, while another run holds it, unsealed generations count as being built, not as left
    behind. ``level``: how the active generation is compared (``drift.py``); others, which may be switched to, are compared
    at level ``paths`` at least.
    """
    names = list(names)
    sealed, unsealed = _generations(store)
    if unsealed and not locked and _is_locked(store):
        unsealed = {}
    result = {}
    for name in names:
        link, active = _read_link(store, name)
        history = holds.read_history(store, name)
        environment = Environment(
            name=name,
            link=link,
            active=active,
            sealed=sealed.get(name, {}),
            unsealed=tuple(unsealed.get(name, ())),
            hold=holds.read_hold(store, name),
            history=tuple(activation.generation for activation in history),
            last_active=_last_active(store, sealed.get(name, {}), history),
            directory=unmanaged.read(store.link(name)) if link == "directory" else None,
        )
        differing: dict[str, list[Drift]] = {}
        # What is found may ask for more: another generation when the first one was changed.
        while True:
            environment = dataclasses.replace(environment, drift=dict(differing))
            more = [one for one in check(environment) if one in environment.sealed and one not in differing]
            if not more:
                break
            for generation in more:
                known = environment.sealed[generation]
                deep = level if generation == active or level == "full" else "paths"
                differing[generation] = drift.find_drift(
                    store.generation(generation), store.prefix(generation, name), known, deep
                )
        asked = [*environment.unsealed, *(environment.sealed if name in leaving else ())]
        paths = {store.generation(generation): generation for generation in asked}
        users = {paths[path]: ids for path, ids in processes.users_of(paths).items()}
        result[name] = dataclasses.replace(environment, users=users)
    return result


def _generations(store: Store) -> tuple[dict[str, dict[str, seal.Seal]], dict[str, list[str]]]:
    """Return, by environment, the sealed generations and the unfinished ones."""
    sealed: dict[str, dict[str, seal.Seal]] = {}
    unsealed: dict[str, list[str]] = {}
    for generation in sorted(names_in(store.generations)):
        if split_generation(generation) is None:
            continue
        directory = store.generation(generation)
        found = seal.read(directory)
        if found is not None and found.generation == generation:
            sealed.setdefault(found.environment, {})[generation] = found
        else:
            for name in names_in(f"{directory}/envs"):
                unsealed.setdefault(name, []).append(generation)
    return sealed, unsealed


def _last_active(
    store: Store, generations: t.Iterable[str], history: t.Sequence[holds.Activation]
) -> dict[str, float | None]:
    """Return until when each generation was active; for one that never was, when it was sealed."""
    result = holds.last_active(history)
    begun = history[0].since if history else None
    for generation in generations:
        if generation not in result and begun is not None:
            with contextlib.suppress(OSError):
                sealed_at = os.stat(f"{store.generation(generation)}/seal.json").st_mtime
                if sealed_at >= begun:
                    result[generation] = sealed_at
    return result


def _read_link(store: Store, name: str) -> tuple[str, str | None]:
    path = store.link(name)
    if os.path.islink(path):
        target = os.path.normpath(os.path.join(store.environments, os.readlink(path)))
        match = re.fullmatch(re.escape(store.generations) + r"/([^/]+)/envs/" + re.escape(name), target)
        if match and split_generation(match[1]):
            return "generation", match[1]
        return "foreign", None
    if os.path.isdir(path):
        return "directory", None
    return ("foreign" if os.path.lexists(path) else "absent"), None


def _is_locked(store: Store) -> bool:
    """Tell whether another run works on the store just now."""
    try:
        descriptor = os.open(store.lock_file, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False
