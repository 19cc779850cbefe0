# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""JupyterLab's servers as wanted, as found, and what leads from the one to the other. Pure.

This module util is private to the collection.
"""

from __future__ import annotations

import dataclasses
import os
import re
import typing as t

from ansible_collections.lockstep.gpufleet.plugins.module_utils._jupyter import ports, server_unit
from ansible_collections.lockstep.gpufleet.plugins.module_utils._jupyter.server_unit import Service
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Plan, Problem, text_diff

# useradd's own rule (shadow, libmisc/chkname.c) with dots, less what systemd would escape in a unit's name.
_USER = re.compile(r"[A-Za-z_][A-Za-z0-9_.\-]{0,31}\Z")
_SECRET = "(a secret that is not shown)\n"


@dataclasses.dataclass(frozen=True)
class Server:
    """One user's server as it was asked for."""

    user: str
    wanted: bool = True
    port: int | None = None


@dataclasses.dataclass(frozen=True)
class Running:
    """What a running server was started with: the prefix it runs in, the unit's revision, the port; None where it has none."""

    pid: int
    prefix: str
    revision: str | None = None
    port: int | None = None


@dataclasses.dataclass(frozen=True)
class Answer:
    """What the server says of itself. ``kernels`` and ``terminals`` are None where it did not say; ``why`` then tells why."""

    kernels: int | None = None
    terminals: int | None = None
    why: str = ""
    refused: bool = False

    @property
    def idle(self) -> bool:
        return self.kernels == 0 and self.terminals == 0


@dataclasses.dataclass(frozen=True)
class Found:
    """What the host has of one user's server. ``uid`` is None where there is no such account.

    ``token``: "good", "missing", "broken", "exposed" (others can read or change it) or "known" (they could; its file is closed
    since, and its server was at work); ``token_why`` says more.
    ``active``: systemd's ActiveState. ``clean_end``: it ended by itself and in order.
    """

    uid: int | None = None
    home: str = ""
    settings: str | None = None
    token: str = "missing"
    token_why: str = ""
    enabled: bool = False
    active: str = "inactive"
    masked: bool = False
    clean_end: bool = False
    running: Running | None = None
    answer: Answer = Answer()


@dataclasses.dataclass(frozen=True)
class State:
    """What the host has.

    ``ports``: user -> port, of users that are gone as well; ``ports_file``: text of the file that remembers them.
    ``prefix``: the generation that a server would start in; ``known``: whether it exists already.
    ``others``: users with a server who are not in the list. ``stale_units``: systemd has not read its files again.
    """

    unit: str | None = None
    ports: t.Mapping[str, int] = dataclasses.field(default_factory=dict)
    ports_file: str | None = None
    listening: t.Mapping[int, int] = dataclasses.field(default_factory=dict)
    found: t.Mapping[str, Found] = dataclasses.field(default_factory=dict)
    prefix: str = ""
    known: bool = True
    others: t.Sequence[str] = ()
    stale_units: bool = False


@dataclasses.dataclass(frozen=True)
class WriteUnit:
    """Step: write the template unit."""

    text: str
    reason: str

    def __str__(self) -> str:
        return f"write {server_unit.UNIT} ({self.reason})"


@dataclasses.dataclass(frozen=True)
class RemoveUnit:
    """Step: remove the template unit, which nobody needs any more."""

    def __str__(self) -> str:
        return f"remove {server_unit.UNIT}"


@dataclasses.dataclass(frozen=True)
class RememberPorts:
    """Step: write down which port is whose."""

    text: str
    added: tuple[str, ...]

    def __str__(self) -> str:
        return "remember ports: " + ", ".join(self.added)


@dataclasses.dataclass(frozen=True)
class MakeToken:
    """Step: make a token for a user."""

    user: str
    reason: str

    def __str__(self) -> str:
        return f"{self.user}: make a token ({self.reason})"


@dataclasses.dataclass(frozen=True)
class CloseToken:
    """Step: give the token's file back to its user alone, marked as known to others."""

    user: str
    reason: str

    def __str__(self) -> str:
        return f"{self.user}: close the token's file ({self.reason})"


@dataclasses.dataclass(frozen=True)
class WriteSettings:
    """Step: write the settings of one user."""

    user: str
    text: str
    reason: str

    def __str__(self) -> str:
        return f"{self.user}: write {server_unit.SETTINGS}/{self.user}.env ({self.reason})"


@dataclasses.dataclass(frozen=True)
class Enable:
    """Step: have the server started at boot."""

    user: str

    def __str__(self) -> str:
        return f"{self.user}: start the server at boot"


@dataclasses.dataclass(frozen=True)
class Reload:
    """Step: have systemd read its units again."""

    def __str__(self) -> str:
        return "have systemd read its units again"


@dataclasses.dataclass(frozen=True)
class Start:
    """Step: start a server, or start it anew."""

    user: str
    where: str
    reasons: tuple[str, ...] = ()

    def __str__(self) -> str:
        if self.reasons:
            return f"{self.user}: restart the server ({', '.join(self.reasons)})"
        return f"{self.user}: start the server on {self.where}"


@dataclasses.dataclass(frozen=True)
class Remove:
    """Step: stop a server and remove its token and settings."""

    user: str

    def __str__(self) -> str:
        return f"{self.user}: stop the server, remove its token and settings"


def parse_users(users: t.Sequence[t.Any], state: str = "present") -> list[Server]:
    """Return the servers that the list asks for. Raises Problem naming entry and key."""
    servers: dict[str, Server] = {}
    for entry in users:
        name = str(entry.get("name") or "")
        if not _USER.match(name):
            raise Problem(f"users: {name!r} is no name of an account that a unit can carry.")
        if name == "root":
            raise Problem("users: root gets no server, whoever reaches it would own the host. Name the accounts of people.")
        if name in servers:
            raise Problem(f"users: {name} is listed twice. Remove one of the entries.")
        port = entry.get("port")
        if port is not None and not 1024 <= port <= 65535:
            raise Problem(f"users, {name}: port {port} is outside 1024 to 65535, where plain users can listen.")
        wanted = state != "absent" and (entry.get("state") or "present") != "absent"
        servers[name] = Server(name, wanted, port)
    return list(servers.values())


def where(service: Service, user: str, port: int | None) -> str:
    """Return where the user's server listens, for people: a socket's path, or address and port."""
    return server_unit.socket_path(user) if service.transport == "socket" else f"127.0.0.1:{port}"


def assign_ports(servers: t.Sequence[Server], service: Service, state: State, base_port: int) -> dict[str, int]:
    """Return user -> port for every wanted server; nothing where they have sockets. Raises Problem for a port that is taken."""
    if service.transport == "socket":
        return {}
    wanted = {server.user: server.port for server in servers if server.wanted}
    uids = {user: found.uid for user, found in state.found.items()}
    return ports.assign(wanted, state.ports, state.listening, uids, base_port)


def outdated(service: Service, found: Found, prefix: str, port: int | None) -> list[str]:
    """Return in what a running server differs from one that is started now; nothing where it does not run."""
    if found.running is None:
        return []
    reasons = []
    if os.path.normpath(found.running.prefix) != os.path.normpath(prefix):
        reasons.append("generation")
    if found.running.revision != server_unit.revision(service):
        reasons.append("settings")
    elif found.running.port != port:
        reasons.append("port")
    if found.answer.refused or found.token != "good":
        reasons.append("token")
    return reasons


def make_plan(
    servers: t.Sequence[Server],
    service: Service,
    state: State,
    assigned: t.Mapping[str, int],
    restart: str = "idle",
    planned_accounts: t.Container[str] = (),
) -> Plan:
    """Compare what is wanted with the host.

    ``restart``: what happens to a running server that is outdated: "idle", "always" or "never".
    ``planned_accounts``: accounts that an earlier task of the same play would make. Raises Problem on bad input.
    """
    wanted = [server for server in servers if server.wanted]
    for server in wanted:
        _refuse(server, state.found[server.user], planned_accounts)
    steps: list[t.Any] = []
    diff: list[dict[str, str]] = []
    warnings: list[str] = []
    reload_units = state.stale_units
    text = server_unit.unit_text(service)
    if wanted and state.unit != text:
        steps.append(WriteUnit(text, "new" if state.unit is None else "differs"))
        diff.append(text_diff(server_unit.UNIT, state.unit, text))
        reload_units = True
    known = {**state.ports, **assigned}
    remembered = ports.remembered_text(known)
    if known and state.ports_file != remembered:
        before = ports.parse_remembered(state.ports_file, server_unit.PORTS)
        added = tuple(f"{user} {port}" for user, port in sorted(known.items()) if before.get(user) != port)
        steps.append(RememberPorts(remembered, added))
        diff.append(text_diff(server_unit.PORTS, state.ports_file, remembered))
    starts = []
    for server in servers:
        found = state.found[server.user]
        if not server.wanted:
            if _has_something(found):
                steps.append(Remove(server.user))
            continue
        may_restart = found.running is None or restart == "always" or (restart == "idle" and found.answer.idle)
        # A server at work knows this token only: its user would be shut out by a new one. If it does not know it, no harm is done.
        keeps_token = found.token in ("exposed", "known") and not may_restart and found.answer.kernels is not None
        if keeps_token:
            warnings.append(
                f"Others could read the token of {server.user} ({found.token_why}). Its server is at work and goes on with it. A run "
                "that finds the server idle, or has restart: always, makes a new one."
            )
        for step, change in _files(server.user, found, assigned.get(server.user), keeps_token):
            steps.append(step)
            if change:
                diff.append(change)
            reload_units = reload_units or isinstance(step, Enable)
        start, warning = _start(server.user, service, found, state.prefix, assigned.get(server.user), restart)
        starts += [start] if start else []
        warnings += [warning] if warning else []
    if not wanted and not state.others and state.unit is not None:
        steps.append(RemoveUnit())
        diff.append(text_diff(server_unit.UNIT, state.unit, None))
        reload_units = True
    if reload_units:
        steps.append(Reload())
    return Plan((*steps, *starts), tuple(diff), tuple(warnings))


def _refuse(server: Server, found: Found, planned_accounts: t.Container[str]) -> None:
    user = server.user
    if found.uid == 0:
        raise Problem(f"users: {user} is root by another name (uid 0) and gets no server.")
    if found.uid is None and user not in planned_accounts:
        raise Problem(f"users: there is no account {user!r} on this host. Make it with the role accounts first.")
    if found.uid is not None and not found.home:
        raise Problem(f"users: the home directory of {user} does not exist, so its notebooks have no place. Make it first.")
    if found.masked:
        unit = server_unit.unit_name(user)
        raise Problem(f"users: somebody has masked {unit}. Run 'systemctl unmask {unit}', or set state: absent for {user}.")


def _has_something(found: Found) -> bool:
    return (
        found.settings is not None or found.token != "missing" or found.enabled or found.running is not None
    )


def _files(
    user: str, found: Found, port: int | None, keeps_token: bool
) -> t.Iterator[tuple[t.Any, dict[str, str] | None]]:
    """Yield the steps that make the user's files as they should be, each with its diff."""
    path = f"{server_unit.TOKENS}/{user}"
    if found.token == "missing":
        yield MakeToken(user, "new"), text_diff(path, None, _SECRET)
    elif keeps_token:
        if found.token == "exposed":
            yield CloseToken(user, found.token_why), text_diff(path, found.token_why + "\n", _SECRET)
    elif found.token != "good":
        yield MakeToken(user, found.token_why), text_diff(path, found.token_why + "\n", _SECRET)
    text = server_unit.settings_text(port)
    if found.settings != text:
        yield (
            WriteSettings(user, text, "new" if found.settings is None else "differs"),
            text_diff(f"{server_unit.SETTINGS}/{user}.env", found.settings, text),
        )
    if not found.enabled:
        yield Enable(user), None


def _start(
    user: str, service: Service, found: Found, prefix: str, port: int | None, restart: str
) -> tuple[Start | None, str | None]:
    """Return the step that starts the server (anew), or None, and a warning, or None."""
    place = where(service, user, port)
    if found.running is None:
        # Whoever wants idle servers to end does not want them back at the next run.
        left_alone = service.stop_idle_after and found.clean_end and found.settings is not None
        return (None if left_alone else Start(user, place)), None
    reasons = tuple(outdated(service, found, prefix, port))
    if not reasons:
        return None, None
    if restart == "always" or (restart == "idle" and found.answer.idle):
        return Start(user, place, reasons), None
    if restart == "never":
        why = "restart: never"
    elif found.answer.kernels is None or found.answer.terminals is None:
        why = f"whether it is idle cannot be told: {found.answer.why}"
    else:
        why = f"it is at work, kernels: {found.answer.kernels}, terminals: {found.answer.terminals}"
    return None, (
        f"The server of {user} is outdated ({', '.join(reasons)}) and goes on as it is ({why}). A run with restart: always, or "
        f"'systemctl restart {server_unit.unit_name(user)}', brings it up to date."
    )


def report(
    servers: t.Sequence[Server], service: Service, state: State, assigned: t.Mapping[str, int], plan: Plan
) -> list[dict[str, t.Any]]:
    """Return the module's return value ``servers``."""
    changed = {step.user for step in plan.steps if hasattr(step, "user")}
    started = {step.user for step in plan.steps if isinstance(step, Start)}
    entries = []
    for server in servers:
        user, found = server.user, state.found[server.user]
        entry: dict[str, t.Any] = {
            "name": user,
            "state": "present" if server.wanted else "absent",
            "unit": server_unit.unit_name(user),
            "changed": user in changed,
        }
        if server.wanted:
            running = None if user in started else found.running
            entry.update(
                {"socket": server_unit.socket_path(user)} if service.transport == "socket" else {"port": assigned[user]},
                token_file=f"{server_unit.TOKENS}/{user}",
                prefix=running.prefix if running else state.prefix,
                outdated=[] if user in started else outdated(service, found, state.prefix, assigned.get(user)),
            )
        entries.append(entry)
    return entries
