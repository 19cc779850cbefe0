# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""The moods of the web server: the same address answers well or badly, as it was told."""

from __future__ import annotations

import http.client
import http.server
import importlib.util
import pathlib
import threading
import urllib.error
import urllib.request

import pytest

from testbed import web


@pytest.fixture
def faults():
    spec = importlib.util.spec_from_file_location("faults", pathlib.Path(web.SETTINGS, "faults.py"))
    program = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(program)
    return program


@pytest.fixture
def ask(faults, tmp_path, monkeypatch):
    (tmp_path / "channel").mkdir()
    (tmp_path / "channel" / "a.conda").write_bytes(b"content" * 100)
    monkeypatch.setattr(faults, "ROOT", tmp_path)
    monkeypatch.setattr(faults.Faults, "log_message", lambda *arguments: None)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), faults.Faults)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()

    def call(path, content=None):
        with urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}/{path}", content, 10) as answer:
            return answer.read()

    yield call
    server.shutdown()
    server.server_close()


def test_moods_change_what_the_same_address_answers(ask):
    path = "fault/mood/channel/a.conda"
    ask("mood", b"")
    assert ask(path) == b"content" * 100
    ask("mood", b"corrupt a.conda\n404 b.conda")
    assert ask(path) != b"content" * 100
    assert ask("asked") == b"channel/a.conda"
    ask("mood", b"404 a.conda")
    assert ask("asked") == b""
    with pytest.raises(urllib.error.HTTPError, match="404"):
        ask(path)


def test_what_crawls_runs_when_the_mood_changes(ask, faults, monkeypatch):
    monkeypatch.setattr(faults, "PIECE", 4)
    ask("mood", b"crawl a.conda")
    got = []
    reader = threading.Thread(target=lambda: got.append(ask("fault/mood/channel/a.conda")))
    reader.start()
    while ask("asked") != b"channel/a.conda":
        pass
    assert got == []
    ask("mood", b"")
    reader.join(30)  # 700 pieces would take six minutes
    assert got == [b"content" * 100]


@pytest.mark.parametrize("kind", ["truncated", "reset"])
def test_bodies_that_break_off(ask, kind):
    with pytest.raises((http.client.IncompleteRead, ConnectionResetError)):
        ask(f"fault/{kind}/channel/a.conda")


def test_slow_is_whole(ask):
    assert ask("fault/slow/channel/a.conda") == b"content" * 100
