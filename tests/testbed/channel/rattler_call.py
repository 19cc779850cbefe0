# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls of py-rattler in a process of its own: it has threads, and must not share one with anything that forks."""

from __future__ import annotations

import json
import subprocess
import sys
import typing as t

from testbed.runtime import BedError

from .recipe import HERE, clean_environment


def call(program: str, request: dict[str, t.Any]) -> t.Any:
    """Run ``program`` of this folder with ``request`` as JSON on its standard input; return its answer."""
    done = subprocess.run(
        [sys.executable, "-I", HERE / program],
        input=json.dumps(request),
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise BedError(f"{program} failed on {request['channel']}:\n{done.stderr.strip()}")
    return json.loads(done.stdout)
