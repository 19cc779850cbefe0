# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers that a broken mirror or network would give; runs behind nginx in the web container, and without it on its port.

/fault/hang/PATH       accepts the request and never answers
/fault/stall/PATH      the right Content-Length, half of the file, and then silence
/fault/truncated/PATH  the right Content-Length, and half of the file before the connection is closed
/fault/reset/PATH      the same, but reset (through nginx it looks closed: ask this port)
/fault/corrupt/PATH    the right length, with some bytes of the file changed
/fault/downgrade/PATH  redirects to http
/fault/slow/PATH       the file, at 8 MiB/s
/fault/crawl/PATH      the file, at 128 KiB/s until the mood changes
/fault/mood/PATH       whichever of these the mood names for PATH; otherwise the file

POST /mood takes the mood, lines "KIND PART-OF-PATH"; GET /asked answers with the PATHs of /fault/mood/ since then.

usage: faults.py [PORT [CERTIFICATE KEY]]
"""

from __future__ import annotations

import http.server
import pathlib
import socket
import ssl
import struct
import sys
import time
import urllib.parse

ROOT = pathlib.Path("/srv/cache/web")
FOR_EVER = 86400.0
PIECE = 256 * 1024


def corrupt(content: bytes) -> bytes:
    """Return the content with one bit flipped in each of a few bytes spread over the whole of it."""
    changed = bytearray(content)
    step = max(1, len(changed) // 8)
    for place in range(step // 2, len(changed), step):
        changed[place] ^= 0x10
    return bytes(changed)


KINDS = ("whole", "slow", "crawl", "truncated", "stall", "reset", "corrupt", "downgrade")


moods: list[str] = []
asked_for: list[str] = []


def mood(name: str) -> str:
    """Return the fault that is to befall the file ``name`` just now, or ``whole``."""
    for line in moods:
        kind, part = line.split(" ", 1)
        if part in name:
            return kind
    return "whole"


class Faults(http.server.BaseHTTPRequestHandler):
    """One request: the first part of the path names the fault, the rest the file."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer with the fault."""
        asked = urllib.parse.unquote(urllib.parse.urlsplit(self.path).path).removeprefix("/fault/")
        kind, name = asked.split("/", 1) if "/" in asked else (asked, "")
        if asked == "/asked":
            self.answer("\n".join(asked_for).encode())
            return
        if kind == "mood":
            asked_for.append(name)
            kind = mood(name)
        if kind == "hang":
            time.sleep(FOR_EVER)
        path = ROOT / name
        if kind not in KINDS or ".." in path.parts or not path.is_file():
            self.send_error(int(kind) if kind in ("500", "503") else 404)
            return
        if kind == "downgrade":
            self.send_response(302)
            self.send_header("Location", "http://conda.bed.test/" + name)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        content = path.read_bytes()
        self.send_response(200)
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.send_body(kind, content)

    def send_body(self, kind: str, content: bytes) -> None:
        """Send what this kind of fault lets through."""
        if kind == "crawl":
            self.crawl(content)
        elif kind in ("whole", "slow"):
            for start in range(0, len(content), PIECE):
                self.wfile.write(content[start : start + PIECE])
                time.sleep(0.03 if kind == "slow" else 0)
        elif kind == "corrupt":
            self.wfile.write(corrupt(content))
        else:
            self.wfile.write(content[: len(content) // 2])
            self.wfile.flush()
            self.close_connection = True
        if kind == "stall":
            time.sleep(FOR_EVER)
        if kind == "reset":
            time.sleep(0.2)  # what was sent gets there
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()

    def crawl(self, content: bytes) -> None:
        """Send the content slowly, and what is left at once as soon as the mood has changed."""
        begun = list(moods)
        place = 0
        while place < len(content) and moods == begun:
            self.wfile.write(content[place : place + PIECE // 4])
            place += PIECE // 4
            time.sleep(0.5)
        self.wfile.write(content[place:])

    do_HEAD = do_GET

    def do_POST(self) -> None:
        """Take the mood."""
        content = self.rfile.read(int(self.headers["Content-Length"]))
        moods[:] = content.decode().splitlines()
        asked_for.clear()
        self.answer(b"")

    def answer(self, content: bytes) -> None:
        """Answer with a text."""
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


if __name__ == "__main__":
    server = http.server.ThreadingHTTPServer(("", int(sys.argv[1]) if sys.argv[1:] else 8081), Faults)
    server.daemon_threads = True
    if sys.argv[2:]:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*sys.argv[2:4])
        server.socket = context.wrap_socket(server.socket, server_side=True)
    server.serve_forever()
