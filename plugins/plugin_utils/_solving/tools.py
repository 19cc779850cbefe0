# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The programs on the controller that solve: a Python that has py-rattler, and uv.

This plugin util is private to the collection.
"""

from __future__ import annotations

import os
import shutil
import sys

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.engine_wheels import VERSIONS
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._solving.model import Tools


def find(python: str | None, uv: str | None) -> Tools:
    """Return the tools; the options name them, else Ansible's own Python is taken, and uv beside it or in ``PATH``.

    Starts nothing. Raises Problem if a named one does not exist; a uv that is nowhere is found out by who needs it.
    """
    python = _program("controller_python", python) if python else sys.executable
    if uv:
        return Tools(python, _program("uv", uv))
    beside = os.path.join(os.path.dirname(python), "uv")
    return Tools(python, beside if os.access(beside, os.X_OK) else shutil.which("uv") or "uv")


def remedy(python: str) -> str:
    """Return what to type to have py-rattler where it is looked for."""
    return f"Install it there: {python} -m pip install py-rattler=={VERSIONS['py-rattler']} uv. Or name another Python (controller_python)."


def _program(option: str, path: str) -> str:
    found = shutil.which(os.path.expanduser(path))
    if found is None:
        raise Problem(f"{option}: {path} is no program on the controller.")
    return os.path.abspath(found)
