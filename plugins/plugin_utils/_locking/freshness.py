# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether a lock is still that of its input, told without solving.

This plugin util is private to the collection.
"""

from __future__ import annotations

import json
import os

from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locking.planning import CHANNELS, PYPI_NAMES, PYTHON, SPECIFICATION
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locks import strict_yaml
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._specification import reading

#: Name of a lock that nobody names, beside its input.
LOCK = "conda-lock.yml"

#: Characters: the metadata come before the packages.
_METADATA = 1024 * 1024


def path_of(file: str, lock: str | None, beside: str) -> str:
    """Return where the lock of the input ``file`` is: as named, from the directory ``beside``, or next to its input."""
    if lock is None:
        return os.path.join(os.path.dirname(os.path.abspath(file)), LOCK)
    return os.path.abspath(os.path.join(beside, os.path.expanduser(lock)))


def check(file: str, lock: str) -> str | None:
    """Raise Problem if there is no ``lock`` or it was made from another content of ``file``; return a warning if it does not say."""
    if not os.path.isfile(lock):
        raise Problem(f"{file} is not locked yet: {lock} does not exist. {_remedy(file)}")
    try:
        with open(lock, encoding="utf-8") as opened:
            head = strict_yaml.load(opened.read(_METADATA).partition("\npackage:")[0], lock)
        facts = head["metadata"].get("custom_metadata") or {}
    except (OSError, UnicodeDecodeError, Problem, TypeError, KeyError, AttributeError):
        facts = {}  # another tool's lock, or none: whoever reads it tells what is wrong with it
    if SPECIFICATION not in facts:
        return f"{lock} does not say what it was made from, so whether it is that of {file} is not known. {_remedy(file)}"
    try:
        pypi_names = json.loads(facts.get(PYPI_NAMES) or "{}")
    except ValueError:
        pypi_names = None
    if not isinstance(pypi_names, dict):
        pypi_names = {}  # edited by hand
    wanted = reading.read(file, facts.get(CHANNELS, "").split(), facts.get(PYTHON), pypi_names)
    if facts[SPECIFICATION] != wanted.digest():
        raise Problem(f"{lock} was made before {file} was changed. {_remedy(file)}")
    return None


def _remedy(file: str) -> str:
    return (
        "Lock it: ansible-playbook lockstep.gpufleet.lock -i INVENTORY, or let the role do so (conda_env_auto_lock: true). "
        f"Without hosts: ansible-playbook lockstep.gpufleet.lock -e file={file}."
    )
