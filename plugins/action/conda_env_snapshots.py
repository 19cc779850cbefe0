# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Bring the exports of a host's environments to the controller: one call there, a few files here."""

from __future__ import annotations

import os
import typing as t

from ansible.plugins.action import ActionBase
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils import _snapshots

_ARGUMENTS = {
    "directory": {"type": "str", "required": True},
    "generations": {"type": "dict", "required": True},
    "root": {"type": "path", "default": "/opt/lockstep"},
}


class ActionModule(ActionBase):
    """The action of ``lockstep.gpufleet.conda_env_snapshots``."""

    TRANSFERS_FILES = False
    _requires_connection = True
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        task_vars = task_vars or {}
        result = super().run(tmp, task_vars)
        del tmp
        _validated, arguments = self.validate_argument_spec(argument_spec=_ARGUMENTS)
        wanted = {str(name): str(prefix) for name, prefix in arguments["generations"].items()}
        answer: dict[str, t.Any] = {"environments": []}
        if wanted:
            question = {
                "root": arguments["root"],
                "environments": sorted(wanted),
                "level": "none",
                "exports": list(_snapshots.FILES),
            }
            answer = self._execute_module("lockstep.gpufleet.conda_env_info", module_args=question, task_vars=task_vars)
            if answer.get("failed"):
                result.update(answer)
                return result
        try:
            directory = _snapshots.place(
                arguments["directory"], task_vars.get("inventory_dir") or os.getcwd(), task_vars["inventory_hostname"]
            )
            plan = _snapshots.make_plan(directory, wanted, answer["environments"])
            if plan and not self._task.check_mode:
                _snapshots.apply(plan)
        except Problem as problem:
            result.update(failed=True, msg=str(problem))
            return result
        except OSError as error:
            result.update(failed=True, msg=f"directory: {error.filename or arguments['directory']}: {error.strerror}.")
            return result
        result.update(
            changed=bool(plan),
            directory=directory,
            plan=[str(step) for step in plan.steps],
            diff=list(plan.diff),
        )
        return result
