# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Python imports this at its start when the attack chose the interpreter: a run that dies at a step, or whose clock jumps.

Steps are what changes the store's files, counted from the moment when the store's lock is asked for: Python announces each
of them (sys.addaudithook) before it is done. /run/faults-steps.json holds ``root`` and ``die_at``, the number of the step
that is never done (0: live, and count). /run/faults-steps.log gets a line for each step.

/run/faults-clock holds the seconds by which this Python's clock is wrong, and may change at any time. (libfaketime, which would do
it from outside, makes time.sleep fail at random where the monotonic clock is left alone, and that one never jumps.)
"""

import datetime
import json
import os
import signal
import sys
import time

try:
    with open("/run/faults-steps.json", encoding="utf-8") as _file:
        _wanted = json.load(_file)
except OSError:
    _wanted = None

_CHANGES = {
    *("os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.symlink", "os.link", "os.truncate", "shutil.rmtree"),
    *("open", "subprocess.Popen"),
}
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
_LOCK_EX = 2


def _watch(root: str, die_at: int) -> None:
    log = os.open("/run/faults-steps.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    count = 0
    started = False

    def hook(event: str, arguments: tuple) -> None:
        nonlocal count, started
        if event == "fcntl.flock" and arguments[1] & _LOCK_EX:
            started = True
        if not started or event not in _CHANGES:
            return
        if event == "open" and not (isinstance(arguments[2], int) and arguments[2] & _WRITING):
            return
        if event != "subprocess.Popen" and not str(arguments[0]).startswith(root):
            return
        count += 1
        os.write(log, f"{count} {event} {str(arguments[0])[:200]}\n".encode("utf-8", "replace"))
        if count == die_at:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


def _jump() -> None:
    true_time, true_datetime = time.time, datetime.datetime

    def wrong_by() -> float:
        with open("/run/faults-clock", encoding="ascii") as file:
            return float(file.read() or 0)

    class Wrong(true_datetime):
        """The class that everybody takes who asks for the time of day."""

        @classmethod
        def now(cls, tz: "datetime.tzinfo | None" = None) -> "Wrong":
            """Return the wrong time."""
            return cls.fromtimestamp(true_time() + wrong_by(), tz)

    time.time = lambda: true_time() + wrong_by()
    time.time_ns = lambda: int((true_time() + wrong_by()) * 1e9)
    datetime.datetime = Wrong  # type: ignore[misc]


if os.path.exists("/run/faults-clock"):
    _jump()
if _wanted:
    _watch(_wanted["root"], _wanted["die_at"])
