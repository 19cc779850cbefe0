# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is asked of a server, of stand-ins that answer as JupyterLab and as others do."""

from __future__ import annotations

import contextlib
import http.server
import json
import os
import socketserver
import threading

import pytest

from ansible_collections.lockstep.gpufleet.plugins.module_utils._jupyter import asking, server_host, server_unit
from ansible_collections.lockstep.gpufleet.plugins.module_utils._jupyter.servers import Answer

TOKEN = "0123456789abcdef" * 3
GOOD = {"/api/status": (200, {"kernels": 2}), "/api/terminals": (200, [{"name": "1"}])}


class _UnixServer(socketserver.UnixStreamServer):
    def get_request(self):
        connection, _address = super().get_request()
        return connection, ("local", 0)


@contextlib.contextmanager
def server(answers, path=None):
    """Yield the port, or the socket at ``path``, of a server with these answers for whoever has the token."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            known = self.headers["Authorization"] == f"token {TOKEN}"
            status, content = answers.get(self.path, (404, {})) if known else (403, {})
            body = content if isinstance(content, bytes) else json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments):
            pass

    one = _UnixServer(str(path), Handler) if path else http.server.HTTPServer(("127.0.0.1", 0), Handler)
    with one:
        thread = threading.Thread(target=one.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield str(path) if path else one.server_address[1]
        finally:
            one.shutdown()
            thread.join()


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        pytest.param(GOOD, Answer(2, 1), id="at work"),
        pytest.param({"/api/status": (200, {"kernels": 0}), "/api/terminals": (200, [])}, Answer(0, 0), id="idle"),
        pytest.param({"/api/status": (200, {"kernels": 0})}, Answer(0, 0), id="without terminals"),
        pytest.param({}, Answer(why="it does not answer (status 404)"), id="no JupyterLab"),
        pytest.param({"/api/status": (500, {})}, Answer(why="it does not answer (status 500)"), id="broken"),
        pytest.param({"/api/status": (200, b"<html>")}, Answer(why="it answers something else than JupyterLab would"), id="a page"),
        pytest.param({"/api/status": (200, [])}, Answer(why="it answers something else than JupyterLab would"), id="a list"),
    ],
)
def test_what_a_server_says(answers, expected):
    with server(answers) as port:
        assert asking.ask(port, TOKEN) == expected
    assert expected.idle == (expected.kernels == 0)


def test_a_socket_is_asked_like_a_port(tmp_path):
    with server(GOOD, tmp_path / "lab.sock") as path:
        assert asking.ask(path, TOKEN) == Answer(2, 1)


def test_a_token_that_the_server_does_not_know():
    with server(GOOD) as port:
        answer = asking.ask(port, "f" * 48)
    assert answer.refused and answer.kernels is None and not answer.idle


def test_nobody_there(tmp_path):
    answer = asking.ask(str(tmp_path / "nothing.sock"), TOKEN)
    assert answer.why.startswith("it does not answer") and not answer.refused and not answer.idle


@pytest.mark.parametrize(
    ("content", "mode", "owner", "judged"),
    [
        pytest.param(TOKEN, 0o600, 0, ("good", ""), id="good"),
        pytest.param(TOKEN, 0o400, 0, ("known", "they could read its file"), id="closed, but known"),
        pytest.param(TOKEN, 0o640, 0, ("exposed", "mode 0640"), id="open to a group"),
        pytest.param(TOKEN, 0o600, 1, ("exposed", "owned by uid"), id="of somebody else"),
        pytest.param(TOKEN + "\n", 0o600, 0, ("broken", "it holds no token of ours"), id="a newline, which Jupyter would take for a part"),
        pytest.param("", 0o600, 0, ("broken", "it holds no token of ours"), id="empty: that would let everybody in"),
        pytest.param(None, 0, 0, ("missing", ""), id="none"),
    ],
)
def test_files_of_tokens(tmp_path, monkeypatch, content, mode, owner, judged):
    monkeypatch.setattr(server_unit, "TOKENS", str(tmp_path))
    if content is not None:
        (tmp_path / "mia").write_text(content)
        (tmp_path / "mia").chmod(mode)
    state, why = server_host._judge_token("mia", os.getuid() + owner)
    assert state == judged[0] and why.startswith(judged[1])


def test_a_link_is_no_token(tmp_path, monkeypatch):
    monkeypatch.setattr(server_unit, "TOKENS", str(tmp_path))
    (tmp_path / "real").write_text(TOKEN)
    (tmp_path / "mia").symlink_to("real")
    assert server_host._judge_token("mia", os.getuid()) == ("broken", "not a plain file")


def test_whoever_else_listens_learns_no_token(tmp_path, monkeypatch):
    monkeypatch.setattr(server_unit, "TOKENS", str(tmp_path))
    (tmp_path / "mia").write_text(TOKEN)
    monkeypatch.setattr(asking, "ask", lambda *_arguments: pytest.fail("the token was sent"))
    running = server_host.Running(7, "/x", None, 18800)
    for listening in ({}, {18800: 4711}):
        assert server_host._ask("mia", 1001, running, listening).why == "it does not listen on port 18800"
