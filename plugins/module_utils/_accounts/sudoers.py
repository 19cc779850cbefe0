# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The one sudoers drop-in that holds the rights of all accounts described as data.

This module util is private to the collection.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
import typing as t

from ansible_collections.lockstep.gpufleet.plugins.module_utils._files import read_or_none, sync_directory, write_atomically
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem

DIRECTORY = "/etc/sudoers.d"
PATH = DIRECTORY + "/zz-lockstep-accounts"
"""Sorts after other drop-ins: in sudoers the last match decides. A dot in the name would make sudo skip the file."""

MODE = 0o440
LEVELS = ("none", "password", "nopasswd")

_HEADER = "# Written by lockstep.gpufleet.accounts: changes here are overwritten.\n"
_RULES = {"password": "%s ALL=(ALL:ALL) ALL\n", "nopasswd": "%s ALL=(ALL:ALL) NOPASSWD: ALL\n"}


def render(levels: t.Mapping[str, str]) -> str | None:
    """Return the drop-in's text for ``levels`` (user name -> one of ``LEVELS``), None if nobody needs a rule."""
    rules = [_RULES[level] % name for name, level in sorted(levels.items()) if level != "none"]
    return _HEADER + "".join(rules) if rules else None


def levels_in(text: str | None) -> dict[str, str]:
    """Return what a drop-in rendered by ``render`` grants: user name -> level."""
    found = {}
    for line in (text or "").splitlines():
        for level in ("password", "nopasswd"):
            name = line.partition(" ")[0]
            if name and line + "\n" == _RULES[level] % name:
                found[name] = level
    return found


def read() -> str | None:
    """Return the drop-in's present text, None where there is none; needs the rights of root."""
    content = read_or_none(PATH)
    return None if content is None else content.decode("utf-8", "replace")


def validate(text: str, visudo: str) -> None:
    """Raise ``Problem`` unless ``visudo -cf`` accepts ``text``."""
    descriptor, temporary = tempfile.mkstemp(prefix="sudoers.")
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
            os.fchmod(file.fileno(), MODE)
        check = subprocess.run(
            [visudo, "-cf", temporary], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30, check=False
        )
        if check.returncode != 0:
            said = (check.stderr or check.stdout).strip().replace(temporary, PATH)
            raise Problem("visudo refuses the new %s, which was not installed: %s" % (PATH, said), changed=False)
    finally:
        os.unlink(temporary)


def write(text: str | None) -> None:
    """Install a validated text, or remove the drop-in."""
    if text is None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(PATH)
            sync_directory(DIRECTORY)
    else:
        write_atomically(PATH, text.encode(), MODE, (0, 0))
