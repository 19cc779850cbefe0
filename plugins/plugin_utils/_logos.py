# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Logos of kernels: files on the controller, sent along with the entries that name them.

This plugin util is private to the collection.
"""

from __future__ import annotations

import base64
import os
import typing as t

from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem

#: A file that is larger is no logo, and is not read.
_LIMIT = 256 * 1024


def embed(environments: t.Any, find: t.Callable[[str], str]) -> t.Any:
    """Return ``environments`` with ``kernel.logos`` as dictionaries, file name to content in base64.

    ``find``: returns the path of a file, or raises Problem. What has another shape than a list of files is left for the module,
    which says what is wrong with it. Raises Problem that names the entry.
    """
    if not isinstance(environments, list):
        return environments
    return [_entry(entry, find) for entry in environments]


def _entry(entry: t.Any, find: t.Callable[[str], str]) -> t.Any:
    kernel = entry.get("kernel") if isinstance(entry, dict) else None
    files = kernel.get("logos") if isinstance(kernel, dict) else None
    if files is None:
        return entry
    where = f"environment {entry.get('name')!r}: kernel.logos"
    if not isinstance(files, list) or not all(isinstance(name, str) for name in files):
        raise Problem(f"{where} must be a list of image files on the controller; it is {files!r}.")
    logos: dict[str, str] = {}
    for name in files:
        path = find(str(name))
        if os.path.basename(path) in logos:
            raise Problem(f"{where}: two files are called {os.path.basename(path)}.")
        try:
            if os.path.getsize(path) > _LIMIT:
                raise Problem(f"{where}: {path} has {os.path.getsize(path)} bytes; a logo has {_LIMIT} at most.")
            with open(path, "rb") as file:
                logos[os.path.basename(path)] = base64.b64encode(file.read()).decode("ascii")
        except OSError as error:
            raise Problem(f"{where}: {path} cannot be read: {error.strerror}.") from None
    return {**entry, "kernel": {**kernel, "logos": logos}}
