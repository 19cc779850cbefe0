# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The local probe: does sshd answer on this host, and what does it offer? Weaker than a fresh login, and all that a
local connection can show.

This module util is private to the collection.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
import typing as t

from .._plan import Problem
from . import command_line, host, listener
from .offer import WITHOUT_A_KEY, check_offer, parse_offer

_ANY_HOST = ("-F", "none", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "ConnectTimeout=5")


def probe(seconds: float = 10) -> None:
    """Wait until sshd says who it is on each of its ports; raises Problem where it does not within ``seconds``."""
    for address, port in listening():
        _probe_port(address, port, time.monotonic() + seconds)


def _probe_port(address: str, port: int, end: float) -> None:
    while True:
        try:
            with socket.create_connection((address, port), timeout=5) as connection:
                answer = connection.recv(64)
            if answer.startswith(b"SSH-2.0-"):
                return
            said = f"answered {answer[:20]!r}"
        except OSError as error:
            said = str(error)
        if time.monotonic() > end:
            raise Problem(f"sshd does not answer on port {port} of this host after the change: {said}")
        time.sleep(0.3)


def listening() -> list[tuple[str, int]]:
    """Return an address of this host and a port for each port that sshd listens on; raises Problem as sshd says it."""
    found = listener.observe()
    with host.privilege_separation_directory():
        options = command_line.for_test_mode(found.options)
        values = host.effective(host.find_sshd(), None, options=options)
    if found.socket:
        return [("localhost", port) for port in found.ports]
    places: dict[int, str] = {}
    for value in values.get("listenaddress", ()):
        address, _colon, port = value.rpartition(":")
        places[int(port)] = local_address(address)
    return sorted((address, port) for port, address in places.items()) or [
        ("localhost", port) for port in host.ports_of(values)
    ]


def listening_ports() -> list[int]:
    """Return the ports that sshd listens on; raises Problem with sshd's message."""
    return sorted({port for _address, port in listening()})


def local_address(address: str) -> str:
    """Return where this host reaches itself: every address means the loopback one."""
    address = address.strip("[]")
    return "localhost" if address in ("0.0.0.0", "::", "*") else address


def offered_methods() -> list[str] | None:
    """Return what a login without a key is told on this host, or None where it has no ssh client to ask with."""
    client = shutil.which("ssh", path="/usr/bin:/bin:/usr/local/bin")
    if client is None:
        return None
    methods: dict[str, None] = {}
    for address, port in listening():
        done = subprocess.run(
            [client, *_ANY_HOST, *WITHOUT_A_KEY, "-p", str(port), "-l", "root", address, "true"],
            capture_output=True, text=True, timeout=30, check=False, stdin=subprocess.DEVNULL,
        )
        methods.update(dict.fromkeys(parse_offer(done.returncode, done.stderr) or _no_answer(port, done.stderr)))
    return list(methods)


def _no_answer(port: int, said: str) -> t.NoReturn:
    raise Problem(f"sshd does not say which methods it offers on port {port} of this host: {said.strip()[-200:]}")


def check_offered_methods() -> list[str] | None:
    """Ask this host's own sshd what it offers; raises Problem where it is more than a key."""
    offered = offered_methods()
    wrong = check_offer(offered, ["publickey"]) if offered is not None else None
    if wrong:
        raise Problem(wrong)
    return offered
