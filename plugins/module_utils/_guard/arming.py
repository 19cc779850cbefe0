# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Arming a guard: everything that it needs is on disk and its timer runs before anything is changed.

This module util is private to the collection.

``arm`` saves what the change will touch and starts a timer; a reboot counts as the end of the window. A module that runs
within a guard that its user has armed joins it: its own snapshot becomes part of that guard.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import subprocess
import time
import typing as t
import uuid

from .._files import read_or_none, sync_directory, write_atomically
from .._plan import Problem
from . import restore, snapshot
from .guard import ROOT, RUN, USERS_OWN, Guard, find, guards, locked, of_run, remove, systemctl


def arm(purpose: str, cover: snapshot.Cover, window: int, run: str = "") -> Guard:
    """Save what ``cover`` names and have the host put it back in ``window`` seconds, or at its next boot.

    ``purpose``: name of the module. ``run``: the run of Ansible that it belongs to. Raises Problem when the guard cannot
    be armed or another one is; then nothing of it is left on the host, and the caller must not change anything.
    """
    if not os.path.isdir("/run/systemd/system"):
        raise Problem(
            "this host is not run by systemd, so nothing could undo the change if it locks everybody out; "
            "set guard to false to change it without that safety"
        )
    with _room():
        for other in guards():
            if other.state in (restore.ARMED, restore.RESTORING):
                raise Problem(f"the guard {other.identifier} is {other.state} on this host; two cannot overlap")
            remove(other)
        identifier = f"{purpose}-{uuid.uuid4().hex[:8]}"
        guard = Guard(identifier, purpose, window, time.monotonic() + window, restore.ARMED, run)
        try:
            _set_up(guard, cover)
        except (OSError, subprocess.SubprocessError) as error:
            with contextlib.suppress(OSError, subprocess.SubprocessError):
                remove(guard)
            raise Problem(f"the guard could not be armed, so nothing was changed: {error}") from error
    return guard


@contextlib.contextmanager
def _room() -> t.Iterator[None]:
    """Make the directory of all guards and let one process at a time work in it."""
    try:
        os.makedirs(ROOT, mode=0o700, exist_ok=True)
    except OSError as error:
        raise Problem(f"the guard could not be armed, so nothing was changed: {error}") from error
    with locked():
        yield


def join(purpose: str, options: dict[str, t.Any], cover: snapshot.Cover, run: str) -> Guard | None:
    """Add ``cover`` to the guard that the user has armed in this ``run``; None where there is none.

    ``options``: those of the module that joins, kept for what it does once the guard is confirmed. What the guard covers
    already stays as it was first saved. Raises Problem where the guard ends just now; then nothing may be changed.
    """
    if of_run(run) is None:
        return None
    with _room():
        guard = of_run(run)
        if guard is None:
            raise Problem("the guard of this run has just ended, so nothing was changed; see what it has restored")
        about = json.loads(read_or_none(os.path.join(guard.directory, "guard.json")) or b"{}")
        saved = restore.snapshot_of(about["snapshot"])
        try:
            more = snapshot.take(not_covered(cover, saved), guard.directory, first=len(saved.paths) + len(saved.tables))
            saved = restore.Snapshot(
                saved.paths + more.paths, saved.tables + more.tables, saved.units + more.units
            )
            joined = (*guard.joined, {"module": purpose, "options": options})
            _write_program(guard, saved)
            _write_record(dataclasses.replace(guard, joined=joined), saved)
            _add_applier(guard)
        except OSError as error:
            raise Problem(f"the guard {guard.identifier} could not be extended, so nothing was changed: {error}") from error
        if of_run(run) is None:
            raise Problem(f"the guard {guard.identifier} ended before the change began, so nothing was changed by it")
    return guard


def take_part(identifier: str) -> None:
    """Have a restore stop this process too, which goes on with a change under a guard that is armed already.

    Raises Problem where the guard has ended; then nothing more may be changed.
    """
    with _room():
        guard = find(identifier)
        _add_applier(guard)
        if find(identifier).state != restore.ARMED:
            raise Problem(f"the guard {identifier} has ended, so nothing more was changed; see what it has restored")


def not_covered(cover: snapshot.Cover, saved: restore.Snapshot) -> snapshot.Cover:
    """Return what of ``cover`` is not saved yet; a path below a saved directory is."""
    known = {path.path for path in saved.paths}
    folders = tuple(path.path.rstrip("/") + "/" for path in saved.paths if path.kind in ("directory", "absent"))
    return snapshot.Cover(
        tuple(path for path in cover.paths if path not in known and not path.startswith(folders)),
        tuple(name for name in cover.tables if name not in {table.name for table in saved.tables}),
        tuple(name for name in cover.units if name not in {unit.name for unit in saved.units}),
    )


def _set_up(guard: Guard, cover: snapshot.Cover) -> None:
    link = restore.wants_link(guard.unit_path)
    os.mkdir(guard.directory, 0o700)
    sync_directory(ROOT)
    saved = snapshot.take(cover, guard.directory)
    _write_program(guard, saved)
    _write_record(guard, saved)
    again = []
    if guard.purpose == USERS_OWN:
        write_atomically(os.path.join(guard.directory, restore.WATCHING), b"", mode=0o600)
        again = [f"--on-unit-inactive={restore.WATCH_SECONDS}s"]
    else:
        _add_applier(guard)
    write_atomically(guard.unit_path, restore.guard_unit(guard.identifier, guard.directory).encode())
    os.makedirs(os.path.dirname(link), exist_ok=True)
    os.symlink(guard.unit_path, link)
    sync_directory(os.path.dirname(link))
    os.makedirs(RUN, mode=0o755, exist_ok=True)
    write_atomically(guard.boot_marker, b"")
    systemctl("systemd-run", "--quiet", f"--on-active={guard.window}s", *again, "--timer-property=AccuracySec=100ms",
              "--timer-property=RemainAfterElapse=no", f"--unit={guard.unit}.service")
    # From here on the restore program acts; everything it needs is on disk.
    write_atomically(os.path.join(guard.directory, restore.ARMED), b"", mode=0o600)


def _write_program(guard: Guard, saved: restore.Snapshot) -> None:
    """Write the restore program; one that runs already goes on with the text that it has opened."""
    text = restore.restore_program(guard.identifier, guard.directory, guard.boot_marker, saved, guard.unit_path)
    write_atomically(os.path.join(guard.directory, "restore.sh"), text.encode(), mode=0o600)


def _write_record(guard: Guard, saved: restore.Snapshot) -> None:
    about = {
        "purpose": guard.purpose,
        "window": guard.window,
        "deadline": guard.deadline,
        "run": guard.run,
        "joined": guard.joined,
        "snapshot": dataclasses.asdict(saved),
    }
    write_atomically(os.path.join(guard.directory, "guard.json"), json.dumps(about, indent=1).encode(), mode=0o600)


def _add_applier(guard: Guard) -> None:
    """Name this process as one at work on the change: the restore program stops it before it puts anything back."""
    with open("/proc/self/stat", encoding="utf-8", errors="replace") as file:
        # Field 22 is the time when the process started: proc_pid_stat(5).
        began = file.read().rpartition(")")[2].split()[19]
    lines = (read_or_none(guard.appliers) or b"") + f"{os.getpid()} {began}\n".encode()
    write_atomically(guard.appliers, lines, mode=0o600)
