# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Holds and history: what is true of an environment on this host, beyond its generations.

A hold says that an environment was rolled back from a lock, so that a run which wants that same lock leaves it alone.
The history lists which generation was active since when.
This module util is private to the collection.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import json
import os
import typing as t

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.store import Store
from ansible_collections.lockstep.gpufleet.plugins.module_utils._files import read_or_none, write_atomically


@dataclasses.dataclass(frozen=True)
class Hold:
    """``lock``: digest of the lock that was left; ``generation``: the one it had; ``since``: UTC; ``who``: who did it."""

    lock: str
    generation: str
    since: str
    who: str


def read_hold(store: Store, name: str) -> Hold | None:
    """Return the hold of the environment, or None."""
    content = read_or_none(store.hold(name))
    if content is None:
        return None
    with contextlib.suppress(ValueError, TypeError):
        return Hold(**json.loads(content))
    # A damaged hold is still a hold: somebody rolled back, and nothing may undo that by accident.
    return Hold(lock="", generation="", since="", who="")


def write_hold(store: Store, name: str, hold: Hold) -> None:
    """Record the hold, durably."""
    os.makedirs(os.path.dirname(store.hold(name)), mode=0o755, exist_ok=True)
    write_atomically(store.hold(name), json.dumps(dataclasses.asdict(hold), indent=1).encode() + b"\n")


@dataclasses.dataclass(frozen=True)
class Activation:
    """``generation`` became the active one; ``since``: seconds since the epoch, None where the history does not say."""

    generation: str
    since: float | None


def read_history(store: Store, name: str) -> list[Activation]:
    """Return the generations that were active, oldest first; lines that a crash cut off are skipped."""
    result = []
    for line in (read_or_none(store.history(name)) or b"").splitlines():
        with contextlib.suppress(ValueError, TypeError, KeyError):
            entry = json.loads(line)
            result.append(Activation(str(entry["generation"]), _seconds(entry.get("since"))))
    return result


def last_active(history: t.Sequence[Activation]) -> dict[str, float | None]:
    """Return until when each generation was active, in seconds since the epoch.

    That is when the next one became active. If the clock was behind then, a later change bounds it; None where nothing does.
    """
    result: dict[str, float | None] = {}
    latest = float("-inf")
    for index, activation in enumerate(history):
        latest = max(latest, activation.since or latest)
        later = (after.since for after in history[index + 1 :] if after.since is not None and after.since >= latest)
        result[activation.generation] = next(later, None)
    return result


def _seconds(text: t.Any) -> float | None:
    try:
        return datetime.datetime.fromisoformat(text).timestamp()
    except (TypeError, ValueError, OverflowError):
        return None


def add_history(store: Store, name: str, entry: dict[str, t.Any]) -> None:
    """Append one line: ``generation``, ``since`` and ``why``."""
    path = store.history(name)
    os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
    content = read_or_none(path) or b""
    write_atomically(path, content + json.dumps(entry).encode() + b"\n")


def forget(store: Store, name: str) -> None:
    """Remove hold and history of an environment that is no more."""
    for path in (store.hold(name), store.history(name)):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
