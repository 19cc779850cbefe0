# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Variables of an environment: what ``conda activate`` and ``conda run`` set (``variables`` of an environment.yml).

This module util is private to the collection.
"""

from __future__ import annotations

import json
import re
import typing as t

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.prefix_files import write_new

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

#: conda's own sign for "not set" (``CONDA_ENV_VARS_UNSET_VAR``): as a value it would vanish.
_UNSET = "***unset***"


def check(variables: t.Any) -> dict[str, str]:
    """Return the variables, sorted; raises ValueError with what is wrong, fit to be shown."""
    if not isinstance(variables, dict):
        raise ValueError("variables are no names with values")
    for name, value in variables.items():
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no name of a variable")
        if not isinstance(value, str) or value == _UNSET or "\0" in value:
            raise ValueError(f"the value of {name} is no text that a variable can have")
    return dict(sorted(variables.items()))


def add(prefix: str, variables: t.Mapping[str, str]) -> set[str]:
    """Write ``conda-meta/state`` as ``conda env config vars set`` does, if there are any; return the paths written."""
    if not variables:
        return set()
    return write_new(prefix, {"conda-meta/state": json.dumps({"env_vars": dict(variables), "version": 1}, ensure_ascii=False)})
