# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Watching a job on a host (``module_utils/_conda/job.py``) from here, also over a connection that breaks."""

from __future__ import annotations

import json
import shlex
import time
import typing as t

from ansible.errors import AnsibleAuthenticationFailure, AnsibleConnectionFailure

#: Seconds that a host may be out of reach while its job goes on.
PATIENCE = 600.0

#: Seconds between two looks: short at first, so that what is quick loses no time.
FIRST_PAUSE = 0.2
LONGEST_PAUSE = 2.0
_GROWTH = 1.3

#: Begins the answer; before it lies what a terminal, sudo's question for a password, or a profile has written.
_MARK = "lockstep-job:"

_Answer = t.TypeVar("_Answer")


def command(directory: str) -> str:
    """Return the shell command that looks at the job in ``directory``; it reads a few files and starts nothing."""
    return (
        f"cd {shlex.quote(directory)} 2>/dev/null || {{ echo {_MARK} gone; exit 0; }}; "
        f"if test -e result; then echo {_MARK} ended; exit 0; fi; "
        "for p in $(cat pid); do if grep -qs '^[0-9]* (lockstep-[a-z]*) [^ZX]' /proc/$p/stat; "
        f"then echo {_MARK} running; cat progress 2>/dev/null; exit 0; fi; done; "
        f"echo {_MARK} ended"
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
        except AnsibleAuthenticationFailure:
            raise  # a wrong password again and again locks the account
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

    ``look``: returns what ``command`` wrote. ``tell``: is given each state of progress. An answer that cannot be read
    counts as an end: the module has to be asked.
    """
    pause = FIRST_PAUSE
    while True:
        word, state = _read(look())
        if word != "running":
            return word != "gone"
        if isinstance(state, dict):
            tell(state)
        sleep(pause)
        pause = min(pause * _GROWTH, LONGEST_PAUSE)


def _read(answer: str) -> tuple[str, t.Any]:
    """Return the word that tells what the job does, and its state, None if it has just begun."""
    _before, _mark, said = answer.partition(_MARK)
    word, *rest = said.split("\n") if said else [""]
    try:
        return word.strip(), json.loads(rest[0])  # lines of a terminal end in \r as well, which is white space
    except (IndexError, ValueError):
        return word.strip(), None
