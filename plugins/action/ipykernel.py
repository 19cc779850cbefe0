# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Kernels: logos lie on the controller, all else is done by the module."""

from __future__ import annotations

import os
import typing as t

from ansible.errors import AnsibleError
from ansible.plugins.action import ActionBase
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils import _logos
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locks import reading


class ActionModule(ActionBase):
    """Calls the module once, with the logos that its entries name."""

    TRANSFERS_FILES = False
    _requires_connection = True
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        """Return the module's result."""
        task_vars = task_vars or {}
        result = super().run(tmp, task_vars)
        del tmp
        arguments = dict(self._task.args)
        places = [str(place) for place in (task_vars.get("inventory_dir"), os.getcwd()) if place]
        try:
            arguments["environments"] = _logos.embed(
                arguments.get("environments"), lambda name: reading.find(name, places, self._needle, "logo")
            )
        except Problem as problem:
            result.update(failed=True, changed=False, msg=str(problem))
            return result
        if arguments["environments"] is None:
            del arguments["environments"]  # the module says that it is missing
        result.update(
            self._execute_module(
                module_name="lockstep.gpufleet.ipykernel", module_args=arguments, task_vars=task_vars
            )
        )
        return result

    def _needle(self, name: str) -> str | None:
        """Return where Ansible finds a file itself, None where it does not."""
        try:
            return self._find_needle("files", name)
        except AnsibleError:
            return None
