# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The parent's side of the dialogue with a child process that links packages (``link_program.py``).

The child is foreign code at work: it may crash, be killed for memory, or write nonsense. All of that becomes one
``EngineDied`` with the signal's name and the last words of its standard error. A child that hangs is not ended here:
the whole build has a time limit, and the child leaves when its standard input ends, so also when its parent is killed.

This module util is private to the collection.
"""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import threading
import typing as t

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda import children
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem

#: Bytes that one line of the child may have: the hashes of half a million files.
LONGEST_LINE = 128 * 1024 * 1024

#: Bytes of the child's standard error that are kept.
_LAST_WORDS = 2000


class EngineRefused(Problem):
    """The engine says itself why it cannot do what was asked."""


class EngineDied(Problem):
    """The child ended without an answer, or with one that is none."""


def converse(
    command: t.Sequence[str],
    request: t.Mapping[str, t.Any],
    environment: t.Mapping[str, str],
    who: str,
    approve: t.Callable[[list[dict[str, t.Any]]], None],
    report: t.Callable[[dict[str, t.Any]], None],
) -> dict[str, t.Any]:
    """Run ``command``, send ``request``, and return what the child says last (the event ``done``).

    ``approve``: is given what the packages need (``link_program._describe``) before the prefix is touched; a Problem that
    it raises ends the child and is raised here. ``report``: is given ``phase`` (``link``), ``done`` and ``total``
    (packages) and ``bytes`` (of archives that are linked) from time to time. ``who``: the child's name in errors.
    Raises EngineRefused or EngineDied; the child is gone when this returns.
    """
    process = children.start(command, environment)
    words = _LastWords(t.cast("t.BinaryIO", process.stderr))
    try:
        answer, nonsense = _talk(process, request, approve, report)
        if nonsense:
            process.kill()  # do not wait for more of it
        status = process.wait()
    except BaseException:
        # A refusal by ``approve``, a time limit, Ctrl-C: the child has nothing more to do.
        process.kill()
        process.wait()
        raise
    finally:
        for stream in (process.stdin, process.stdout):
            if stream:
                with contextlib.suppress(OSError):
                    stream.close()
        words.close()
    if answer is None or status != 0:
        said = words.text()
        how = "wrote what is no answer" if nonsense else how_it_ended(status)
        raise EngineDied(f"{who} {how}; nothing was switched." + (f" It said: {said}" if said else ""))
    if answer["event"] == "error":
        raise EngineRefused(f"{who} refused: {answer.get('error')}")
    return answer


def how_it_ended(status: int) -> str:
    """Return in words what the exit status (as ``subprocess`` gives it) of a child without an answer means."""
    if status >= 0:
        return f"ended with status {status} and gave no answer" if status == 0 else f"ended with status {status}"
    try:
        name = signal.Signals(-status).name
    except ValueError:
        name = "unknown"
    text = f"was killed by signal {-status} ({name})"
    if name == "SIGKILL":
        text += ", as the kernel does when memory runs out (see dmesg)"
    return text


def _talk(
    process: subprocess.Popen[bytes],
    request: t.Mapping[str, t.Any],
    approve: t.Callable[[list[dict[str, t.Any]]], None],
    report: t.Callable[[dict[str, t.Any]], None],
) -> tuple[dict[str, t.Any] | None, bool]:
    """Have the dialogue; return the last event, or None if there is none, and whether the child wrote what is no event."""
    if process.stdin is None or process.stdout is None:
        raise AssertionError("the child has no pipes")
    _send(process.stdin, request)
    while True:
        line = process.stdout.readline(LONGEST_LINE)
        event = _event(line)
        if event is None:
            return None, bool(line)
        if event["event"] == "needs":
            approve(event["packages"])
            _send(process.stdin, {"go": True})
        elif event["event"] == "progress":
            report({"phase": "link", **{key: event[key] for key in ("done", "total", "bytes")}})
        else:
            return event, False


def _send(stream: t.IO[bytes], message: t.Mapping[str, t.Any]) -> None:
    """Send one line; a child that is gone already is found out when its answer is missing."""
    with contextlib.suppress(BrokenPipeError):
        stream.write(json.dumps(message).encode() + b"\n")
        stream.flush()


def _event(line: bytes) -> dict[str, t.Any] | None:
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) and isinstance(event.get("event"), str) else None


class _LastWords:
    """Reads a stream to its end, so that its writer never waits, and keeps the end of it."""

    def __init__(self, stream: t.BinaryIO) -> None:
        self._stream = stream
        self._kept = b""
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        for chunk in iter(lambda: self._stream.read1(65536), b""):  # type: ignore[attr-defined]
            self._kept = (self._kept + chunk)[-_LAST_WORDS:]

    def close(self) -> None:
        # Whatever the child left running may still hold the other end: do not wait for that.
        self._thread.join(2)
        if not self._thread.is_alive():
            self._stream.close()

    def text(self) -> str:
        return self._kept.decode("utf-8", "replace").strip()
