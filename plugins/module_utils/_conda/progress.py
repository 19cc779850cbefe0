# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How far a run has come, for whoever watches it: numbers and names of environments, never an address or a secret.

This module util is private to the collection.
"""

from __future__ import annotations

import threading
import time
import typing as t

#: In the order in which a run goes through them; a run of several environments does ``link`` to ``try`` for each.
PHASES = ("wait", "fetch", "link", "pip", "bytecode", "seal", "try", "switch")

#: Seconds between two reports within a phase.
INTERVAL = 0.3


class Progress:
    """The state of one run. Threads may report to it; it costs next to nothing if nobody watches.

    ``publish`` is given the state as a dictionary of plain data: ``phase``, ``name`` (environments), ``done`` and
    ``total`` (things of the phase, 0 if they are not counted), ``bytes``, ``bytes_total`` (None as long as it is not known
    of all things), ``at`` (seconds of this host's clock) and, while another run is waited for, its state as ``other``.
    It is called at the begin of each phase, and within one at most every ``INTERVAL`` seconds.
    """

    def __init__(
        self,
        publish: t.Callable[[dict[str, t.Any]], None] | None = None,
        clock: t.Callable[[], float] = time.monotonic,
    ) -> None:
        self._publish = publish
        self._clock = clock
        self._guard = threading.Lock()
        self._published = 0.0
        self._sized = 0
        self._expected = 0
        self._state: dict[str, t.Any] = {"phase": "", "name": ""}

    @property
    def phase(self) -> str:
        return str(self._state["phase"])

    def begin(self, phase: str, name: str = "", total: int = 0) -> None:
        """Enter ``phase`` for the environments ``name``, which has ``total`` things to do."""
        with self._guard:
            self._sized = self._expected = 0
            self._state = {"phase": phase, "name": name, "done": 0, "total": total, "bytes": 0}
            self._tell(at_once=True)

    def expect(self, size: int | None) -> None:
        """One of the things begins, and has ``size`` bytes if that is known."""
        if size is None:
            return
        with self._guard:
            self._sized += 1
            self._expected += size

    def advance(self, things: int = 0, size: int = 0) -> None:
        """So many more things, or bytes, are done. ``size`` may be negative: what was fetched in vain."""
        with self._guard:
            self._state["done"] = self._state.get("done", 0) + things
            self._state["bytes"] = self._state.get("bytes", 0) + size
            self._tell()

    def reach(self, done: int, total: int, size: int = 0) -> None:
        """So many things of so many, and bytes, are done."""
        with self._guard:
            self._state.update(done=done, total=total, bytes=size)
            self._tell()

    def wait_for(self, other: dict[str, t.Any] | None) -> None:
        """Another run is at work; ``other`` is its state, if that can be seen."""
        if self._state["phase"] != "wait":
            self.begin("wait")
        with self._guard:
            self._state["other"] = other
            self._tell()

    def _tell(self, at_once: bool = False) -> None:
        if self._publish is None:
            return
        now = self._clock()
        if not at_once and now - self._published < INTERVAL:
            return
        self._published = now
        known = self._sized and self._sized == self._state.get("total")
        self._publish(dict(self._state, bytes_total=self._expected if known else None, at=now))
