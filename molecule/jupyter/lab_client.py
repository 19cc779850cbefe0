# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a browser does, without one: an ``ssh -L`` tunnel, HTTP through it, and a cell executed over a WebSocket (RFC 6455)."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import os
import pathlib
import socket
import struct
import subprocess
import time
import uuid

PROJECT = pathlib.Path(__file__).resolve().parents[2]
SSH = (
    *("ssh", "-i", str(PROJECT / "build/bed/id_ed25519"), "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes", "-F", "none"),
    *("-o", f"UserKnownHostsFile={PROJECT / 'build/bed/known_hosts.d/86'}", "-o", "ExitOnForwardFailure=yes"),
)


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@contextlib.contextmanager
def tunnel(user: str, address: str, where: str):
    """Yield the local port of a tunnel to ``where`` (``HOST:PORT`` or a socket's path) on the host at ``address``."""
    port = free_port()
    with subprocess.Popen([*SSH, "-N", "-L", f"127.0.0.1:{port}:{where}", f"{user}@{address}"]) as process:
        try:
            for _attempt in range(100):
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                    break
                time.sleep(0.1)
            yield port
        finally:
            process.terminate()


def request(port: int, path: str, token: str | None = None, method: str = "GET", body: object = None):
    """Return status, headers and content of one request to JupyterLab; not followed where it leads elsewhere."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    headers = {"Authorization": f"token {token}"} if token else {}
    connection.request(method, path, json.dumps(body) if body is not None else None, headers)
    answer = connection.getresponse()
    content = answer.read().decode("utf-8", "replace")
    connection.close()
    return answer.status, dict(answer.getheaders()), content


class WebSocket:
    """As much of a WebSocket client as a kernel's channel needs."""

    def __init__(self, port: int, path: str, token: str) -> None:
        self.connection = socket.create_connection(("127.0.0.1", port), 60)
        key = base64.b64encode(os.urandom(16)).decode()
        lines = [
            *(f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", "Upgrade: websocket", "Connection: Upgrade"),
            *(f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13", f"Authorization: token {token}", "", ""),
        ]
        self.connection.sendall("\r\n".join(lines).encode())
        self.file = self.connection.makefile("rb")
        self.status = self.file.readline().decode().split(" ", 2)[1]
        while self.file.readline().strip():
            pass

    def send(self, text: str) -> None:
        content, mask = text.encode(), os.urandom(4)
        size = struct.pack("!BH", 0xFE, len(content)) if len(content) > 125 else bytes([0x80 | len(content)])
        self.connection.sendall(b"\x81" + size + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(content)))

    def receive(self) -> str:
        """Return the next text."""
        while True:
            kind, size = self.file.read(2)
            if size == 126:
                size = struct.unpack("!H", self.file.read(2))[0]
            elif size == 127:
                size = struct.unpack("!Q", self.file.read(8))[0]
            content = self.file.read(size)
            if kind & 0x0F == 1:
                return content.decode()
            assert kind & 0x0F != 8, f"the server closed the channel: {content!r}"

    def close(self) -> None:
        self.file.close()
        self.connection.close()


def execute(port: int, token: str, kernel: str, code: str) -> str:
    """Return what ``code`` prints in the running kernel."""
    channel = WebSocket(port, f"/api/kernels/{kernel}/channels", token)
    assert channel.status == "101"
    said, question = "", uuid.uuid4().hex
    header = {"msg_id": question, "msg_type": "execute_request", "username": "", "session": uuid.uuid4().hex, "version": "5.3"}
    content = {"code": code, "silent": False, "store_history": False, "user_expressions": {}, "allow_stdin": False}
    channel.send(json.dumps({"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell"}))
    try:
        while True:
            message = json.loads(channel.receive())
            if message["parent_header"].get("msg_id") != question:
                continue
            if message["msg_type"] == "stream":
                said += message["content"]["text"]
            assert message["msg_type"] != "error", message["content"]
            if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
                return said
    finally:
        channel.close()


@contextlib.contextmanager
def kernel(port: int, token: str):
    """Yield the id of a kernel that is started for the occasion."""
    status, _headers, content = request(port, "/api/kernels", token, "POST", {"name": "python3"})
    assert status == 201, content
    one = json.loads(content)["id"]
    try:
        yield one
    finally:
        request(port, f"/api/kernels/{one}", token, "DELETE")
