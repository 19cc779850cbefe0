# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The options of ``conda_env``, shared by its action and its module, and those of every module that downloads.

This module util is private to the collection.
"""

from __future__ import annotations

import typing as t

STATES = ("present", "absent", "rolled_back")

#: How deeply a generation is compared with its seal, cheapest first (``drift.py``).
LEVELS = ("records", "paths", "full")


def network_spec() -> dict[str, t.Any]:
    """Return the options about how downloads reach their servers, which all modules that download share."""
    return {
        "proxy": {"type": "str"},
        "ca_bundle": {"type": "path"},
        "netrc": {"type": "path"},
        "credentials": {"type": "dict", "no_log": True},
    }


def argument_spec() -> dict[str, t.Any]:
    """Return the options as a user gives them."""
    return {
        **network_spec(),
        "environments": {
            "type": "list",
            "elements": "dict",
            "required": True,
            "options": {
                "name": {"type": "str", "required": True},
                "lock": {"type": "str"},
                "file": {"type": "str"},
                "state": {"type": "str", "choices": list(STATES), "default": "present"},
                "categories": {"type": "list", "elements": "str", "default": ["main"]},
                "pixi_environment": {"type": "str"},
                "pixi_platform": {"type": "str"},
                "generation": {"type": "str"},
                "hold": {"type": "bool", "default": True},
                "pinned": {"type": "list", "elements": "str", "default": []},
                "smoke_test": {
                    "type": "dict",
                    "options": {
                        "imports": {"type": "list", "elements": "str", "default": []},
                        "command": {"type": "str"},
                        "user": {"type": "str", "default": "nobody"},
                        "timeout": {"type": "int", "default": 120},
                    },
                },
                "replace_unmanaged": {"type": "bool", "default": False},
                "user_site": {"type": "bool", "default": False},
                "bytecode": {"type": "bool", "default": True},
                "kernel": {"type": "dict"},
            },
        },
        "root": {"type": "path", "default": "/opt/lockstep"},
        "base": {"type": "path", "default": "/opt/miniconda3"},
        "engine_mirror": {"type": "str"},
        "timeout": {"type": "int", "default": 30},
        "retries": {"type": "int", "default": 3},
        "require_sha256": {"type": "bool", "default": True},
        "mirrors": {"type": "dict", "default": {}},
        "level": {"type": "str", "choices": list(LEVELS), "default": "paths"},
        "preflight": {"type": "str", "choices": ["enforce", "warn"], "default": "enforce"},
        "contact": {"type": "str", "default": ""},
        "keep": {"type": "int", "default": 3},
        "keep_days": {"type": "int", "default": 14},
        "time_limit": {"type": "int", "default": 7200},
    }
