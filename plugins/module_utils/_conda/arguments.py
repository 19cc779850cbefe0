# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The options of ``conda_env``, shared by its action and its module.

This module util is private to the collection.
"""

from __future__ import annotations

import typing as t

STATES = ("present", "absent", "rolled_back")


def argument_spec() -> dict[str, t.Any]:
    """Return the options as a user gives them."""
    return {
        "environments": {
            "type": "list",
            "elements": "dict",
            "required": True,
            "options": {
                "name": {"type": "str", "required": True},
                "lock": {"type": "str"},
                "state": {"type": "str", "choices": list(STATES), "default": "present"},
                "kernel": {"type": "dict"},
            },
        },
        "root": {"type": "path", "default": "/opt/lockstep"},
        "base": {"type": "path", "default": "/opt/miniconda3"},
        "engine_mirror": {"type": "str"},
        "timeout": {"type": "int", "default": 30},
        "retries": {"type": "int", "default": 3},
    }
