# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""The figures that every part of the channel shares."""

from __future__ import annotations

import os
import pathlib

HERE = pathlib.Path(__file__).parent

# Debian 12's Python. It needs glibc >= 2.36, which Debian 12 and everything newer has.
PYTHON_VERSION = "3.11.2"
PYTHON = "3.11"
GLIBC = "2.36"

# What the fleet sees, whichever network it is on; so locks are the same for every fleet.
CHANNEL_URL = "http://conda.bed.test/channel"
WHEELS_URL = "http://conda.bed.test/wheels"
INSTALLERS_URL = "http://conda.bed.test/installers"

# Every file in every package carries this time (2026-10-01T00:00:00Z, in seconds): equal inputs give equal bytes.
TIMESTAMP = 1790812800

# The prefix that is written into files at build time and replaced at install time. 255 bytes, as conda-build's own.
PLACEHOLDER = ("/opt/bed_build/_env" + "_placehold" * 30)[:255]

# Environment variables of the machine that change what a build or an installed program does.
UNWANTED_ENVIRONMENT = ("PYTHON", "CONDA", "MAMBA", "LD_", "VIRTUAL_ENV", "_CE_")
# ... and those that only downloads need.
DOWNLOAD_ENVIRONMENT = ("PIP_", "UV_", "SSL_", "REQUESTS_", "CURL_", "http_proxy", "https_proxy", "no_proxy", "HTTP")


def clean_environment(*, download: bool = False) -> dict[str, str]:
    """Return the environment for a child process: this machine's, without what would make results differ.

    ``download``: keep pip's configuration and certificates, which a download on this machine may need.
    """
    unwanted = UNWANTED_ENVIRONMENT + (() if download else DOWNLOAD_ENVIRONMENT)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(unwanted)}
    return kept | {"LC_ALL": "C.UTF-8", "TZ": "UTC"}
