# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which directories running processes use.

This module util is private to the collection.
"""

from __future__ import annotations

import os
import re
import typing as t


def users_of(directories: t.Iterable[str], proc: str = "/proc") -> dict[str, list[int]]:
    """Return, for each of ``directories`` in use, the ids of the processes that use it.

    A process uses a directory when its program, its working directory or a mapped file lies in it.
    Processes that end meanwhile are skipped. A directory may be named through links; the kernel knows its real path.
    """
    asked: dict[str, list[str]] = {}
    for directory in sorted(set(directories)):
        asked.setdefault(os.path.realpath(directory), []).append(directory)
    if not asked:
        return {}
    pattern = re.compile("|".join(re.escape(directory) + r"(?=/|$)" for directory in asked), re.MULTILINE)
    result: dict[str, list[int]] = {}
    for name in os.listdir(proc):
        if not name.isdigit():
            continue
        text = []
        for link in ("exe", "cwd"):
            try:
                text.append(os.readlink(f"{proc}/{name}/{link}"))
            except OSError:
                continue
        try:
            with open(f"{proc}/{name}/maps", encoding="utf-8", errors="surrogateescape") as file:
                text.append(file.read())
        except OSError:
            pass
        for real in set(pattern.findall("\n".join(text))):
            for directory in asked[real]:
                result.setdefault(directory, []).append(int(name))
    return {directory: sorted(ids) for directory, ids in result.items()}


def describe(number: int, proc: str = "/proc") -> str:
    """Return ``process NUMBER (NAME)``, without the name where the process has ended."""
    try:
        with open(f"{proc}/{number}/comm", encoding="utf-8", errors="replace") as file:
            return f"process {number} ({file.read().strip()})"
    except OSError:
        return f"process {number}"


def descendants(ancestor: int, proc: str = "/proc") -> list[int]:
    """Return the ids of the processes that ``ancestor`` has started, and those that these have."""
    children: dict[int, list[int]] = {}
    for name in os.listdir(proc):
        if name.isdigit():
            try:
                with open(f"{proc}/{name}/stat", encoding="utf-8", errors="replace") as file:
                    fields = file.read().rpartition(")")[2].split()
            except OSError:
                continue
            children.setdefault(int(fields[1]), []).append(int(name))
    result = list(children.get(ancestor, ()))
    for process in result:
        result += children.get(process, ())
    return result
