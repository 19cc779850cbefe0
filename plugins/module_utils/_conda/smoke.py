# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The smoke test: a new generation proves itself, as an unprivileged user, before it is sealed and switched to.

This module util is private to the collection.
"""

from __future__ import annotations

import ctypes
import dataclasses
import os
import pwd
import re
import select
import shlex
import shutil
import signal
import subprocess
import tempfile
import time
import typing as t

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda import processes
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem

#: Bytes of output that are kept, and lines of them that an error shows.
_OUTPUT_KEPT = 64 * 1024
_LINES_SHOWN = 15
_LINE_SHOWN = 300

#: Seconds between two looks at a process that says nothing.
_TICK = 0.1

_MODULE = re.compile(r"^[^\W\d]\w*(\.[^\W\d]\w*)*$")
_IMPORT = "import importlib, sys\nfor name in sys.argv[1:]: importlib.import_module(name)\n"

_LATE = "it took too long"

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_NO_NEW_PRIVS = 38


@dataclasses.dataclass(frozen=True)
class SmokeTest:
    """``imports``: modules; ``command``: a program and its arguments; ``user``: an account; ``timeout``: seconds for all."""

    imports: tuple[str, ...]
    command: tuple[str, ...]
    user: str
    timeout: int

    def __str__(self) -> str:
        parts = []
        if self.imports:
            parts.append("importing " + ", ".join(self.imports))
        if self.command:
            parts.append("running " + " ".join(map(shlex.quote, self.command)))
        return f"by {' and '.join(parts)} as {self.user}"


def parse(name: str, data: t.Mapping[str, t.Any] | None) -> SmokeTest | None:
    """Return the option ``smoke_test`` of environment ``name`` as it is meant; raises Problem."""
    if data is None:
        return None
    try:
        command = tuple(shlex.split(data["command"] or ""))
    except ValueError as error:
        raise Problem(f"{name}: smoke_test.command {data['command']!r} cannot be split into words: {error}.") from None
    wrong = [one for one in data["imports"] if not _MODULE.fullmatch(one)]
    if wrong:
        raise Problem(f"{name}: smoke_test.imports: {wrong[0]!r} is no name of a Python module.")
    if not command and not data["imports"]:
        raise Problem(f"{name}: smoke_test tests nothing: give it imports, a command, or both.")
    if data["timeout"] < 1:
        raise Problem(f"{name}: smoke_test.timeout is {data['timeout']}, but has to be a second at least.")
    if _is_root(data["user"]):
        raise Problem(f"{name}: smoke_test.user is {data['user']}, but what a package does is not tried as root.")
    return SmokeTest(tuple(data["imports"]), command, data["user"], data["timeout"])


def check_user(name: str, smoke: SmokeTest) -> pwd.struct_passwd:
    """Return the account that runs the test; raises Problem if there is none, or if we cannot become it."""
    try:
        account = pwd.getpwnam(smoke.user)
    except KeyError:
        raise Problem(f"{name}: smoke_test.user: this host has no account {smoke.user!r}.") from None
    if account.pw_uid == 0:
        raise Problem(f"{name}: smoke_test.user is {smoke.user}, but what a package does is not tried as root.")
    if os.geteuid() not in (0, account.pw_uid):
        raise Problem(f"{name}: smoke_test.user: only root can run a test as {smoke.user}: use become.")
    return account


def run(name: str, generation: str, prefix: str, smoke: SmokeTest, temporary: str) -> None:
    """Try the environment at ``prefix``; raises Problem with its last words if it fails or takes too long.

    ``temporary``: where its private home is made. It is removed afterwards, and no process of the test outlives it.
    """
    account = check_user(name, smoke)
    commands = []
    if smoke.imports:
        python = f"{prefix}/bin/python"
        if not os.access(python, os.X_OK):
            raise Problem(f"{name}: generation {generation} has no Python that could import {smoke.imports[0]}.")
        commands.append([python, "-I", "-B", "-c", _IMPORT, *smoke.imports])
    if smoke.command:
        commands.append(list(smoke.command))
    home = tempfile.mkdtemp(prefix="smoke-", dir=temporary)
    deadline = time.monotonic() + smoke.timeout
    try:
        if os.geteuid() == 0:
            os.chown(home, account.pw_uid, account.pw_gid)
        for command in commands:
            why, output = _run(command, account, _environment(name, prefix, home, account), deadline)
            if why:
                if why == _LATE:
                    why = f"it took longer than {smoke.timeout} s"
                said = _last_lines(output)
                raise Problem(
                    f"{name}: generation {generation} failed its smoke test {smoke}: {why}. Nothing was switched."
                    + (f" It said:\n{said}" if said else "")
                )
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _run(
    command: list[str], account: pwd.struct_passwd, environment: dict[str, str], deadline: float
) -> tuple[str | None, bytes]:
    """Run one command in the home of ``environment``; return why it failed, or None, and the end of its output."""
    identity: dict[str, t.Any] = {}
    if os.geteuid() == 0:
        identity = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    library = ctypes.CDLL(None)
    others = set(processes.descendants(os.getpid()))
    # Whatever loses its parent becomes our child, so that it is found however it detached itself.
    library.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    reading, writing = os.pipe()
    try:
        try:
            process = subprocess.Popen(  # pylint: disable=consider-using-with,subprocess-popen-preexec-fn
                command,
                stdin=subprocess.DEVNULL,
                stdout=writing,
                stderr=writing,
                cwd=environment["HOME"],
                env=environment,
                start_new_session=True,
                preexec_fn=lambda: _restrict(library),
                **identity,
            )
        except OSError as error:
            return f"{error.filename or command[0]} cannot be run: {error.strerror}", b""
        finally:
            os.close(writing)
        try:
            late, output = _listen(process, reading, deadline)
        finally:
            _end(process, others)
        return _LATE if late else _verdict(process.returncode), output
    finally:
        os.close(reading)
        library.prctl(_PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)


def _restrict(library: ctypes.CDLL) -> None:
    """Before the program starts: not even sudo gives it more rights, and it dies with the run."""
    library.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    library.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _environment(name: str, prefix: str, home: str, account: pwd.struct_passwd) -> dict[str, str]:
    return {
        "PATH": f"{prefix}/bin:/usr/local/bin:/usr/bin:/bin",
        "HOME": home,
        "TMPDIR": home,
        "USER": account.pw_name,
        "LOGNAME": account.pw_name,
        "LC_ALL": "C.UTF-8",
        "PYTHONNOUSERSITE": "1",
        "CONDA_PREFIX": prefix,
        "CONDA_DEFAULT_ENV": name,
    }


def _listen(process: subprocess.Popen[bytes], reading: int, deadline: float) -> tuple[bool, bytes]:
    """Read until the process ends or the deadline passes; return whether it was late, and the end of its output.

    Its children may hold the pipe open for longer: they are not waited for.
    """
    output = b""
    silent = False
    while True:
        ended = process.poll() is not None
        ready = [] if silent else select.select([reading], [], [], 0 if ended else _TICK)[0]
        chunk = os.read(reading, 65536) if ready else b""
        output = (output + chunk)[-_OUTPUT_KEPT:]
        silent = silent or (bool(ready) and not chunk)
        if ended and not chunk:
            return False, output
        if time.monotonic() >= deadline:
            return not ended, output
        if silent and not ended:
            time.sleep(_TICK)


def _end(process: subprocess.Popen[bytes], others: t.Collection[int]) -> None:
    """Kill the process and all that it started, and wait for them."""
    give_up = time.monotonic() + 10
    while time.monotonic() < give_up:
        left = set(processes.descendants(os.getpid())) - set(others)
        if process.poll() is None:
            left.add(process.pid)
        if not left:
            return
        # All stop before the first dies, so that none of them can start another in time.
        for sign in (signal.SIGSTOP, signal.SIGKILL):
            for number in left:
                _send(number, sign)
        for number in left - {process.pid}:
            try:
                os.waitpid(number, os.WNOHANG)
            except ChildProcessError:
                continue
        time.sleep(0.01)


def _send(number: int, sign: int) -> None:
    try:
        os.kill(number, sign)
    except ProcessLookupError:
        pass


def _verdict(status: int) -> str | None:
    if status == 0:
        return None
    if status > 0:
        return f"it ended with status {status}"
    try:
        return f"it was killed by signal {-status} ({signal.Signals(-status).name})"
    except ValueError:
        return f"it was killed by signal {-status}"


def _last_lines(output: bytes) -> str:
    lines = [line[:_LINE_SHOWN].rstrip() for line in output.decode("utf-8", "replace").splitlines()]
    return "\n".join([line for line in lines if line][-_LINES_SHOWN:])


def _is_root(user: str) -> bool:
    try:
        return pwd.getpwnam(user).pw_uid == 0
    except KeyError:
        return False
