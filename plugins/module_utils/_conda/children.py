# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Child processes that do not outlive their parent: whatever kills a run, nothing goes on writing into the store.

This module util is private to the collection.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import typing as t

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda import locking

#: prctl(2): the signal that a process gets when its parent dies.
_PR_SET_PDEATHSIG = 1


def start(
    argv: t.Sequence[str], environment: t.Mapping[str, str], errors: int = subprocess.PIPE
) -> subprocess.Popen[bytes]:
    """Start a program, with pipes for its input and what it says.

    ``environment``: all of the program's environment. ``errors``: ``subprocess.PIPE``, or ``STDOUT`` to have both in one.
    The kernel kills the program when its parent dies, or the thread that started it. The locks that are held are its
    locks too, so that until it is dead no other run begins. Raises OSError if it cannot be started.
    """
    return subprocess.Popen(
        argv,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        cwd="/",
        env=dict(environment),
        pass_fds=locking.held(),
        preexec_fn=_bound_to(os.getpid()),
    )


def run(
    argv: t.Sequence[str],
    environment: t.Mapping[str, str],
    request: bytes = b"",
    errors: int = subprocess.PIPE,
    limit: float | None = None,
) -> subprocess.CompletedProcess[bytes]:
    """Run a program (see ``start``) to its end with ``request`` as its input, and return what it said.

    ``limit``: seconds after which it is killed and subprocess.TimeoutExpired raised.
    """
    with start(argv, environment, errors) as process:
        try:
            said, wrong = process.communicate(request, limit)
        except BaseException:
            process.kill()
            raise
    return subprocess.CompletedProcess(argv, process.returncode, said, wrong)


def _bound_to(parent: int) -> t.Callable[[], None]:
    """Return what the child does between fork and exec, so that it dies with ``parent``."""
    library = ctypes.CDLL(None)  # loaded here: the child of a process with threads must not load anything

    def bind() -> None:
        library.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died before the kernel was asked
            os._exit(1)

    return bind
