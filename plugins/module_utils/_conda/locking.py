# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One run at a time per store.

This module util is private to the collection.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import time
import typing as t

from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem


#: Descriptors of the locks that this process holds.
_held: set[int] = set()


def held() -> tuple[int, ...]:
    """Return the descriptors of the locks that are held: a child that inherits them keeps others out while it lives."""
    return tuple(sorted(_held))


@contextlib.contextmanager
def exclusive(
    path: str, patience: float, prepare: t.Callable[[], None], waiting: t.Callable[[], None] = lambda: None
) -> t.Iterator[None]:
    """Hold flock(2) on ``path`` for the block; the kernel lets go of it when the process dies, however it dies, and
    with it the children that inherited it (``held``).

    ``patience``: seconds to wait for another run. ``prepare``: creates the directory. ``waiting``: is called
    now and then while another run has it. Raises Problem after waiting.
    The holder may remove the file: whoever waited for the removed one notices, and begins again with the new one.
    """
    deadline = time.monotonic() + patience
    while True:
        prepare()
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except FileNotFoundError:
            continue
        try:
            _wait(descriptor, path, deadline, patience, waiting)
            if _is_still(descriptor, path):
                _held.add(descriptor)
                yield
                return
        finally:
            _held.discard(descriptor)
            os.close(descriptor)


def _wait(descriptor: int, path: str, deadline: float, patience: float, waiting: t.Callable[[], None]) -> None:
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except OSError as error:
            if error.errno not in (errno.EWOULDBLOCK, errno.EINTR):
                raise
        if time.monotonic() >= deadline:
            raise Problem(
                f"Another run on this host has held {path} for {patience:.0f} s or more: wait until it ends, then run again."
            )
        waiting()
        time.sleep(0.2)


def _is_still(descriptor: int, path: str) -> bool:
    """Tell whether ``path`` is the file that was locked."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except FileNotFoundError:
        return False
