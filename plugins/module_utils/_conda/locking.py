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


@contextlib.contextmanager
def exclusive(path: str, patience: float) -> t.Iterator[None]:
    """Hold flock(2) on ``path`` for the block; the kernel lets go of it when the process dies, however it dies.

    ``patience``: seconds to wait for another run. Raises Problem after that. The directory must exist.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        deadline = time.monotonic() + patience
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError as error:
                if error.errno not in (errno.EWOULDBLOCK, errno.EINTR):
                    raise
            if time.monotonic() >= deadline:
                raise Problem(
                    f"Another run holds {path} since {patience:.0f} s or more: wait for it to end, then run again."
                )
            time.sleep(0.2)
        yield
    finally:
        os.close(descriptor)
