# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Locks that a run would make, kept for the rest of a run in check mode: later tasks then predict from them.

This plugin util is private to the collection.
"""

from __future__ import annotations

import hashlib
import os
import typing as t

from ansible_collections.lockstep.gpufleet.plugins.module_utils._files import write_atomically


def store(temporary: str, texts: t.Mapping[str, str]) -> None:
    """Keep ``texts``, by the paths that they would have. ``temporary``: a directory of this run, which Ansible removes."""
    for path, text in texts.items():
        place = _place(temporary, path)
        os.makedirs(os.path.dirname(place), mode=0o700, exist_ok=True)
        write_atomically(place, text.encode())


def find(temporary: str, path: str) -> str | None:
    """Return where the text is that ``path`` would have, or None if it would stay as it is."""
    place = _place(temporary, path)
    return place if os.path.isfile(place) else None


def _place(temporary: str, path: str) -> str:
    folder = hashlib.sha256(os.path.abspath(path).encode()).hexdigest()
    return os.path.join(temporary, "lockstep-predicted", folder, os.path.basename(path))
