# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ask a running JupyterLab what it is doing, without giving its token to anybody else.

This module util is private to the collection.
"""

from __future__ import annotations

import http.client
import json
import socket
import typing as t

from ansible_collections.lockstep.gpufleet.plugins.module_utils._jupyter.servers import Answer

_SECONDS = 5


class _SocketConnection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=_SECONDS)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(_SECONDS)
        self.sock.connect(self._path)


def ask(where: int | str, token: str) -> Answer:
    """Return what the server at ``where``, a port of 127.0.0.1 or the path of a socket, says of kernels and terminals.

    The caller has made sure that it is the user's own server: whoever listens there learns the token.
    """
    try:
        status = _get(where, "/api/status", token)
        terminals = _get(where, "/api/terminals", token)
        return Answer(int(status["kernels"]), len(terminals))
    except PermissionError:
        return Answer(why="it does not know the token in its file", refused=True)
    except (OSError, http.client.HTTPException) as error:
        return Answer(why=f"it does not answer ({error})")
    except (ValueError, KeyError, TypeError):
        return Answer(why="it answers something else than JupyterLab would")


def _get(where: int | str, path: str, token: str) -> t.Any:
    connection = _SocketConnection(where) if isinstance(where, str) else http.client.HTTPConnection("127.0.0.1", where, timeout=_SECONDS)
    try:
        connection.request("GET", path, headers={"Authorization": f"token {token}"})
        answer = connection.getresponse()
        content = answer.read()
        if answer.status in (401, 403):
            raise PermissionError(answer.status)
        if answer.status == 404 and path == "/api/terminals":
            return []  # terminals are switched off
        if answer.status != 200:
            raise http.client.HTTPException(f"status {answer.status}")
        return json.loads(content)
    finally:
        connection.close()
