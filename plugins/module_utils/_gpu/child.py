# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Run a function in a child process with a time limit: a driver in trouble hangs or crashes whoever asks its library.

This module util is private to the collection.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import time
import typing as t


def call_in_child(function: t.Callable[[], t.Any], seconds: float) -> tuple[t.Any, str | None]:
    """Return (what ``function`` returned, None), or (None, why there is nothing).

    The result has to be representable as JSON. A child that hangs in the kernel cannot be waited for; it is killed and left.
    """
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            os.close(reader)
            answer = {"result": function()}
            code = 0
        except BaseException as error:  # pylint: disable=broad-exception-caught
            answer = {"error": str(error) or type(error).__name__}
        with contextlib.suppress(OSError):
            os.write(writer, json.dumps(answer).encode("utf-8"))
        # No clean-up handlers: they belong to the parent.
        os._exit(code)
    os.close(writer)
    try:
        said, in_time = _read_all(reader, time.monotonic() + seconds)
    finally:
        os.close(reader)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        _reap(pid)
    if not in_time:
        return None, f"no answer within {seconds:g} seconds"
    try:
        answer = json.loads(said.decode("utf-8"))
    except ValueError:
        return None, "crashed"
    return answer.get("result"), answer.get("error")


def _read_all(reader: int, deadline: float) -> tuple[bytes, bool]:
    said = b""
    while True:
        ready, _writable, _errors = select.select([reader], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            return said, False
        chunk = os.read(reader, 65536)
        if not chunk:
            return said, True
        said += chunk


def _reap(pid: int) -> None:
    for _attempt in range(20):
        if os.waitpid(pid, os.WNOHANG)[0] == pid:
            return
        time.sleep(0.01)
