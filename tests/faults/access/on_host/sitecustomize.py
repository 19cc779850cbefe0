# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Python imports this at its start when the attack chose the interpreter: a module that is killed before a chosen step.

/opt/attack/die.json holds ``event`` (of sys.addaudithook) and ``text``: before the first such event whose arguments hold
the text, the process gets the signal that nobody can handle.
"""

import json
import os
import signal
import sys

with open("/opt/attack/die.json", encoding="utf-8") as _file:
    _wanted = json.load(_file)


def _hook(event: str, arguments: tuple) -> None:
    if event == _wanted["event"] and _wanted["text"] in repr(arguments):
        os.kill(os.getpid(), signal.SIGKILL)


sys.addaudithook(_hook)
