# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Watching a job on a host (``module_utils/_conda/job.py``) from here, also over a connection that breaks."""

from __future__ import annotations

import json
import shlex
import time
import typing as t

from ansible.errors import AnsibleConnectionFailure

#: Seconds that a host may be out of reach while its job goes on.
PATIENCE = 600.0

#: Seconds between two looks: short at first, so that what is quick loses no time.
FIRST_PAUSE = 0.2
LONGEST_PAUSE = 2.0
_GROWTH = 1.3

_Answer = t.TypeVar("_Answer")


def command(directory: str) -> str:
    """Return the shell command that looks at the job in ``directory``; it reads a few files and starts nothing."""
    return (
        f"cd {shlex.quote(directory)} 2>/dev/null || {{ echo gone; exit 0; }}; "
        "if test -e result; then echo ended; exit 0; fi; "
        "for p in $(cat pid); do if grep -qs '^[0-9]* (lockstep-[a-z]*) [^ZX]' /proc/$p/stat; "
        "then echo running; cat progress 2>/dev/null; exit 0; fi; done; "
        "echo ended"
    )


def patiently(
    call: t.Callable[[], _Answer],
    recover: t.Callable[[], None],
    lost: t.Callable[[], None],
    clock: t.Callable[[], float] = time.monotonic,
    sleep: t.Callable[[float], None] = time.sleep,
) -> _Answer:
    """Return what ``call`` returns, and repeat it while the host cannot be reached, for ``PATIENCE`` seconds.

    ``recover``: gives the connection a fresh start. ``lost``: is called once, when the host is out of reach at first.
    Raises the last AnsibleConnectionFailure.
    """
    deadline = clock() + PATIENCE
    pause = FIRST_PAUSE
    attempts = 0
    while True:
        try:
            return call()
        except AnsibleConnectionFailure:
            if clock() >= deadline:
                raise
        attempts += 1
        if attempts == 2:  # a first failure is what the loss itself looks like
            lost()
        sleep(pause)
        pause = min(pause * 2, 5 * LONGEST_PAUSE)
        recover()


def follow(
    look: t.Callable[[], str],
    tell: t.Callable[[dict[str, t.Any]], None],
    sleep: t.Callable[[float], None] = time.sleep,
) -> bool:
    """Look at a job until it has ended; return False if the host knows nothing of it any more.

    ``look``: returns what ``command`` wrote. ``tell``: is given each state of progress.
    """
    pause = FIRST_PAUSE
    while True:
        lines = look().split("\n")  # of a terminal perhaps, where they end in \r as well
        if lines[0].strip() != "running":
            return lines[0].strip() == "ended"
        try:
            state = json.loads(lines[1])
        except (IndexError, ValueError):
            state = None  # it has just begun
        if isinstance(state, dict):
            tell(state)
        sleep(pause)
        pause = min(pause * _GROWTH, LONGEST_PAUSE)
