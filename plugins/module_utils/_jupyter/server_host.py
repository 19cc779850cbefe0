# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""JupyterLab's servers on the host: observed, and changed as a plan says.

This module util is private to the collection.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import re
import secrets
import stat
import subprocess
import time
import typing as t

from ansible_collections.lockstep.gpufleet.plugins.module_utils._files import (
    names_in,
    read_or_none,
    replace_link,
    sync_directory,
    write_atomically,
)
from ansible_collections.lockstep.gpufleet.plugins.module_utils._jupyter import asking, ports, server_unit
from ansible_collections.lockstep.gpufleet.plugins.module_utils._jupyter.acting_as import acting_as
from ansible_collections.lockstep.gpufleet.plugins.module_utils._jupyter.environment import locate
from ansible_collections.lockstep.gpufleet.plugins.module_utils._jupyter.server_unit import Service
from ansible_collections.lockstep.gpufleet.plugins.module_utils._jupyter.servers import (
    Answer,
    CloseToken,
    Enable,
    Found,
    MakeToken,
    Reload,
    RememberPorts,
    Remove,
    RemoveUnit,
    Running,
    Server,
    Start,
    State,
    WriteSettings,
    WriteUnit,
)
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Plan, Problem

_MODE = 0o600
# What others could read before, and its server is still using: its user may read it, and the next restart replaces it.
_KNOWN_MODE = 0o400
_TOKEN = re.compile(rb"[0-9a-f]{48}\Z")
_PROPERTIES = "Id,LoadState,ActiveState,MainPID,Result,ExecMainCode,NeedDaemonReload"


def observe(
    servers: t.Sequence[Server], service: Service, generations: t.Mapping[str, str]
) -> State:
    """Read files, processes and systemd; changes nothing. Raises Problem where JupyterLab's environment is missing."""
    if not os.path.isdir("/run/systemd/system"):
        raise Problem("This host does not run systemd, which starts and watches the servers.")
    wanted = any(server.wanted for server in servers)
    prefix, predicted = locate(service.root, service.environment, generations) if wanted else ("", True)
    if not predicted and not os.access(f"{prefix}/bin/jupyter-lab", os.X_OK):
        raise Problem(
            f"Environment {service.environment!r} has no JupyterLab: {prefix}/bin/jupyter-lab is missing. "
            "Add the package 'jupyterlab' to its environment.yml and lock."
        )
    units = _show([server.user for server in servers])
    listening = ports.parse_listening(*((read_or_none(f"/proc/net/{table}") or b"").decode() for table in ("tcp", "tcp6")))
    settings = {name[:-4]: _text(f"{server_unit.SETTINGS}/{name}") for name in names_in(server_unit.SETTINGS) if name.endswith(".env")}
    in_settings = {user: server_unit.port_in(text) for user, text in settings.items()}
    ports_file = _text(server_unit.PORTS)
    return State(
        unit=_text(server_unit.UNIT),
        # Settings tell as well whose port is whose, should the file be lost.
        ports={
            **{user: port for user, port in in_settings.items() if port},
            **ports.parse_remembered(ports_file, server_unit.PORTS),
        },
        ports_file=ports_file,
        listening=listening,
        found={server.user: _find(server.user, units[server.user], listening) for server in servers},
        prefix=os.path.realpath(prefix) if prefix else "",
        known=not predicted,
        others=tuple(sorted(set(settings) - {server.user for server in servers})),
        stale_units=any(unit.get("NeedDaemonReload") == "yes" for unit in units.values()),
    )


def _text(path: str) -> str | None:
    content = read_or_none(path)
    return None if content is None else content.decode("utf-8", "replace")


def _show(users: t.Sequence[str]) -> dict[str, dict[str, str]]:
    """Return what systemd says of each user's unit."""
    if not users:
        return {}
    names = [server_unit.unit_name(user) for user in users]
    said = _systemctl("show", f"--property={_PROPERTIES}", *names)
    blocks = [dict(line.split("=", 1) for line in block.splitlines() if "=" in line) for block in said.split("\n\n")]
    by_name = {block.get("Id", ""): block for block in blocks}
    return {user: by_name.get(server_unit.unit_name(user), {}) for user in users}


def _find(user: str, unit: t.Mapping[str, str], listening: t.Mapping[int, int]) -> Found:
    try:
        account = pwd.getpwnam(user)
    except KeyError:
        account = None
    token, token_why = _judge_token(user, account.pw_uid if account else None)
    running = _running(int(unit.get("MainPID") or 0), user) if account else None
    link = f"{server_unit.WANTS}/{server_unit.unit_name(user)}"
    with contextlib.suppress(OSError):
        link = os.readlink(link)
    return Found(
        uid=account.pw_uid if account else None,
        home=account.pw_dir if account and os.path.isdir(account.pw_dir) else "",
        settings=_text(f"{server_unit.SETTINGS}/{user}.env"),
        token=token,
        token_why=token_why,
        enabled=link == server_unit.UNIT,
        active=unit.get("ActiveState", "inactive"),
        masked=unit.get("LoadState") == "masked",
        # ExecMainCode 1 is CLD_EXITED: it has run, and ended by itself.
        clean_end=unit.get("ActiveState") == "inactive" and unit.get("Result") == "success" and unit.get("ExecMainCode") == "1",
        running=running,
        answer=_ask(user, account.pw_uid, running, listening) if account and running else Answer(),
    )


def _judge_token(user: str, uid: int | None) -> tuple[str, str]:
    path = f"{server_unit.TOKENS}/{user}"
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return "missing", ""
    if not stat.S_ISREG(status.st_mode):
        return "broken", "not a plain file"
    if status.st_uid != uid:
        return "exposed", f"owned by uid {status.st_uid}"
    if stat.S_IMODE(status.st_mode) == _KNOWN_MODE:
        return "known", "they could read its file"
    if stat.S_IMODE(status.st_mode) != _MODE:
        return "exposed", f"mode {stat.S_IMODE(status.st_mode):04o}"
    if not _TOKEN.match(read_or_none(path) or b""):
        return "broken", "it holds no token of ours"
    return "good", ""


def _running(pid: int, user: str) -> Running | None:
    """Return what the process was started with; None where there is none."""
    if not pid:
        return None
    try:
        # With the user's eyes: root in a container may lack the capability to look at the processes of others.
        with acting_as(user):
            program = os.readlink(f"/proc/{pid}/exe")
            content = read_or_none(f"/proc/{pid}/environ")
    except (ProcessLookupError, FileNotFoundError):
        return None
    except OSError:
        # There is a process, so the server runs; in what, it does not say.
        return Running(pid, "")
    pairs = (pair.split("=", 1) for pair in (content or b"").decode("utf-8", "replace").split("\0") if "=" in pair)
    variables = dict(pairs)
    port = variables.get(server_unit.PORT, "")
    return Running(
        pid=pid,
        prefix=os.path.dirname(os.path.dirname(program)),
        revision=variables.get(server_unit.REVISION),
        port=int(port) if port.isdigit() else None,
    )


def _ask(user: str, uid: int, running: Running, listening: t.Mapping[int, int]) -> Answer:
    path = f"{server_unit.TOKENS}/{user}"
    try:
        # Not through a link that leads elsewhere, whatever its owner has made of it.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
        with os.fdopen(descriptor, "rb") as file:
            token = file.read(100)
    except OSError as error:
        return Answer(why=f"{path}: {error.strerror}")
    if not _TOKEN.match(token):
        return Answer(why=f"{path} holds no token of ours")
    if running.port is None:
        return asking.ask(f"{server_unit.RUNTIME}/{user}/lab.sock", token.decode())
    # Whoever listens there learns the token.
    if listening.get(running.port) != uid:
        return Answer(why=f"it does not listen on port {running.port}")
    return asking.ask(running.port, token.decode())


def apply(plan: Plan, servers: t.Sequence[Server], service: Service, state: State, seconds: int) -> None:
    """Carry out the plan, and wait until every server that was started answers. Raises Problem where one does not."""
    if any(server.wanted for server in servers) and not (state.known or os.path.isdir(state.prefix)):
        raise Problem(
            f"The generation {state.prefix} of environment {service.environment!r} does not exist on this host. "
            "Run lockstep.gpufleet.conda_env first."
        )
    for server in servers:
        if server.wanted and state.found[server.user].uid is None:
            raise Problem(f"users: there is no account {server.user!r} on this host. Make it with the role accounts first.")
    try:
        _carry_out(plan, servers, state, seconds)
    except Problem as problem:
        raise Problem(str(problem), changed=True) from None


def _carry_out(plan: Plan, servers: t.Sequence[Server], state: State, seconds: int) -> None:
    if any(server.wanted for server in servers):
        # Whoever has a token finds it by its name; nobody gets a list.
        for folder, mode in ((server_unit.SETTINGS, 0o755), (server_unit.STATE, 0o755), (server_unit.TOKENS, 0o711)):
            os.makedirs(folder, mode=0o755, exist_ok=True)
            os.chmod(folder, mode)
    starts = [step for step in plan.steps if isinstance(step, Start)]
    for step in plan.steps:
        if not isinstance(step, Start):
            _ACTIONS[type(step)](step)
    for step in starts:
        # Whoever has failed too often may try again.
        _systemctl("reset-failed", server_unit.unit_name(step.user), may_fail=True)
    if starts:
        _systemctl("restart", *(server_unit.unit_name(step.user) for step in starts), may_fail=True)
    deadline = time.monotonic() + seconds
    for step in starts:
        _wait(step.user, state.found[step.user].uid or 0, deadline, seconds)


def _write_unit(step: WriteUnit) -> None:
    write_atomically(server_unit.UNIT, step.text.encode())


def _remove_unit(_step: RemoveUnit) -> None:
    _unlink(server_unit.UNIT)


def _remember(step: RememberPorts) -> None:
    write_atomically(server_unit.PORTS, step.text.encode())


def _make_token(step: MakeToken) -> None:
    account = pwd.getpwnam(step.user)
    # Without a newline at the end: Jupyter would take it for a part of the token.
    content = secrets.token_hex(24).encode()
    write_atomically(f"{server_unit.TOKENS}/{step.user}", content, _MODE, (account.pw_uid, account.pw_gid))


def _close_token(step: CloseToken) -> None:
    account = pwd.getpwnam(step.user)
    path = f"{server_unit.TOKENS}/{step.user}"
    write_atomically(path, read_or_none(path) or b"", _KNOWN_MODE, (account.pw_uid, account.pw_gid))


def _write_settings(step: WriteSettings) -> None:
    write_atomically(f"{server_unit.SETTINGS}/{step.user}.env", step.text.encode())


def _enable(step: Enable) -> None:
    os.makedirs(server_unit.WANTS, mode=0o755, exist_ok=True)
    replace_link(f"{server_unit.WANTS}/{server_unit.unit_name(step.user)}", server_unit.UNIT)


def _reload(_step: Reload) -> None:
    _systemctl("daemon-reload")


def _remove(step: Remove) -> None:
    # Its files first: a server without settings is not started again, whatever comes between.
    for path in (
        f"{server_unit.WANTS}/{server_unit.unit_name(step.user)}",
        f"{server_unit.SETTINGS}/{step.user}.env",
    ):
        _unlink(path)
    _systemctl("stop", server_unit.unit_name(step.user), may_fail=True)  # of a unit that systemd does not know
    if int(_show([step.user])[step.user].get("MainPID") or 0):
        raise Problem(f"users: the server of {step.user} does not stop. Run 'systemctl stop {server_unit.unit_name(step.user)}'.")
    _systemctl("reset-failed", server_unit.unit_name(step.user), may_fail=True)
    _unlink(f"{server_unit.TOKENS}/{step.user}")


_ACTIONS: dict[type, t.Callable[[t.Any], None]] = {
    WriteUnit: _write_unit,
    RemoveUnit: _remove_unit,
    RememberPorts: _remember,
    MakeToken: _make_token,
    CloseToken: _close_token,
    WriteSettings: _write_settings,
    Enable: _enable,
    Reload: _reload,
    Remove: _remove,
}


def _unlink(path: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
        sync_directory(os.path.dirname(path))


def _wait(user: str, uid: int, deadline: float, seconds: int) -> None:
    """Return when the user's server answers with its token."""
    unit = server_unit.unit_name(user)
    why = ""
    while True:
        shown = _show([user])[user]
        running = _running(int(shown.get("MainPID") or 0), user)
        if running is not None:
            tables = ((read_or_none(f"/proc/net/{table}") or b"").decode() for table in ("tcp", "tcp6"))
            answer = _ask(user, uid, running, ports.parse_listening(*tables))
            if answer.kernels is not None:
                return
            why = answer.why
        elif shown.get("ActiveState") == "failed":
            why = f"it ended, {shown.get('Result')}"
            break
        if time.monotonic() > deadline:
            break
        time.sleep(0.3)
    raise Problem(
        f"The server of {user} was started but does not answer within {seconds} seconds: {why or 'it does not stay up'}. "
        f"Its words are in the journal: journalctl -u {unit}."
    )


def _systemctl(*arguments: str, may_fail: bool = False) -> str:
    try:
        done = subprocess.run(
            ["systemctl", *arguments], capture_output=True, text=True, timeout=300, check=False, env=dict(os.environ, LC_ALL="C")
        )
    except FileNotFoundError:
        raise Problem("This host has no systemctl.") from None
    if done.returncode and not may_fail:
        raise Problem(f"systemctl {' '.join(arguments)} failed: {done.stderr.strip()}")
    return done.stdout
