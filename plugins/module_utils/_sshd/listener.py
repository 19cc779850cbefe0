# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who listens for sshd: a service, a socket that starts it, a socket with a process for each connection, or nobody.

This module util is private to the collection.

Nothing is masked, enabled or disabled here: what listens goes on listening, and is told to read its files again.
"""

from __future__ import annotations

import dataclasses
import os
import subprocess
import typing as t

from .._plan import Problem
from . import command_line
from .command_line import Option, UnitLine

_SERVICES = ("ssh.service", "sshd.service")
_SOCKETS = ("ssh.socket", "sshd.socket")
#: Reads Port and ListenAddress of sshd_config at each daemon-reload and writes ssh.socket.d/addresses.conf (Ubuntu).
GENERATOR = "sshd-socket-generator"
_GENERATORS = ("/etc/systemd/system-generators", "/run/systemd/system-generators",
               "/usr/local/lib/systemd/system-generators", "/usr/lib/systemd/system-generators",
               "/lib/systemd/system-generators")
_UNIT_FOLDERS = ("/etc/systemd/system", "/run/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system")


@dataclasses.dataclass(frozen=True)
class Listener:
    """What listens.

    ``service``: the unit that runs sshd, ``active`` or not. ``socket``: the active socket unit that owns the ports, if
    one does; ``accept``: it starts one sshd for each connection, which reads the files anew; ``generated``: its ports
    come from sshd_config by a generator. ``ports``: the socket's. ``addresses``: the lines of its files that name them.
    ``options``: what the command line of sshd says, which beats every file.
    """

    service: str | None = None
    active: bool = False
    socket: str | None = None
    accept: bool = False
    generated: bool = False
    ports: tuple[int, ...] = ()
    addresses: tuple[UnitLine, ...] = ()
    options: tuple[Option, ...] = ()

    def steps(self, ports_change: bool) -> list[str]:
        """Return what makes a changed configuration count, as sentences; nothing for what does not run."""
        if ports_change and self.socket and self.generated:
            return [f"restart {self.socket} after daemon-reload"]
        if self.accept or not self.active or not self.service:
            return []
        # sshd loses the descriptors that a socket gave it when it reads its files again; started anew it gets them back,
        # and meanwhile systemd keeps them open.
        return [f"{'restart' if self.socket else 'reload'} {self.service}"]

    def units(self, ports_change: bool) -> tuple[str, ...]:
        """Return the units that a guard has to bring back."""
        if self.socket:
            return () if self.accept else (self.socket,)
        return (self.service,) if self.active and self.service else ()


def observe() -> Listener:
    """Ask systemd; where there is none, nobody is known to listen."""
    try:
        done = _run(
            "systemctl", "show", "--property=Id,LoadState,ActiveState,FragmentPath,DropInPaths,Accept,Listen",
            *_SERVICES, *_SOCKETS,
        )
    except FileNotFoundError:
        return Listener()
    loaded = [unit for unit in parse_show(done.stdout) if unit.get("LoadState") == ["loaded"]]
    services = [unit for unit in loaded if unit["Id"][0].endswith(".service")]
    sockets = [unit for unit in loaded if unit["Id"][0].endswith(".socket") and _is_active(unit)]
    service = next(filter(_is_active, services), services[0] if services else None)
    socket = sockets[0] if sockets else None
    found = Listener(
        service["Id"][0] if service else None,
        bool(service and _is_active(service)),
        options=_options(_unit_files(service)) if service else (),
    )
    if socket is None:
        return found
    name = socket["Id"][0]
    accept = socket.get("Accept") == ["yes"]
    if accept:
        template = name.replace(".socket", "@.service")
        path = next((p for folder in _UNIT_FOLDERS for p in [f"{folder}/{template}"] if os.path.exists(p)), None)
        found = dataclasses.replace(found, options=_options([path] if path else []))
    return dataclasses.replace(
        found,
        socket=name,
        accept=accept,
        generated=not accept and any(os.access(f"{folder}/{GENERATOR}", os.X_OK) for folder in _GENERATORS),
        ports=ports_of_listen(socket.get("Listen", [])),
        addresses=tuple(command_line.settings(_texts(_unit_files(socket)), "Socket", "ListenStream")),
    )


def parse_show(output: str) -> list[dict[str, list[str]]]:
    """Read ``systemctl show`` of several units: property to its values, one dictionary for each unit."""
    units = []
    for block in output.split("\n\n"):
        values: dict[str, list[str]] = {}
        for line in block.splitlines():
            name, equals, value = line.partition("=")
            if equals:
                values.setdefault(name, []).append(value)
        if "Id" in values:
            units.append(values)
    return units


def ports_of_listen(values: t.Iterable[str]) -> tuple[int, ...]:
    """Return the TCP ports out of systemd's ``Listen`` ('[::]:22 (Stream)', '0.0.0.0:22 (Stream)')."""
    found = set()
    for value in values:
        for address in value.replace("(Stream)", " ").split():
            port = address.rpartition(":")[2]
            if port.isdigit():
                found.add(int(port))
    return tuple(sorted(found))


def _is_active(unit: dict[str, list[str]]) -> bool:
    return unit.get("ActiveState") in (["active"], ["reloading"])


def _unit_files(unit: dict[str, list[str]]) -> list[str]:
    return [path for values in (unit.get("FragmentPath", []), unit.get("DropInPaths", []))
            for path in " ".join(values).split()]


def _texts(paths: t.Iterable[str]) -> list[tuple[str, str]]:
    found = []
    for path in paths:
        try:
            with open(path, encoding="utf-8", errors="replace") as file:
                found.append((path, file.read()))
        except OSError:
            continue
    return found


def _options(paths: t.Sequence[str]) -> tuple[Option, ...]:
    texts = _texts(paths)
    return tuple(command_line.options(texts, _texts(command_line.environment_files(texts))))


def apply(listener: Listener, ports_change: bool) -> None:
    """Make the files count; raises Problem with systemd's words. Sessions live on."""
    if ports_change and listener.socket and listener.generated:
        _systemctl("daemon-reload")
        # One transaction: the service, which holds the socket's descriptors, stops before it and starts after it.
        running = [listener.service] if listener.active and listener.service else []
        _systemctl("restart", listener.socket, *running)
        return
    for step in listener.steps(False):
        _systemctl(*step.split())


def forget_units() -> None:
    """Have systemd forget units whose files are gone; it holds on to those that it met at a daemon-reload."""
    _systemctl("daemon-reload")


def _systemctl(verb: str, *units: str) -> None:
    done = _run("systemctl", verb, *units)
    if done.returncode:
        raise Problem(f"systemctl {' '.join((verb, *units))} failed: {done.stderr.strip()}")


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    environment = dict(os.environ, LC_ALL="C")
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, env=environment)
