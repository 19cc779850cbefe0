# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The guard: a change of access that the host undoes by itself unless it is confirmed.

This module util is private to the collection.

``arm`` saves what the change will touch and starts a timer; a reboot counts as the end of the window. ``confirm`` and
the restore program claim the same token by one rename: exactly one of them wins, and the other one says so.
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
import uuid

from .._files import sync_directory, write_atomically
from .._plan import Problem
from . import restore, snapshot

ROOT = "/var/lib/lockstep/guard"
_RUN = "/run/lockstep"
_UNITS = "/etc/systemd/system"
# How long after its deadline a restore may still be under way, in seconds.
_GRACE = 20


@dataclasses.dataclass(frozen=True)
class Guard:
    """One guard on this host.

    ``state``: armed, restoring, restored, confirmed, or incomplete (killed while it was being armed).
    ``deadline``: seconds of the monotonic clock of the boot in which it was armed.
    """

    identifier: str
    purpose: str
    window: int
    deadline: float
    state: str

    @property
    def directory(self) -> str:
        """The directory with the snapshot, the restore program and the token."""
        return os.path.join(ROOT, self.identifier)

    @property
    def unit(self) -> str:
        """The name of its unit without a suffix."""
        return f"lockstep-guard-{self.identifier}"

    @property
    def report(self) -> list[str]:
        """What the restore program says that it did, line by line."""
        try:
            with open(os.path.join(self.directory, "report"), encoding="utf-8", errors="replace") as file:
                return file.read().splitlines()
        except FileNotFoundError:
            return []


def arm(purpose: str, cover: snapshot.Cover, window: int) -> Guard:
    """Save what ``cover`` names and have the host put it back in ``window`` seconds, or at its next boot.

    ``purpose``: name of the module. Raises Problem when the guard cannot be armed or another one is; then nothing
    of it is left on the host, and the caller must not change anything.
    """
    if not os.path.isdir("/run/systemd/system"):
        raise Problem(
            "this host is not run by systemd, so nothing could undo the change if it locks everybody out; "
            "set guard to false to change it without that safety"
        )
    os.makedirs(ROOT, mode=0o700, exist_ok=True)
    with _locked():
        for other in guards():
            if other.state in (restore.ARMED, restore.RESTORING):
                raise Problem(f"the guard {other.identifier} is {other.state} on this host; two cannot overlap")
            _remove(other)
        guard = Guard(f"{purpose}-{uuid.uuid4().hex[:8]}", purpose, window, time.monotonic() + window, restore.ARMED)
        try:
            _set_up(guard, cover)
        except (OSError, subprocess.SubprocessError) as error:
            with contextlib.suppress(OSError, subprocess.SubprocessError):
                _remove(guard)
            raise Problem(f"the guard could not be armed, so nothing was changed: {error}") from error
    return guard


def _set_up(guard: Guard, cover: snapshot.Cover) -> None:
    unit_path = _unit_path(guard)
    link = restore.wants_link(unit_path)
    os.mkdir(guard.directory, 0o700)
    sync_directory(ROOT)
    saved = snapshot.take(cover, guard.directory)
    program = restore.restore_program(guard.identifier, guard.directory, _boot_marker(guard), saved, unit_path)
    write_atomically(os.path.join(guard.directory, "restore.sh"), program.encode(), mode=0o600)
    about = {"purpose": guard.purpose, "window": guard.window, "deadline": guard.deadline, "cover": vars(cover)}
    write_atomically(os.path.join(guard.directory, "guard.json"), json.dumps(about, indent=1).encode(), mode=0o600)
    write_atomically(unit_path, restore.guard_unit(guard.identifier, guard.directory).encode())
    os.makedirs(os.path.dirname(link), exist_ok=True)
    os.symlink(unit_path, link)
    sync_directory(os.path.dirname(link))
    os.makedirs(_RUN, mode=0o755, exist_ok=True)
    write_atomically(_boot_marker(guard), b"")
    _systemctl("systemd-run", "--quiet", f"--on-active={guard.window}s", "--timer-property=AccuracySec=100ms",
               "--timer-property=RemainAfterElapse=no", f"--unit={guard.unit}.service")
    # From here on the restore program acts; everything it needs is on disk.
    write_atomically(os.path.join(guard.directory, restore.ARMED), b"", mode=0o600)


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
    _remove(guard)


def revert(identifier: str) -> list[str]:
    """Have the restore program run now; return its report and remove every trace of the guard."""
    guard = find(identifier)
    if guard.state == restore.ARMED:
        _run_restore(guard)
    wait_until_settled(guard)
    report = guard.report
    _remove(guard)
    return report


def _run_restore(guard: Guard) -> None:
    """Run the restore program through its unit, or directly where systemd does not answer."""
    try:
        _systemctl("systemctl", "start", f"{guard.unit}.service")
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


def _read(identifier: str) -> Guard:
    directory = os.path.join(ROOT, identifier)
    try:
        with open(os.path.join(directory, "guard.json"), encoding="utf-8") as file:
            about: dict[str, t.Any] = json.load(file)
    except (OSError, ValueError):
        about = {}
    present = set(os.listdir(directory))
    states = (restore.RESTORED, restore.CONFIRMED, restore.RESTORING, restore.ARMED)
    state = next((state for state in states if state in present), "incomplete")
    return Guard(
        identifier, about.get("purpose", ""), int(about.get("window", 0)), float(about.get("deadline", 0)), state
    )


def settle() -> list[str]:
    """Wait until no guard is armed; return sentences about the changes that this host has undone by itself.

    A host within somebody's window looks converged and may not stay so. A guard whose timer is gone is restored here.
    Raises Problem when a restore does not come to an end.
    """
    told = []
    for guard in guards():
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
    with _locked():
        for guard in guards():
            if guard.state not in (restore.ARMED, restore.RESTORING):
                _remove(guard)


def wait_until_settled(guard: Guard) -> None:
    """Wait until ``guard`` is confirmed or has restored; see ``settle``."""
    marker = _boot_marker(guard)
    rebooted = not os.path.exists(marker)
    end = time.monotonic() + _GRACE if rebooted else max(guard.deadline, time.monotonic()) + _GRACE
    nudged = False
    while os.path.isdir(guard.directory) and _read(guard.identifier).state in (restore.ARMED, restore.RESTORING):
        now = time.monotonic()
        if not nudged and now > (end - _GRACE / 2):
            nudged = True
            _run_restore(guard)
        if now > end:
            raise Problem(
                f"the guard {guard.identifier} has not restored this host; run /bin/sh {guard.directory}/restore.sh "
                "there as root and read what it says"
            )
        time.sleep(0.25)


def _remove(guard: Guard) -> None:
    """Remove every trace of ``guard``; after this not even a power failure restores anything."""
    unit_path = _unit_path(guard)
    ran = os.path.exists(os.path.join(guard.directory, "report"))
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        _systemctl("systemctl", "stop", f"{guard.unit}.timer")
    for path in (restore.wants_link(unit_path), unit_path, _boot_marker(guard)):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        _systemctl("systemctl", "reset-failed", f"{guard.unit}.service")
    shutil.rmtree(guard.directory, ignore_errors=True)
    with contextlib.suppress(OSError):
        sync_directory(ROOT)
    for folder in (_RUN, os.path.dirname(restore.wants_link(unit_path))):
        with contextlib.suppress(OSError):
            os.rmdir(folder)
    if ran:
        # systemd forgets a unit whose file is gone by itself, but not one that has run.
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            _systemctl("systemctl", "daemon-reload")


def _unit_path(guard: Guard) -> str:
    return f"{_UNITS}/{guard.unit}.service"


def _boot_marker(guard: Guard) -> str:
    return f"{_RUN}/{guard.unit}"


def _systemctl(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode:
        raise OSError(f"{' '.join(command[:2])} failed: {done.stderr.strip() or done.returncode}")


@contextlib.contextmanager
def _locked() -> t.Iterator[None]:
    """Let one process at a time arm a guard or clean up after one."""
    descriptor = os.open(ROOT, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
