# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Work that goes on when the connection is lost: a job of two processes, and a folder that only its account reads.

The *worker* does the work and writes the very result that the module would have printed. Its parent, the *warden*, ends it
after the time limit, with all that it started, and says what became of it if it cannot say so itself. The folder
``/run/lockstep-jobs/ID`` holds ``pid`` (warden and worker), ``progress`` and at last ``result``; the controller chooses ID, so
that it finds the job again whatever became of the call that started it.

Ansible's own ``async_wrapper`` is not used: it would write the module with its arguments to the disk, cannot report
progress, leaves results for others to read and children for others to kill.

This module util is private to the collection.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import json
import linecache
import os
import re
import select
import shutil
import signal
import stat
import sys
import time
import types
import typing as t
import zipfile

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.processes import descendants
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.progress import Progress
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem

#: Seconds that the call which starts a job waits for its end: what is quick needs no second look.
FIRST_LOOK = 3.0

#: Seconds that a job which has reached its limit may take to clean up, before it is killed.
GRACE = 20.0

#: Seconds after which the folder of a job that ended is removed by the next: its controller will not come back.
FORGOTTEN = 1800.0

#: Phases that the time limit is not for: waiting has its own, and switching is never interrupted.
_WITHOUT_LIMIT = ("wait", "switch")

_PR_SET_NAME = 15
_PR_SET_CHILD_SUBREAPER = 36


class Stopped(BaseException):
    """The job was told to end. No Problem and no Exception, so that nobody who handles failures takes it for one."""


def parent_directory() -> str:
    """Return where jobs of this account have their folders; private, and made if it is missing."""
    path = "/run/lockstep-jobs" if os.geteuid() == 0 and os.path.isdir("/run") else f"/tmp/lockstep-jobs-{os.geteuid()}"
    with contextlib.suppress(FileExistsError):
        os.mkdir(path, 0o700)
    status = os.lstat(path)
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & 0o022:
        raise Problem(f"{path} must be a directory that belongs to uid {os.geteuid()} and that nobody else writes to: remove it.")
    return path


def run(job: str, limit: int, root: str, work: t.Callable[[Progress], None]) -> dict[str, t.Any] | None:
    """Start the job ``job`` of the store ``root``, and return what the module has to print: see ``collect``.

    ``work``: prints one module result and leaves by SystemExit or returns. It may raise ``Stopped``, which has to
    come out of it as a result too. ``limit``: seconds that it may take, without the phases ``_WITHOUT_LIMIT``.
    If there is such a job already, that one counts, and none is started.
    """
    parent = parent_directory()
    _forget_old(parent)
    directory = f"{parent}/{job}"
    try:
        os.mkdir(directory, 0o700)
    except FileExistsError:
        return collect(job)
    reader, writer = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    if os.fork() == 0:
        try:
            os.close(reader)
            _guard(directory, limit, root, work, writer)
        finally:
            os._exit(1)
    os.close(writer)
    deadline = None
    while True:
        timeout = None if deadline is None else max(0.0, deadline - time.monotonic())
        if not select.select([reader], [], [], timeout)[0] or not os.read(reader, 1):
            break
        deadline = time.monotonic() + FIRST_LOOK  # it has loaded all its code, which this call takes with it
    os.close(reader)
    return collect(job)


def collect(job: str) -> dict[str, t.Any] | None:
    """Return ``{"_job": folder}`` while the job runs, its result once it ended (then it is forgotten), None if there is none."""
    if not re.fullmatch("[0-9a-f]{8,32}", job):
        raise Problem("_job is set by the action plugin, not by users.")
    directory = f"{parent_directory()}/{job}"
    if not os.path.isdir(directory):
        return None
    alive = _is_alive(directory)  # asked first: it may end just now
    try:
        with open(f"{directory}/result", encoding="utf-8", errors="surrogateescape") as file:
            answer: dict[str, t.Any] = json.loads(file.read())
    except FileNotFoundError:
        if alive:
            return {"_job": directory}
        answer = _failure("The process that worked on the environments of this host was killed")
    except ValueError:
        answer = _failure("The process that worked on the environments of this host left a damaged result")
    shutil.rmtree(directory, ignore_errors=True)
    return answer


def state_of_other(root: str) -> dict[str, t.Any] | None:
    """Return the progress of the job that works on the store ``root`` just now, if there is one."""
    parent = parent_directory()
    for name in os.listdir(parent):
        try:
            with open(f"{parent}/{name}/progress", encoding="utf-8") as file:
                state: dict[str, t.Any] = json.loads(file.read())
        except (OSError, ValueError):
            continue
        if state.get("root") == root and state["phase"] != "wait" and _is_alive(f"{parent}/{name}"):
            return state
    return None


def _guard(directory: str, limit: int, root: str, work: t.Callable[[Progress], None], launcher: int) -> None:
    """Be the warden."""
    os.setsid()
    os.chdir("/")
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    library = ctypes.CDLL(None)
    library.prctl(_PR_SET_NAME, b"lockstep-warden", 0, 0, 0)
    # Whatever the worker starts and leaves behind becomes the warden's child, so that it can be found.
    library.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    reader, writer = os.pipe()
    worker = os.fork()
    if worker == 0:
        try:
            os.close(reader)
            library.prctl(_PR_SET_NAME, b"lockstep-build", 0, 0, 0)
            _work(directory, limit, root, work, writer, launcher)
        finally:
            os._exit(1)
    os.close(writer)
    limited = _watch(worker, reader, limit)
    _pid, status = os.waitpid(worker, 0)
    _kill_all(os.getpid())
    if not os.path.exists(f"{directory}/result"):
        if limited:
            answer = _failure(_too_late(limit))
        elif os.WIFSIGNALED(status):
            answer = _failure(f"The process that worked on the environments was killed (signal {os.WTERMSIG(status)})")
        else:
            answer = _failure("The process that worked on the environments broke off")
        with contextlib.suppress(OSError):
            _write(f"{directory}/result", json.dumps(answer))
    os._exit(0)  # closes ``launcher``, which tells who waits there


def _work(
    directory: str, limit: int, root: str, work: t.Callable[[Progress], None], warden: int, launcher: int
) -> None:
    """Be the worker: whatever ``work`` prints is the result."""

    def publish(state: dict[str, t.Any]) -> None:
        with contextlib.suppress(OSError):
            os.write(warden, b"-" if state["phase"] in _WITHOUT_LIMIT else b"+")
        with contextlib.suppress(OSError):  # a full disk is no reason to stop, nobody sees how far it is
            _write(f"{directory}/progress", json.dumps(dict(state, root=root)))

    progress = Progress(publish)

    def stop(number: int, _frame: types.FrameType | None) -> None:
        signal.signal(number, signal.SIG_IGN)
        if number == signal.SIGALRM:
            raise Stopped(_too_late(limit) + (f" (phase: {progress.phase})" if progress.phase else ""))
        raise Stopped("It was told to stop (signal TERM); maybe the host is shutting down")

    signal.signal(signal.SIGALRM, stop)
    signal.signal(signal.SIGTERM, stop)
    _load_everything()
    _write(f"{directory}/pid", f"{os.getppid()} {os.getpid()}\n")
    os.write(launcher, b"L")
    os.close(launcher)
    descriptor = os.open(f"{directory}/result.part", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    os.dup2(descriptor, 1)
    with contextlib.suppress(SystemExit):
        work(progress)
    sys.stdout.flush()
    os.rename(f"{directory}/result.part", f"{directory}/result")


def _watch(worker: int, reader: int, limit: int) -> bool:
    """Wait until the worker is gone; return whether it had to be stopped since the limit was reached."""
    deadline: float | None = None
    stopped = False
    while True:
        timeout = None if deadline is None else max(0.0, deadline - time.monotonic())
        if select.select([reader], [], [], timeout)[0]:
            news = os.read(reader, 4096)
            if not news:
                return stopped
            if not stopped:
                if news.endswith(b"-"):
                    deadline = None
                elif deadline is None:
                    deadline = time.monotonic() + limit
        elif not stopped:
            stopped = True
            deadline = time.monotonic() + GRACE
            os.kill(worker, signal.SIGALRM)
        else:
            deadline = None
            os.kill(worker, signal.SIGKILL)


def _kill_all(warden: int) -> None:
    """End what the worker left running: a time limit that leaves a compiler behind is none."""
    deadline = time.monotonic() + GRACE
    while time.monotonic() < deadline:
        left = descendants(warden)
        for process in left:
            with contextlib.suppress(OSError):
                os.kill(process, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        if not left:
            return
        time.sleep(0.05)


def _too_late(limit: int) -> str:
    return f"It did not end within {limit} s (time_limit) and was stopped"


def _failure(what: str) -> dict[str, t.Any]:
    return {"failed": True, "changed": False, "msg": advice(what)}


def advice(what: str) -> str:
    """Return ``what`` happened as the sentences of an error."""
    return (
        f"{what}. Environments stay as they were until all is built, and what was fetched and verified is kept: "
        "run again, it goes on from there."
    )


def _is_alive(directory: str) -> bool:
    """Tell whether warden or worker run. A folder without ``pid`` is one whose job is just being started."""
    try:
        with open(f"{directory}/pid", encoding="ascii") as file:
            return any(map(_is_ours, file.read().split()))
    except FileNotFoundError:
        with contextlib.suppress(OSError):
            return time.time() - os.stat(directory).st_mtime < GRACE
        return False


def _is_ours(process: str) -> bool:
    """Tell whether this is a living process of a job, and no later one that was given the same id."""
    try:
        with open(f"/proc/{process}/stat", encoding="utf-8", errors="replace") as file:
            return bool(re.match(r"\d+ \(lockstep-[a-z]*\) [^ZX]", file.read()))
    except OSError:
        return False


def _forget_old(parent: str) -> None:
    for name in os.listdir(parent):
        with contextlib.suppress(OSError):
            old = time.time() - os.stat(f"{parent}/{name}").st_mtime > FORGOTTEN
            if old and (os.path.exists(f"{parent}/{name}/result") or not _is_alive(f"{parent}/{name}")):
                shutil.rmtree(f"{parent}/{name}", ignore_errors=True)


def _write(path: str, text: str) -> None:
    descriptor = os.open(path + ".part", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    os.rename(path + ".part", path)


def _load_everything() -> None:
    """Import all code that Ansible has sent, and keep the sources that are handed on: its archive goes with the call."""
    archive = getattr(__spec__.loader if __spec__ else None, "archive", None)
    if archive is None:
        return
    with zipfile.ZipFile(archive) as code:
        names = [name for name in code.namelist() if name.endswith(".py") and "/modules/" not in name]
    for name in names:
        dotted = name[: -len("/__init__.py" if name.endswith("/__init__.py") else ".py")].replace("/", ".")
        try:
            module = importlib.import_module(dotted)
        except Exception:  # pylint: disable=broad-except
            continue  # Ansible's own that are not for this host; what is needed fails where it is needed
        if name.endswith("_program.py"):
            linecache.getlines(module.__file__ or "", module.__dict__)
