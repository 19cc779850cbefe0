# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The lines that tell how far a host has come: plain text, few of them."""

from __future__ import annotations

import time
import typing as t

#: What is counted in a phase.
_THINGS = {"fetch": "archives", "link": "packages", "pip": "wheels", "bytecode": "files", "seal": "files"}

_VERBS = {
    "wait": "wait for another run on this host",
    "fetch": "fetch",
    "link": "link",
    "pip": "install",
    "bytecode": "compile bytecode",
    "seal": "seal",
    "try": "smoke test",
    "switch": "switch and clean up",
}

#: Seconds: no line before, so that what is quick stays silent; between phases; and of one phase.
QUIET = 2.0
BETWEEN_PHASES = 1.0
INTERVAL = 5.0

#: Intervals after which a phase that does not move is told all the same.
STALLED = 6


def interval_for(hosts: int) -> float:
    """Return the seconds between two lines of one host when ``hosts`` are at work at once: a fleet must stay readable."""
    return max(INTERVAL, 0.5 * hosts)


def line(state: t.Mapping[str, t.Any], rate: float | None = None) -> str:
    """Return what ``state`` (``_conda.progress.Progress``) says, for people. ``rate``: bytes per second."""
    phase = str(state.get("phase", ""))
    parts = []
    things = _THINGS.get(phase, "")
    total = state.get("total") or 0
    if total and things:
        parts.append(f"{state.get('done', 0)} of {total} {things}")
    if state.get("bytes"):
        parts.append(_size(state["bytes"], state.get("bytes_total")))
        if rate is not None and phase == "fetch":
            parts.append(_plain(rate) + "/s")
    name = f"{state['name']}: " if state.get("name") else ""
    text = name + " ".join([_VERBS.get(phase, phase), ", ".join(parts)]).strip()
    other = state.get("other")
    return f"{text}, which is at {line(other)}" if other else text


def _size(count: float, total: float | None) -> str:
    if total is None or total < count:
        return _plain(count)
    factor, unit = _unit(total)
    return f"{_number(count / factor)} of {_number(total / factor)} {unit}"


def _plain(count: float) -> str:
    factor, unit = _unit(count)
    return f"{_number(count / factor)} {unit}"


def _unit(count: float) -> tuple[float, str]:
    for factor, unit in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if count >= factor:
            return factor, unit
    return 1.0, "B"


def _number(value: float) -> str:
    return f"{value:.1f}" if 0.05 <= value < 9.95 and value != int(value) else f"{value:.0f}"


class Telling:
    """Decides when a host's state is worth a line. ``interval``: seconds between two lines of one phase."""

    def __init__(self, host: str, interval: float, clock: t.Callable[[], float] = time.monotonic) -> None:
        self._host = host
        self._interval = interval
        self._clock = clock
        self._begun = clock()
        self._told = self._begun
        self._shown: t.Mapping[str, t.Any] = {}

    def next_line(self, state: t.Mapping[str, t.Any]) -> str | None:
        """Return the line for ``state``, or None if it is too early for one."""
        now = self._clock()
        same = (state.get("phase"), state.get("name")) == (self._shown.get("phase"), self._shown.get("name"))
        if now - self._begun < QUIET:
            return None
        since = now - self._told
        if not same:
            due = since >= BETWEEN_PHASES or not self._shown
        elif state.get("at") == self._shown.get("at"):
            due = since >= STALLED * self._interval
        else:
            due = since >= self._interval
        if not due:
            return None
        rate = self._rate(state) if same else None
        self._told, self._shown = now, dict(state)
        return f"{self._host}: {line(state, rate)}"

    def _rate(self, state: t.Mapping[str, t.Any]) -> float | None:
        """Return the bytes per second since the line before."""
        try:
            seconds = state["at"] - self._shown["at"]
            return max(0.0, (state["bytes"] - self._shown["bytes"]) / seconds) if seconds > 0 else 0.0
        except KeyError:
            return None
