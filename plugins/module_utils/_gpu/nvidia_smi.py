# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What nvidia-smi says; the last resort, for hosts where its library lies at a place that only it knows.

This module util is private to the collection.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import typing as t
from xml.etree import ElementTree

_PATH = "/usr/bin:/bin:/usr/local/bin:/usr/lib/wsl/lib:/usr/local/nvidia/bin"
_MIB = re.compile(r"(\d+) MiB")


def parse(text: str) -> dict[str, t.Any]:
    """Return the same dictionary as nvml.query, out of ``nvidia-smi -q -x``. Raises ValueError for other text."""
    try:
        log = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise ValueError(f"nvidia-smi wrote no XML: {error}") from None
    gpus = []
    for gpu in log.findall("gpu"):
        minor = gpu.findtext("minor_number", "")
        memory = _MIB.match(gpu.findtext("fb_memory_usage/total", ""))
        gpus.append(
            {
                "bus": gpu.get("id", ""),
                "name": gpu.findtext("product_name"),
                "uuid": gpu.findtext("uuid"),
                "minor": int(minor) if minor.isdigit() else None,
                "memory_mib": int(memory.group(1)) if memory else None,
                "compute_capability": None,
            }
        )
    cuda = log.findtext("cuda_version", "")
    return {
        "driver": log.findtext("driver_version"),
        "cuda": cuda if re.match(r"\d+\.\d+\Z", cuda) else None,
        "gpus": gpus,
    }


def query(seconds: float) -> tuple[dict[str, t.Any] | None, str | None]:
    """Return (answer, None), or (None, why there is none) after at most ``seconds``."""
    program = shutil.which("nvidia-smi", path=os.environ.get("PATH", "") + ":" + _PATH)
    if not program:
        return None, "nvidia-smi is not installed"
    try:
        done = subprocess.run(
            [program, "-q", "-x"], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds, check=False
        )
        return parse(done.stdout), None
    except subprocess.TimeoutExpired:
        return None, f"no answer within {seconds:g} seconds"
    except (OSError, ValueError) as error:
        return None, str(error)
