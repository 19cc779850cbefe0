# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers that a broken mirror or network would give; runs behind nginx in the web container.

/fault/hang/PATH       accepts the request and never answers
/fault/truncated/PATH  the right Content-Length, and half of the file before the connection is cut
/fault/corrupt/PATH    the right length, with some bytes of the file changed
"""

from __future__ import annotations

import http.server
import pathlib
import sys
import time
import urllib.parse

ROOT = pathlib.Path("/srv/cache/web")


def corrupt(content: bytes) -> bytes:
    """Return the content with one bit flipped in each of a few bytes spread over the whole of it."""
    changed = bytearray(content)
    step = max(1, len(changed) // 8)
    for place in range(step // 2, len(changed), step):
        changed[place] ^= 0x10
    return bytes(changed)


class Faults(http.server.BaseHTTPRequestHandler):
    """One request: the first part of the path names the fault, the rest the file."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer with the fault."""
        asked = urllib.parse.unquote(urllib.parse.urlsplit(self.path).path).removeprefix("/fault/")
        kind, name = asked.split("/", 1) if "/" in asked else (asked, "")
        if kind == "hang":
            time.sleep(86400)
        path = ROOT / name
        if kind not in ("truncated", "corrupt") or ".." in path.parts or not path.is_file():
            self.send_error(404)
            return
        content = path.read_bytes()
        self.send_response(200)
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command == "HEAD":
            return
        if kind == "corrupt":
            self.wfile.write(corrupt(content))
        else:
            self.wfile.write(content[: len(content) // 2])
            self.close_connection = True

    do_HEAD = do_GET


if __name__ == "__main__":
    server = http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1]) if sys.argv[1:] else 8081), Faults)
    server.daemon_threads = True
    server.serve_forever()
