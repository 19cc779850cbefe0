# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Calls of py-rattler in a child process (``rattler_program.py``).

This plugin util is private to the collection.
"""

from __future__ import annotations

import json
import os
import typing as t
from urllib.parse import urlsplit

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda import children
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.dialogue import how_it_ended
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.download import redact
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._solving import environment, tools
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._solving.model import Settings


class Refused(Exception):
    """py-rattler's own error. ``kind``: the name of its class. ``about``: the spec or the platform that was looked at."""

    def __init__(self, kind: str, text: str, about: str = "") -> None:
        super().__init__(text)
        self.kind = kind
        self.about = about


def call(request: dict[str, t.Any], channels: t.Sequence[str], settings: Settings) -> t.Any:
    """Return the answer to ``request`` about ``channels``, URLs as they are asked for. Raises Refused, or Problem if there is
    no py-rattler, or it died.
    """
    os.makedirs(settings.cache, mode=0o700, exist_ok=True)
    program = os.path.join(os.path.dirname(__file__), "rattler_program.py")
    request = {
        **request,
        "channels": list(channels),
        "headers": _headers(channels, settings),
        "cache": f"{settings.cache}/repodata",
        "timeout": max(1, round(settings.network.timeout)),
    }
    python = settings.tools.python
    try:
        process = children.run([python, "-I", "-B", program], environment.clean(settings.cache, settings.network), json.dumps(request).encode())
    except OSError as error:
        raise Problem(f"controller_python: {python} cannot be run: {error.strerror}.") from None
    try:
        answer = json.loads(process.stdout)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        words = redact(process.stderr.decode("utf-8", "replace")).strip()[-2000:]
        raise Problem(f"The solver (py-rattler) {how_it_ended(process.returncode)}." + (f" It said: {words}" if words else ""))
    if "error" in answer:
        kind, text = answer["error"]["kind"], redact(answer["error"]["text"])
        if kind in ("ImportError", "ModuleNotFoundError"):
            raise Problem(f"{python} on the controller has no py-rattler that solves ({text}). {tools.remedy(python)}")
        raise Refused(kind, text, answer["error"].get("about", ""))
    return answer["answer"]


def _headers(channels: t.Sequence[str], settings: Settings) -> dict[str, dict[str, str]]:
    """Return what each server is told, by its name."""
    found = {}
    for url in channels:
        value = settings.network.authorization(url)
        if value:
            found[urlsplit(url).hostname or ""] = {"Authorization": value}
    return found
