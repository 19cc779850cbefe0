# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""``download.fetch`` against a real server on loopback that behaves well and badly."""

from __future__ import annotations

import base64
import hashlib
import http.server
import pathlib
import socket
import threading
import typing as t

import pytest

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda import download, urls
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.network import Credential, Network
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem

CONTENT = b"#!/bin/sh\necho an installer\n" * 1000
SHA256 = hashlib.sha256(CONTENT).hexdigest()
OTHER_SHA256 = hashlib.sha256(b"other").hexdigest()


class Server(http.server.ThreadingHTTPServer):
    """A server whose answers are decided by the path; ``seen`` holds the paths and headers of all requests."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.seen: list[tuple[str, dict[str, str]]] = []
        self.over = threading.Event()

    @property
    def url(self) -> str:
        return "http://127.0.0.1:%d" % self.server_address[1]


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, format: str, *args: t.Any) -> None:
        """Stay silent."""

    def do_CONNECT(self) -> None:
        self.send_error(407)

    def do_GET(self) -> None:
        server = t.cast(Server, self.server)
        server.seen.append((self.path, dict(self.headers)))
        kind = self.path.strip("/").split("/")[0].split("?")[0]
        if kind.isdigit():
            self.send_error(int(kind))
            return
        if kind == "hang":
            server.over.wait(30)
            return
        if kind == "once":
            if len(server.seen) == 1:
                self.send_error(503)
                return
        if kind == "redirect":
            self.send_response(302)
            self.send_header("Location", "/good")
            self.end_headers()
            return
        body = b"X" + CONTENT[1:] if kind == "corrupt" else CONTENT
        self.send_response(200)
        if kind != "unannounced":
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if kind == "truncated" else body)


@pytest.fixture
def server() -> t.Iterator[Server]:
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield running
        running.over.set()
        running.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def _no_waiting_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download.time, "sleep", lambda seconds: None)
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("kind", ["good", "unannounced", "once", "redirect"])
def test_a_verified_file_arrives(server: Server, tmp_path: pathlib.Path, kind: str) -> None:
    target = tmp_path / "installer.sh"
    download.fetch(server.url + "/" + kind, str(target), SHA256, expected_size=len(CONTENT), mode=0o600)
    assert target.read_bytes() == CONTENT
    assert target.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [target]


def test_a_file_url_is_verified_too(tmp_path: pathlib.Path) -> None:
    source = tmp_path / "an installer.sh"
    source.write_bytes(CONTENT)
    download.fetch(source.as_uri(), str(tmp_path / "good"), SHA256)
    assert (tmp_path / "good").read_bytes() == CONTENT
    with pytest.raises(Problem, match=SHA256):
        download.fetch(source.as_uri(), str(tmp_path / "bad"), OTHER_SHA256)
    with pytest.raises(Problem, match="No such file"):
        download.fetch((tmp_path / "nowhere").as_uri(), str(tmp_path / "bad"), SHA256)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["an installer.sh", "good"]


@pytest.mark.parametrize(
    ("path", "requests", "words"),
    [
        ("/404/x", 1, "404"),
        ("/401/x", 1, "401.*it wants credentials"),
        ("/500/x", 3, r"500.*tried 3 times"),
        ("/429/x", 3, "429"),
        ("/truncated/x", 3, "ended after [0-9]+ of %d bytes" % len(CONTENT)),
        ("/corrupt/x", 1, "has sha256 [0-9a-f]{64}, but %s is wanted" % SHA256),
        ("/hang/x", 3, "no answer within 0.2 seconds"),
    ],
)
def test_a_bad_server_gives_one_clear_error_and_no_file(
    server: Server, tmp_path: pathlib.Path, path: str, requests: int, words: str
) -> None:
    target = tmp_path / "file"
    target.write_bytes(b"as before")
    with pytest.raises(Problem, match=words) as caught:
        download.fetch(server.url + path, str(target), SHA256, Network(timeout=0.2, retries=2))
    assert server.url + path in str(caught.value)
    assert len(server.seen) == requests
    assert target.read_bytes() == b"as before"
    assert list(tmp_path.iterdir()) == [target]


def test_a_closed_port_is_named(tmp_path: pathlib.Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    with pytest.raises(Problem, match="Connection refused"):
        download.fetch("http://127.0.0.1:%d/x" % port, str(tmp_path / "file"), SHA256, Network(retries=0))


def test_a_size_that_differs_is_refused(server: Server, tmp_path: pathlib.Path) -> None:
    with pytest.raises(Problem, match="another file"):
        download.fetch(server.url + "/good", str(tmp_path / "file"), SHA256, expected_size=5)
    with pytest.raises(Problem, match="larger than the 5 bytes"):
        download.fetch(server.url + "/unannounced", str(tmp_path / "file"), SHA256, expected_size=5)
    assert not list(tmp_path.iterdir())


def test_a_password_is_sent_as_basic_authentication_and_never_shown(server: Server, tmp_path: pathlib.Path) -> None:
    url = server.url.replace("://", "://ann:s%40cret@") + "/404/t/TOKEN/x?sig=SIGNATURE"
    with pytest.raises(Problem) as caught:
        download.fetch(url, str(tmp_path / "file"), SHA256)
    assert server.seen[0][1]["Authorization"] == "Basic " + base64.b64encode(b"ann:s@cret").decode()
    for secret in ("s%40cret", "s@cret", "TOKEN", "SIGNATURE"):
        assert secret not in str(caught.value)
    assert urls.hidden(url) == {"s%40cret", "s@cret", "TOKEN", "sig=SIGNATURE"}


def test_credentials_do_not_follow_a_redirect(server: Server, tmp_path: pathlib.Path) -> None:
    url = server.url.replace("://", "://ann:secret@") + "/redirect"
    download.fetch(url, str(tmp_path / "file"), SHA256, headers={"X-Token": "secret"})
    first, second = (headers for path, headers in server.seen)
    assert "Authorization" in first and "X-Token" in {name.title() for name in first}
    assert "Authorization" not in second and "X-Token" not in {name.title() for name in second}


def test_a_redirect_never_drops_encryption() -> None:
    request = download.urllib.request.Request("https://conda.example/x")
    with pytest.raises(Problem, match="not encrypted"):
        download._Redirects(Network()).redirect_request(request, None, 302, "Found", {}, "http://conda.example/x")


def test_after_a_redirect_each_server_is_told_its_own_only() -> None:
    network = Network(credentials={"one.example": Credential("ann", "first"), "two.example": Credential(token="second")})
    request = download._request("https://one.example/x", network, {})
    request.add_header("Proxy-authorization", "Basic third")
    for url, wanted in (("https://two.example/x", "Bearer second"), ("https://three.example/x", None)):
        following = download._Redirects(network).redirect_request(request, None, 302, "Found", {}, url)
        assert following.get_header("Authorization") == wanted
        assert not following.has_header("Proxy-authorization")


def test_a_proxy_is_asked_and_told_its_password(server: Server, tmp_path: pathlib.Path) -> None:
    network = Network(proxy=server.url.replace("://", "://ann:pass@"))
    download.fetch("http://nowhere.invalid/good", str(tmp_path / "file"), SHA256, network)
    path, headers = server.seen[0]
    assert path == "http://nowhere.invalid/good"
    assert {name.title(): value for name, value in headers.items()}["Proxy-Authorization"] == "Basic " + base64.b64encode(b"ann:pass").decode()


def test_a_proxy_that_refuses_a_tunnel_is_one_clear_error(server: Server, tmp_path: pathlib.Path) -> None:
    with pytest.raises(Problem, match="the proxy answers 407: the proxy wants credentials") as caught:
        download.fetch(
            "https://nowhere.invalid/x", str(tmp_path / "file"), SHA256,
            Network(proxy=server.url.replace("://", "://ann:sesame@"), retries=0),
        )  # fmt: skip
    assert "sesame" not in str(caught.value)


def test_a_mirror_is_asked_instead_and_not_told_the_password(server: Server, tmp_path: pathlib.Path) -> None:
    network = Network(mirrors=(("https://nowhere.invalid/conda", server.url + "/good"),))
    download.fetch("https://me:pass@nowhere.invalid/conda/x", str(tmp_path / "file"), SHA256, network)
    assert server.seen[0][0] == "/good/x"
    assert "Authorization" not in server.seen[0][1]


@pytest.mark.parametrize(
    ("content", "words"), [(None, "there is no such file"), (b"no certificate", "it holds no certificates")]
)
def test_a_bundle_that_is_none(server: Server, tmp_path: pathlib.Path, content: bytes | None, words: str) -> None:
    bundle = tmp_path / "ca.pem"
    if content:
        bundle.write_bytes(content)
    with pytest.raises(Problem, match=f"ca_bundle: {bundle} cannot be used on this host: {words}"):
        download.fetch(server.url + "/good", str(tmp_path / "file"), SHA256, Network(ca_bundle=str(bundle)))


def test_an_md5_counts_only_without_a_sha256(server: Server, tmp_path: pathlib.Path) -> None:
    md5 = hashlib.md5(CONTENT, usedforsecurity=False).hexdigest()
    assert download.fetch(server.url + "/good", str(tmp_path / "file"), "", md5=md5) == SHA256
    with pytest.raises(Problem, match=f"has md5 {md5}, but {'0' * 32} is wanted"):
        download.fetch(server.url + "/good", str(tmp_path / "other"), "", md5="0" * 32)
    with pytest.raises(Problem, match="has sha256"):
        download.fetch(server.url + "/good", str(tmp_path / "other"), OTHER_SHA256, md5=md5)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("ftp://host/x", "only http, https and file"),
        ("/etc/passwd", "only http, https and file"),
        ("http://127.0.0.1:port/x", "not a usable address"),
        ("http://127.0.0.1/a b", "not a usable address"),
    ],
)
def test_an_unusable_address_is_refused(tmp_path: pathlib.Path, url: str, words: str) -> None:
    with pytest.raises(Problem, match=words):
        download.fetch(url, str(tmp_path / "file"), SHA256)


@pytest.mark.parametrize("sha256", ["", "abc", SHA256.upper(), "d41d8cd98f00b204e9800998ecf8427e"])
def test_a_hash_that_is_none_is_refused(tmp_path: pathlib.Path, sha256: str) -> None:
    with pytest.raises(Problem, match="not a sha256"):
        download.fetch("http://127.0.0.1/x", str(tmp_path / "file"), sha256)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://host/a/b.conda", "https://host/a/b.conda"),
        ("https://u:p@host/a", "https://***@host/a"),
        ("https://host/t/tk-123/chan/x", "https://host/t/***/chan/x"),
        ("https://host/x?sig=1#f", "https://host/x?***#f"),
        ("from https://u@h/x to http://v:w@h/t/k/y now", "from https://***@h/x to http://***@h/t/***/y now"),
        ("write to ops@example.org?", "write to ops@example.org?"),
    ],
)
def test_redact(text: str, shown: str) -> None:
    assert download.redact(text) == shown
