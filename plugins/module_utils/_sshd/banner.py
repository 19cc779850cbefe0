# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The local probe: does sshd answer on this host? Weaker than a fresh login, and all that a local connection can show.

This module util is private to the collection.
"""

from __future__ import annotations

import socket
import time

from .._plan import Problem
from . import host


def probe(seconds: float = 10) -> None:
    """Wait until sshd says who it is on each of its ports; raises Problem where it does not within ``seconds``."""
    for port in listening_ports():
        _probe_port(port, time.monotonic() + seconds)


def _probe_port(port: int, end: float) -> None:
    while True:
        try:
            with socket.create_connection(("localhost", port), timeout=5) as connection:
                answer = connection.recv(64)
            if answer.startswith(b"SSH-2.0-"):
                return
            said = f"answered {answer[:20]!r}"
        except OSError as error:
            said = str(error)
        if time.monotonic() > end:
            raise Problem(f"sshd does not answer on port {port} of this host after the change: {said}")
        time.sleep(0.3)


def listening_ports() -> list[int]:
    """Return the ports that sshd's configuration names; raises Problem with sshd's message."""
    with host.privilege_separation_directory():
        return host.ports(host.find_sshd())
