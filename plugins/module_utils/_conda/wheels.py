# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Wheels into an environment: by uv, offline, from archives that are verified already.

This module util is private to the collection.
"""

from __future__ import annotations

import csv
import glob
import io
import os
import shutil
import subprocess
import tempfile
import typing as t

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda import children
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.archives import Archive, path_in_cache
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.engine import Engine, clean_environment
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.store import Store
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem


def install(engine: Engine, store: Store, prefix: str, wheels: t.Sequence[Archive]) -> set[str]:
    """Install exactly ``wheels`` into the environment at ``prefix``: no resolving, no building, no network.

    ``wheels`` must be in the archive cache. What uv notes about its own cache is removed, since it differs from
    host to host. Returns the paths, relative to ``prefix``, that belong to wheels now. Raises Problem with uv's words.
    """
    if not wheels:
        return set()
    python = f"{prefix}/bin/python"
    if not os.path.exists(python):
        raise Problem("The lock has pip packages but no conda package 'python' that they could be installed for.")
    work = tempfile.mkdtemp(prefix="wheels-", dir=store.temporary)
    try:
        lines = []
        for wheel in wheels:
            os.symlink(path_in_cache(store.archives, wheel), f"{work}/{wheel.file_name}")
            name, version = wheel.file_name.split("-")[:2]
            lines.append(f"{name}=={version} --hash=sha256:{wheel.sha256}\n")
        with open(f"{work}/requirements.txt", "w", encoding="utf-8") as file:
            file.writelines(lines)
        command = [
            *(engine.uv, "pip", "install", "--python", python, "--requirements", f"{work}/requirements.txt"),
            *("--find-links", work, "--no-index", "--offline", "--no-deps", "--require-hashes", "--no-build"),
            *("--cache-dir", f"{work}/cache", "--no-config", "--no-python-downloads", "--break-system-packages"),
            *("--link-mode", "hardlink", "--no-progress", "--color", "never"),
        ]
        environment = dict(clean_environment(work), TMPDIR=work, PYTHONDONTWRITEBYTECODE="1")
        process = children.run(command, environment, errors=subprocess.STDOUT)
        if process.returncode != 0:
            words = process.stdout.decode("utf-8", "replace").replace(work + "/", "").strip()[-2000:]
            raise Problem(f"The pip packages of the lock cannot be installed (uv, status {process.returncode}): {words}")
        _forget_cache_notes(prefix)
        return _paths_of_wheels(prefix)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _forget_cache_notes(prefix: str) -> None:
    """Remove ``uv_cache.json`` from every dist-info, and its line from RECORD."""
    for note in glob.glob(f"{glob.escape(prefix)}/lib/python*/site-packages/*.dist-info/uv_cache.json"):
        record = f"{os.path.dirname(note)}/RECORD"
        name = f"{os.path.basename(os.path.dirname(note))}/uv_cache.json"
        with open(record, encoding="utf-8", newline="") as file:
            rows = [row for row in csv.reader(file) if row and row[0] != name]
        text = io.StringIO(newline="")
        csv.writer(text, lineterminator="\n").writerows(rows)
        # A new file: the old one may be a hard link.
        os.unlink(record)
        with open(record, "w", encoding="utf-8", newline="") as file:
            file.write(text.getvalue())
        os.unlink(note)


def _paths_of_wheels(prefix: str) -> set[str]:
    """Return the paths that the RECORD files of what uv installed list."""
    paths = set()
    for installer in glob.glob(f"{glob.escape(prefix)}/lib/python*/site-packages/*.dist-info/INSTALLER"):
        with open(installer, encoding="utf-8") as file:
            if file.read().strip() != "uv":
                continue
        site_packages = os.path.dirname(os.path.dirname(installer))
        with open(f"{os.path.dirname(installer)}/RECORD", encoding="utf-8", newline="") as file:
            for row in csv.reader(file):
                if row:
                    paths.add(os.path.relpath(os.path.join(site_packages, row[0]), prefix))
    return paths
