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
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem


#: Where what pip reads really lies. conda copies nothing of this folder when somebody clones the environment, so the link to it leads
#: nowhere in the copy, and its owner's pip works.
_FOR_PIP = "conda-meta/EXTERNALLY-MANAGED"


def add(prefix: str, name: str, link: str, contact: str = "") -> set[str]:
    """Write ``conda-meta/frozen`` (CEP 22) and ``EXTERNALLY-MANAGED`` (PEP 668), drop the engine's sign for backup tools.

    ``name``: the environment's. ``link``: the path by which its users know it. ``contact``: whom to ask.
    Returns the paths written, relative to ``prefix``.
    """
    cache_tag = f"{prefix}/CACHEDIR.TAG"
    if os.path.lexists(cache_tag):
        os.unlink(cache_tag)
    text = message(name, link, contact)
    files = {"conda-meta/frozen": json.dumps({"message": text}) + "\n"}
    libraries = python_libraries(prefix)
    if libraries:
        # A value of configparser: further lines are indented.
        value = text.replace("\n", "\n ")
        files[_FOR_PIP] = f"[externally-managed]\nError={value}\n"
    written = write_new(prefix, files)
    for library in libraries:
        path = f"{library}/EXTERNALLY-MANAGED"
        if os.path.lexists(path):
            os.unlink(path)
        os.symlink(os.path.relpath(f"{prefix}/{_FOR_PIP}", library), path)
        written.add(os.path.relpath(path, prefix))
    return written


def message(name: str, link: str, contact: str = "") -> str:
    """Return who manages the environment and the ways to have further packages."""
    return (
        f"The environment {name} is managed by Ansible (lockstep.gpufleet.conda_env): it equals its lock, and changes\n"
        "made by hand are undone by the next run. There are three ways to have further packages:\n"
        "1. for everybody: have them added to its environment.yml, locked, and provisioned (lockstep.gpufleet.provision).\n"
        f"   Whom to ask: {contact or 'the administrators of this host'}\n"
        f"2. for you, on top of it: {link}/bin/python -m venv --system-site-packages ~/{name}-and-mine\n"
        f"   then ~/{name}-and-mine/bin/python -m pip install PACKAGE, and to have it in Jupyter\n"
        f"   ~/{name}-and-mine/bin/python -m ipykernel install --user --name {name.lower()}-and-mine --env PYTHONNOUSERSITE 1\n"
        "   (it stays on the present generation: make it anew when the environment has been switched)\n"
        f"3. for you, apart from it: conda create -n mine, or a copy of it:\n"
        f"   conda create -n mine --clone $(readlink -f {link})"
    )


def check_contact(contact: str) -> str:
    """Return ``contact`` if the message can hold it; raises Problem."""
    if contact != contact.strip() or not contact.isprintable() or len(contact) > 200:
        raise Problem(
            f"contact: {contact!r} must be one line of at most 200 characters, such as a mail address or a channel, "
            "without white space at its ends."
        )
    return contact
