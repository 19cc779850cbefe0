# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The guard: a change of access that the host undoes by itself unless it is confirmed.

This module util is private to the collection.

This file knows the guards of a host and how they end; ``arming.py`` is how they begin. ``confirm`` and the restore
program claim the same token by one rename: exactly one of them wins, and the other one says so.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import json
import os
import shutil
import subprocess
import time
import typing as t

from .._files import read_or_none, sync_directory, write_atomically
from .._plan import Problem
from . import restore

ROOT = "/var/lib/lockstep/guard"
RUN = "/run/lockstep"
_UNITS = "/etc/systemd/system"
#: Purpose of the guard that the user arms; the modules of the same run join it.
USERS_OWN = "access_guard"
# How long after its deadline a restore may still be under way, in seconds.
_GRACE = 20
# How long another process may take to arm a guard or to clean up after one, in seconds.
_PATIENCE = 60


@dataclasses.dataclass(frozen=True)
class Guard:
    """One guard on this host.

    ``state``: armed, restoring, restored, confirmed, or incomplete (killed while it was being armed).
    ``deadline``: seconds of the monotonic clock of the boot in which it was armed. ``run``: the run of Ansible that armed
    it. ``joined``: the modules that joined it, with their options, as ``{"module": ..., "options": {...}}``.
    """

    identifier: str
    purpose: str
    window: int
    deadline: float
    state: str
    run: str = ""
    joined: tuple[dict[str, t.Any], ...] = ()

    @property
    def directory(self) -> str:
        """The directory with the snapshot, the restore program and the token."""
        return os.path.join(ROOT, self.identifier)

    @property
    def unit(self) -> str:
        """The name of its unit without a suffix."""
        return f"lockstep-guard-{self.identifier}"

    @property
    def remaining(self) -> int:
        """Whole seconds until the deadline, 0 after it."""
        return max(0, int(self.deadline - time.monotonic()))

    @property
    def unit_path(self) -> str:
        """The path of its unit."""
        return f"{_UNITS}/{self.unit}.service"

    @property
    def boot_marker(self) -> str:
        """A file that exists until the host reboots."""
        return f"{RUN}/{self.unit}"

    @property
    def appliers(self) -> str:
        """The file that names the processes at work on the change, one ``pid start-time`` a line."""
        return os.path.join(self.directory, restore.APPLIERS)

    @property
    def report(self) -> list[str]:
        """What the restore program says that it did, line by line."""
        try:
            with open(os.path.join(self.directory, "report"), encoding="utf-8", errors="replace") as file:
                return file.read().splitlines()
        except FileNotFoundError:
            return []


def confirm(identifier: str) -> None:
    """Keep the change: claim the token and remove every trace of the guard.

    Raises Problem when the restore program was first; its report is in the text.
    """
    guard = find(identifier)
    try:
        os.rename(os.path.join(guard.directory, restore.ARMED), os.path.join(guard.directory, restore.CONFIRMED))
    except FileNotFoundError:
        wait_until_settled(guard)
        raise Problem(
            f"the confirmation came too late: the host has restored itself ({'; '.join(guard.report) or 'no report'})",
            guard_report=guard.report,
        ) from None
    sync_directory(guard.directory)
    remove(guard)


def revert(identifier: str) -> list[str]:
    """Have the restore program run now; return its report and remove every trace of the guard."""
    guard = find(identifier)
    _go_on_living(guard)
    if guard.state == restore.ARMED or os.path.exists(os.path.join(guard.directory, restore.WATCHING)):
        _run_restore(guard)
    wait_until_settled(guard)
    report = guard.report
    remove(guard)
    return report


def _go_on_living(guard: Guard) -> None:
    """Take this process off the list of those that the restore program stops first."""
    lines = (read_or_none(guard.appliers) or b"").splitlines(keepends=True)
    others = [line for line in lines if not line.startswith(f"{os.getpid()} ".encode())]
    if others != lines:
        write_atomically(guard.appliers, b"".join(others), mode=0o600)


def _run_restore(guard: Guard) -> None:
    """Run the restore program through its unit, or directly where systemd does not answer."""
    try:
        systemctl("systemctl", "start", f"{guard.unit}.service")
    except (OSError, subprocess.SubprocessError):
        subprocess.run(["/bin/sh", os.path.join(guard.directory, "restore.sh")], timeout=120, check=False,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def find(identifier: str) -> Guard:
    """Return the guard of that name; raises Problem where there is none."""
    for guard in guards():
        if guard.identifier == identifier:
            return guard
    raise Problem(f"this host has no guard {identifier}")


def guards() -> list[Guard]:
    """Return every guard on this host, finished ones included."""
    try:
        names = sorted(os.listdir(ROOT))
    except FileNotFoundError:
        return []
    found = (_read(name) for name in names if os.path.isdir(os.path.join(ROOT, name)))
    return [guard for guard in found if guard is not None]


def _read(identifier: str) -> Guard | None:
    directory = os.path.join(ROOT, identifier)
    try:
        with open(os.path.join(directory, "guard.json"), encoding="utf-8") as file:
            about: dict[str, t.Any] = json.load(file)
    except (OSError, ValueError):
        about = {}
    try:
        present = set(os.listdir(directory))
    except FileNotFoundError:  # it has just been removed by whoever confirmed it
        return None
    states = (restore.RESTORED, restore.CONFIRMED, restore.RESTORING, restore.ARMED)
    state = next((state for state in states if state in present), "incomplete")
    return Guard(
        identifier,
        about.get("purpose", ""),
        int(about.get("window", 0)),
        float(about.get("deadline", 0)),
        state,
        about.get("run", ""),
        tuple(about.get("joined", ())),
    )


def of_run(run: str) -> Guard | None:
    """Return the guard that the user has armed in this run by ``access_guard`` and that is still armed, or None."""
    for guard in guards():
        if run and guard.run == run and guard.purpose == USERS_OWN and guard.state == restore.ARMED:
            return guard if time.monotonic() < guard.deadline and os.path.exists(guard.boot_marker) else None
    return None


def ended_in_run(run: str) -> Guard | None:
    """Return the guard that the user has armed in this run and that was not confirmed in time, or None."""
    own = (guard for guard in guards() if run and guard.run == run and guard.purpose == USERS_OWN)
    return next((guard for guard in own if guard.state != restore.CONFIRMED and of_run(run) is None), None)


def refuse_ended(run: str) -> None:
    """Raise Problem where the guard of this run has ended: what would follow belongs to a change that was undone."""
    over = ended_in_run(run)
    if over is not None:
        wait_until_settled(over)
        raise Problem(
            f"the guard {over.identifier} of this run was not confirmed within its {over.window} seconds, and the host has "
            f"restored itself, so nothing more was changed: {'; '.join(over.report)}",
            guard_report=over.report,
        )


def settle(run: str = "") -> list[str]:
    """Wait until no guard is armed; return sentences about the changes that this host has undone by itself.

    A host within somebody's window looks converged and may not stay so. A guard whose timer is gone is restored here.
    The guard that the user has armed in this ``run`` is left alone. Raises Problem when a restore does not come to an
    end, and when that guard has ended.
    """
    refuse_ended(run)
    told = []
    own = of_run(run)
    for guard in guards():
        if own is not None and guard.identifier == own.identifier:
            continue
        if guard.state in (restore.ARMED, restore.RESTORING):
            wait_until_settled(guard)
            guard = next((again for again in guards() if again.identifier == guard.identifier), guard)
        if guard.state == restore.RESTORED:
            told.append(
                f"an earlier change by {guard.purpose} was not confirmed, and this host undid it: "
                + "; ".join(guard.report)
            )
    return told


def forget_restored() -> None:
    """Remove what finished guards left behind, once the user has been told."""
    if not os.path.isdir(ROOT):
        return
    with locked():
        for guard in guards():
            if guard.state not in (restore.ARMED, restore.RESTORING):
                remove(guard)


def wait_until_settled(guard: Guard) -> None:
    """Wait until ``guard`` is confirmed or has restored; see ``settle``."""
    marker = guard.boot_marker
    rebooted = not os.path.exists(marker)
    end = time.monotonic() + _GRACE if rebooted else max(guard.deadline, time.monotonic()) + _GRACE
    nudged = False
    while True:
        current = _read(guard.identifier)
        if current is None or current.state not in (restore.ARMED, restore.RESTORING):
            return
        now = time.monotonic()
        if not nudged and now > (end - _GRACE / 2):
            nudged = True
            _run_restore(guard)
        if now > end:
            raise Problem(
                f"the guard {guard.identifier} has not restored this host yet ({'; '.join(guard.report) or 'no report'}); "
                f"run /bin/sh {guard.directory}/restore.sh there as root and read what it says"
            )
        time.sleep(0.25)


def remove(guard: Guard) -> None:
    """Remove every trace of ``guard``; after this not even a power failure restores anything."""
    unit_path = guard.unit_path
    ran = os.path.exists(os.path.join(guard.directory, "report"))
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        systemctl("systemctl", "stop", f"{guard.unit}.timer")
        if os.path.exists(os.path.join(guard.directory, restore.WATCHING)) and guard.state == restore.RESTORED:
            # One that is just looking again comes to its end: this waits for it, and does nothing otherwise.
            systemctl("systemctl", "start", f"{guard.unit}.service")
    for path in (restore.wants_link(unit_path), unit_path, guard.boot_marker):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        systemctl("systemctl", "reset-failed", f"{guard.unit}.service")
    shutil.rmtree(guard.directory, ignore_errors=True)
    with contextlib.suppress(OSError):
        sync_directory(ROOT)
    for folder in (RUN, os.path.dirname(restore.wants_link(unit_path))):
        with contextlib.suppress(OSError):
            os.rmdir(folder)
    if ran:
        # systemd forgets a unit whose file is gone by itself, but not one that has run.
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            systemctl("systemctl", "daemon-reload")


def systemctl(*command: str) -> None:
    """Run one of systemd's programs; raises OSError with what it says."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode:
        raise OSError(f"{' '.join(command[:2])} failed: {done.stderr.strip() or done.returncode}")


@contextlib.contextmanager
def locked() -> t.Iterator[None]:
    """Let one process at a time arm a guard or clean up after one; raises Problem where another one does not end."""
    descriptor = os.open(ROOT, os.O_RDONLY | os.O_DIRECTORY)
    end = time.monotonic() + _PATIENCE
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > end:
                    raise Problem(
                        f"another process on this host has held the lock of {ROOT} for {_PATIENCE} seconds, so nothing was "
                        f"changed; see which one (fuser {ROOT}) and end it"
                    ) from None
                time.sleep(0.1)
        yield
    finally:
        os.close(descriptor)
