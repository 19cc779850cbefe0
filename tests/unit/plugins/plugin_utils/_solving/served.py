# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""A folder on a server of loopback, whoever asks."""

from __future__ import annotations

import contextlib
import functools
import http.server
import pathlib
import threading
import typing as t


class _Silent(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: t.Any) -> None:
        """Say nothing."""


@contextlib.contextmanager
def folder(path: pathlib.Path) -> t.Iterator[str]:
    """Serve ``path`` and return the server's name and port."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Silent, directory=str(path))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
