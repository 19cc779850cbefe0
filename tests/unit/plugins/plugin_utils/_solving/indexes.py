# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""A package index (PEP 503, PEP 691, PEP 658) on loopback, with wheels made up for a test."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import http.server
import io
import json
import threading
import typing as t
import zipfile

MEDIA = "application/vnd.pypi.simple.v1+json"


def wheel(
    name: str,
    version: str,
    requires: t.Sequence[str] = (),
    tag: str = "py3-none-any",
    extras: t.Mapping[str, t.Sequence[str]] | None = None,
) -> tuple[str, bytes]:
    """Return file name and content of a wheel that holds nothing but its metadata."""
    stem = f"{name.replace('-', '_')}-{version}"
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    lines += [f"Requires-Dist: {one}" for one in requires]
    for extra, needs in (extras or {}).items():
        lines += [f"Provides-Extra: {extra}", *(f"Requires-Dist: {one} ; extra == '{extra}'" for one in needs)]
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for file, text in (
            ("METADATA", "\n".join(lines) + "\n"),
            ("WHEEL", f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: {tag}\n"),
            ("RECORD", ""),
        ):
            archive.writestr(zipfile.ZipInfo(f"{stem}.dist-info/{file}"), text)
    return f"{stem}-{tag}.whl", content.getvalue()


@dataclasses.dataclass
class File:
    """``digest``: what the index says, empty for nothing. ``uploaded``: RFC 3339. ``yanked``: why it was withdrawn."""

    name: str
    content: bytes
    digest: str
    uploaded: str = ""
    yanked: str = ""

    @property
    def metadata(self) -> bytes:
        with zipfile.ZipFile(io.BytesIO(self.content)) as archive:
            return archive.read(next(name for name in archive.namelist() if name.endswith("/METADATA")))


class Index(http.server.ThreadingHTTPServer):
    """``/simple/`` is the index, ``/files/`` holds what it names. ``seen``: path and Authorization of each request.

    ``wants``: the header Authorization without which everything is refused. ``status``: answered to everything.
    ``tells``: whether it has the metadata of wheels beside them (PEP 658). ``elsewhere``: server that its wheels lie on.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.projects: dict[str, list[File]] = {}
        self.seen: list[tuple[str, str]] = []
        self.wants = ""
        self.status = 0
        self.tells = False
        self.elsewhere = ""
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def server(self) -> str:
        return "127.0.0.1:%d" % self.server_address[1]

    @property
    def url(self) -> str:
        return f"http://{self.server}/simple"

    def basic(self, user: str, password: str) -> None:
        self.wants = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()

    def add(self, name: str, version: str, *args: t.Any, hashes: bool = True, uploaded: str = "", **options: t.Any) -> str:
        """Offer a wheel; return its sha256."""
        return self.offer(name, *wheel(name, version, *args, **options), hashes=hashes, uploaded=uploaded)

    def offer(self, project: str, name: str, content: bytes, hashes: bool = True, uploaded: str = "") -> str:
        digest = hashlib.sha256(content).hexdigest()
        self.projects.setdefault(project, []).append(File(name, content, digest if hashes else "", uploaded))
        return digest


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: t.Any) -> None:
        """Stay silent."""

    def _send(self, status: int, kind: str, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        if status == 401:
            self.send_header("WWW-Authenticate", 'Basic realm="index"')
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        server = t.cast(Index, self.server)
        server.seen.append((self.path, self.headers.get("Authorization", "")))
        parts = self.path.strip("/").split("/")
        if server.wants and self.headers.get("Authorization") != server.wants:
            return self._send(401, "text/plain", b"no")
        if server.status:
            return self._send(server.status, "text/plain", b"no")
        if parts[0] == "simple" and len(parts) == 2 and parts[1] in server.projects:
            return self._send(200, MEDIA, json.dumps(self._page(parts[1], server.projects[parts[1]])).encode())
        if parts[0] == "files":
            for file in (one for files in server.projects.values() for one in files):
                if server.tells and f"{file.name}.metadata" == parts[-1]:
                    return self._send(200, "text/plain", file.metadata)
                if file.name == parts[-1]:
                    return self._send(200, "application/octet-stream", file.content)
        return self._send(404, "text/plain", b"no")

    def _page(self, project: str, files: t.Sequence[File]) -> dict[str, t.Any]:
        return {
            "meta": {"api-version": "1.0"},
            "name": project,
            "files": [
                {
                    "filename": one.name,
                    "url": f"{t.cast(Index, self.server).elsewhere}/files/{one.name}",
                    "hashes": {"sha256": one.digest} if one.digest else {},
                    "size": len(one.content),
                    **({"yanked": one.yanked} if one.yanked else {}),
                    **({"core-metadata": True} if t.cast(Index, self.server).tells else {}),
                    **({"upload-time": one.uploaded} if one.uploaded else {}),
                }
                for one in files
            ],
        }
