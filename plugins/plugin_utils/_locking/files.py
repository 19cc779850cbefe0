# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The files that a lock is written as, beside each other.

This plugin util is private to the collection.
"""

from __future__ import annotations

import os
import typing as t

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


def paths(lock: str, platforms: t.Iterable[str], formats: t.Collection[str]) -> list[str]:
    """Return the paths of what ``texts`` returns for a document of these ``platforms``."""
    names = [name for platform in sorted(platforms) for format_, name in _names(platform).items() if format_ in formats]
    pixi = [pixi_lock(lock)] if "pixi" in formats else []
    return [*(os.path.join(os.path.dirname(lock), name) for name in names), *pixi, lock]


def texts(document: Document, lock: str, formats: t.Collection[str]) -> dict[str, str]:
    """Return the text of each file by its path, the lock last. Raises Problem about what a format cannot hold."""
    return {**others(document, lock, formats), lock: conda_lock_text.text(document)}


def others(document: Document, lock: str, formats: t.Collection[str]) -> dict[str, str]:
    """Return the text of each file but the lock, which takes the longest to write, by its path. Raises Problem as ``texts``."""
    found = []
    for platform in sorted(document.platforms):
        if "explicit" in formats:
            found.append(explicit_text.text(document, platform))
        if "explicit_md5" in formats:
            found.append(explicit_text.text(document, platform, md5=True))
        if "requirements" in formats:
            found.append(requirements_text.text(document, platform))
    if "pixi" in formats:
        found.append(pixi_text.text(document))
    return dict(zip(paths(lock, document.platforms, formats)[:-1], found, strict=True))


def _names(platform: str) -> dict[str, str]:
    """Return the file names of one platform, by format."""
    return {
        "explicit": f"explicit-{platform}.txt",
        "explicit_md5": f"explicit-md5-{platform}.txt",
        "requirements": f"requirements-{platform}.txt",
    }
