# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Runs the installer of a base, so that what is left behind is a whole base with its stamp, or nothing.

This module util is private to the collection.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pathlib
import shutil
import signal
import stat
import subprocess
import time
import typing as t

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda import bases
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.download import fetch
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.network import Network
from ansible_collections.lockstep.gpufleet.plugins.module_utils._files import (
    replace_link,
    sync_directory,
    sync_filesystem,
    write_atomically,
)
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Plan, Problem

SEARCH_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

_LINES = 12
"""How much of an installer's last words an error shows."""


def apply(
    plan: Plan, asked: bases.Wanted, uploaded: str | None, network: Network, patience: float = 1800
) -> None:
    """Execute ``plan``. ``uploaded``: path of a local installer on this host. ``network``: how to fetch one otherwise.
    ``patience``: seconds that the installer may run, and that another run is waited for.

    Raises ``Problem``; then an unfinished base is gone again and the link is as before.
    """
    try:
        if any(isinstance(step, (bases.Install, bases.RemoveBase)) for step in plan.steps):
            os.makedirs(asked.store, mode=0o755, exist_ok=True)
            with _lock(asked, patience) as lock:
                try:
                    _execute(plan, asked, uploaded, network, patience, lock)
                finally:
                    _remove_empty_store(asked)
        else:
            _execute(plan, asked, uploaded, network, patience, -1)
    except OSError as error:
        raise Problem(
            "Cannot %s %s: %s (%s)."
            % ("remove" if asked.state == "absent" else "install", asked.directory, error.strerror, error.filename)
        ) from error


def _execute(
    plan: Plan, asked: bases.Wanted, uploaded: str | None, network: Network, patience: float, lock: int
) -> None:
    """Execute the steps in their order; ``lock``: the descriptor of the lock, -1 where none is needed."""
    for step in plan.steps:
        if isinstance(step, bases.Install):
            if not bases.observe(asked).complete:  # another run may have held the lock before us
                _install(asked, uploaded, network, patience, lock)
        elif isinstance(step, bases.RemoveBase):
            if asked.state == "absent" or not bases.observe(asked).complete:
                _remove(asked)
        elif isinstance(step, bases.Link):
            if step.directory is None:
                os.unlink(step.prefix)
                sync_directory(os.path.dirname(step.prefix))
            else:
                replace_link(step.prefix, step.directory)
        elif isinstance(step, bases.EditFile):
            path = os.path.realpath(step.path)  # a link stays one
            there = os.stat(path)
            content = step.text.encode("utf-8", "surrogateescape")
            write_atomically(path, content, stat.S_IMODE(there.st_mode), (there.st_uid, there.st_gid))
        elif step.text is None:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(step.path)
        else:
            os.makedirs(os.path.dirname(step.path), mode=0o755, exist_ok=True)
            write_atomically(step.path, step.text.encode())


@contextlib.contextmanager
def _lock(asked: bases.Wanted, timeout: float) -> t.Iterator[int]:
    """Be the only run that installs or removes bases of this prefix; waits ``timeout`` seconds for another.

    Yields the locked descriptor. An installer inherits it: should this process be killed, the lock stays with the
    installer, and the next run does not remove what is still being written.
    """
    descriptor = os.open(os.path.join(asked.store, ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        deadline = time.monotonic() + timeout
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise Problem(
                        "Another run, or an installer that it left, has been at work in %s for %d seconds."
                        % (asked.store, timeout)
                    ) from None
                time.sleep(0.5)
        yield descriptor
    finally:
        os.close(descriptor)


def _install(asked: bases.Wanted, uploaded: str | None, network: Network, patience: float, lock: int) -> None:
    """Get the installer, verify it, run it, and stamp what it made."""
    # Everything temporary lies here: not in /tmp, which may be mounted noexec, and under one name, so that the next
    # run finds and removes what a killed one left.
    work = asked.work
    _wipe(work)
    os.mkdir(work, 0o700)
    try:
        # The installers insist on the suffix.
        program = os.path.join(work, "installer.sh")
        source = asked.url
        if asked.installer is not None:
            source = pathlib.Path(uploaded or asked.installer).as_uri()
        fetch(source, program, asked.sha256, network, mode=0o600)
        _write_mark(asked, "")
        try:
            _run(asked, program, work, patience, lock)
            missing = [name for name in bases.NEEDED if not os.path.exists(os.path.join(asked.directory, name))]
            if missing:
                raise Problem(
                    "The installer of %s ended without an error, but left no %s: it is not an installer of conda."
                    % (asked.name, ", ".join(missing))
                )
            _normalise(asked.directory)
        except BaseException:
            _remove(asked)
            raise
    finally:
        _wipe(work)
    sync_filesystem(asked.directory)  # once for all of its files; the stamp must not outlive them
    stamp = {
        "distribution": asked.distribution,
        "release": asked.release,
        "sha256": asked.sha256,
        "records": sorted(bases.records_of(asked.directory)),
    }
    _write_mark(asked, json.dumps(stamp, indent=1, sort_keys=True) + "\n")
    # One rename ends the installation: at no moment are both the mark and the stamp there, or neither.
    os.rename(asked.begun, asked.stamp)
    sync_directory(asked.directory)
    sync_directory(asked.store)


def _write_mark(asked: bases.Wanted, content: str) -> None:
    """Write the mark of an installation at work, in place: half of it is as good a mark, and a kill leaves no litter."""
    with open(asked.begun, "w", encoding="utf-8") as file:
        os.fchmod(file.fileno(), 0o644)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    sync_directory(asked.store)


def _run(asked: bases.Wanted, program: str, work: str, timeout: float, lock: int) -> None:
    """Run the installer with nothing of the caller's environment; raises ``Problem`` with its last words."""
    for name in ("home", "tmp"):
        os.mkdir(os.path.join(work, name), 0o700)
    environment = {
        "PATH": SEARCH_PATH,
        "HOME": os.path.join(work, "home"),
        "TMPDIR": os.path.join(work, "tmp"),
        "LC_ALL": "C.UTF-8",
    }
    log = os.path.join(work, "log")
    with open(log, "wb") as output:
        process = subprocess.Popen(
            ["/bin/sh", program, "-b", "-p", asked.directory],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=work,
            env=environment,
            umask=0o022,
            start_new_session=True,
            pass_fds=(lock,),
        )
        try:
            status = process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise Problem(
                "The installer of %s was still running after %d seconds and was ended; nothing of it was kept."
                % (asked.name, timeout)
            ) from None
        finally:
            # Also whatever it left running, and also when we are ended ourselves.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    if status != 0:
        with open(log, encoding="utf-8", errors="replace") as output_again:
            said = [line.rstrip() for line in output_again if line.strip()][-_LINES:]
        raise Problem(
            "The installer of %s failed with status %d; nothing of it was kept. Its last words:\n%s"
            % (asked.name, status, "\n".join(said))
        )


def _normalise(directory: str) -> None:
    """Make a new base the caller's own, readable for all and writable for nobody else, as if made with umask 022."""
    uid, gid = os.geteuid(), os.getegid()
    for parent, directories, files in os.walk(directory):
        for name in [*directories, *files]:
            path = os.path.join(parent, name)
            there = os.lstat(path)
            if (there.st_uid, there.st_gid) != (uid, gid):
                os.lchown(path, uid, gid)
            if stat.S_ISLNK(there.st_mode):
                continue
            mode = stat.S_IMODE(there.st_mode)
            executable = stat.S_ISDIR(there.st_mode) or mode & 0o100
            right = (mode & ~0o7022) | 0o644 | (0o111 if executable else 0)
            if mode != right:
                os.chmod(path, right)


def _remove(asked: bases.Wanted) -> None:
    """Remove a base and what an installation left; half a removal counts as an interrupted installation."""
    _wipe(asked.work)
    if os.path.isdir(asked.directory):
        try:
            os.rename(asked.stamp, asked.begun)
        except FileNotFoundError:
            _write_mark(asked, "")
        sync_directory(asked.directory)
        sync_directory(asked.store)
    _wipe(asked.directory)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(asked.begun)
        sync_directory(asked.store)


def _wipe(path: str) -> None:
    """Remove a directory, file or link, if there is one."""
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    elif os.path.lexists(path):
        os.unlink(path)


def _remove_empty_store(asked: bases.Wanted) -> None:
    """Remove the directory of bases when the last one is gone."""
    if os.listdir(asked.store) == [".lock"]:
        _wipe(asked.store)
