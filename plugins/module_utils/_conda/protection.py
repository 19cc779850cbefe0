# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The signs that make conda and pip leave an environment alone, and tell their users what to do instead.

This module util is private to the collection.
"""

from __future__ import annotations

import json
import os

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.prefix_files import python_libraries, write_new


def add(prefix: str, name: str, link: str) -> set[str]:
    """Write ``conda-meta/frozen`` (CEP 22) and ``EXTERNALLY-MANAGED`` (PEP 668), drop the engine's sign for backup tools.

    ``name``: the environment's. ``link``: the path by which its users know it. Returns the paths written, relative to ``prefix``.
    """
    cache_tag = f"{prefix}/CACHEDIR.TAG"
    if os.path.lexists(cache_tag):
        os.unlink(cache_tag)
    text = message(name, link)
    files = {"conda-meta/frozen": json.dumps({"message": text}) + "\n"}
    for library in python_libraries(prefix):
        # A value of configparser: further lines are indented.
        value = text.replace("\n", "\n ")
        files[f"{os.path.relpath(library, prefix)}/EXTERNALLY-MANAGED"] = f"[externally-managed]\nError={value}\n"
    return write_new(prefix, files)


def message(name: str, link: str) -> str:
    """Return who manages the environment and the ways to have further packages."""
    return (
        f"The environment {name} is managed by Ansible (lockstep.gpufleet.conda_env): it equals its lock, and changes\n"
        "made by hand are undone by the next run. To have further packages, choose one of these:\n"
        "- for everybody: add them to the environment.yml, lock it, and run the playbook (lockstep.gpufleet.provision);\n"
        f"- on top of it: {link}/bin/python -m venv --system-site-packages ~/{name}-and-mine\n"
        "  (it stays on the present generation: make it anew when the environment has been switched);\n"
        "- apart from it: conda create -n mine"
    )
