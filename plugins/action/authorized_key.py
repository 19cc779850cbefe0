# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Keys of one user: one module call, and the proof that a key works when it is the login's own account."""

from __future__ import annotations

import typing as t

from ansible.plugins.action import ActionBase
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._first_contact import describe_login, prove


class ActionModule(ActionBase):
    """Tells the module who is logged in, and logs in afresh when the login's own keys were touched."""

    _requires_connection = True
    _supports_check_mode = True

    def run(self, tmp: t.Any = None, task_vars: t.Any = None) -> dict[str, t.Any]:
        """Return the module's result; failed where the keys are in place but do not open the door."""
        super().run(tmp, task_vars)
        args = dict(self._task.args)
        login = describe_login(self, with_keys=False)
        mine = login is not None and args.get("user") == login["name"]
        if mine:
            login = describe_login(self, with_keys=True)
        args["login"] = login
        result = self._execute_module(
            module_name="lockstep.gpufleet.authorized_key", module_args=args, task_vars=task_vars
        )
        if login is None or not mine or result.get("failed") or self._task.check_mode:
            return result
        if args.get("state", "present") == "present" and (result.get("changed") or login["by_password"]):
            keys = args.get("keys") or ()
            problem = prove(self, login, [keys] if isinstance(keys, str) else keys)
            result["proven"] = problem is None
            if problem is not None:
                result.update(failed=True, msg=problem)
        return result
