# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Files of ours in an environment that is being built.

This module util is private to the collection.
"""

from __future__ import annotations

import glob
import os
import typing as t


def write_new(prefix: str, files: t.Mapping[str, str | bytes]) -> set[str]:
    """Write new files below ``prefix``, content by path, and their folders; return the paths.

    What lay there is unlinked first: it may be a hard link into the cache.
    """
    for relative, content in files.items():
        path = f"{prefix}/{relative}"
        os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
        if os.path.lexists(path):
            os.unlink(path)
        with open(path, "wb") as file:
            file.write(content.encode("utf-8") if isinstance(content, str) else content)
    return set(files)


def python_libraries(prefix: str) -> list[str]:
    """Return the folders of Python's standard library: one, or none in an environment without Python."""
    found = glob.glob(f"{glob.escape(prefix)}/lib/python3.*")
    return sorted(path for path in found if os.path.isdir(path) and not os.path.islink(path))
