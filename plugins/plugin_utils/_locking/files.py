# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The files that a lock is written as, beside each other.

This plugin util is private to the collection.
"""

from __future__ import annotations

import os

from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locks import (
    conda_lock_text,
    explicit_text,
    pixi_text,
    requirements_text,
)
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locks.document import Document

#: Names of further formats (the option ``formats``).
FORMATS = ("explicit", "explicit_md5", "requirements", "pixi")


def pixi_lock(lock: str) -> str:
    """Return the path of the pixi.lock beside ``lock``."""
    return os.path.join(os.path.dirname(lock), "pixi.lock")


def texts(document: Document, lock: str, formats: tuple[str, ...]) -> dict[str, str]:
    """Return the text of each file by its path, the lock last. Raises Problem about what a format cannot hold."""
    folder = os.path.dirname(lock)
    found = {}
    for platform in sorted(document.platforms):
        if "explicit" in formats:
            found[f"explicit-{platform}.txt"] = explicit_text.text(document, platform)
        if "explicit_md5" in formats:
            found[f"explicit-md5-{platform}.txt"] = explicit_text.text(document, platform, md5=True)
        if "requirements" in formats:
            found[f"requirements-{platform}.txt"] = requirements_text.text(document, platform)
    if "pixi" in formats:
        found["pixi.lock"] = pixi_text.text(document)
    return {**{os.path.join(folder, name): text for name, text in found.items()}, lock: conda_lock_text.text(document)}
