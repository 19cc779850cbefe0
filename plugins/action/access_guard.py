# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A guard for the user's own tasks: armed there after a login from here, confirmed by another one."""

from __future__ import annotations

import time
import typing as t

from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._fresh_login import fresh_login
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._guarded_action import GuardedAction


class ActionModule(GuardedAction):
    """Arm, confirm or revert a guard that covers what the tasks in between change."""

    advice = "Compare what the tasks since the guard was armed have changed with what the report says was put back."

    def _perform(self, variables: dict[str, t.Any]) -> dict[str, t.Any]:
        state = self._task.args.get("state", "armed")
        if state == "reverted":
            return self._call(variables)
        if state == "confirmed" and self._task.check_mode:
            return {"changed": False}  # nothing was armed, so there is nothing to confirm
        plan = self._plan(variables)
        if plan.get("_told") and not self._task.check_mode:
            self._call(variables, _phase="forget")
        if plan.get("failed") or plan.get("unreachable") or self._task.check_mode:
            return plan
        return self._confirm(variables, plan) if state == "confirmed" else {**plan, **self._arm(variables)}

    def _arm(self, variables: dict[str, t.Any]) -> dict[str, t.Any]:
        proof = fresh_login(self)
        if proof.applicable and not proof.ok:
            return {
                "failed": True,
                "msg": f"no guard was armed, because no login could confirm it later: {proof.reason}. Install a key for the "
                "login account (accounts, authorized_key), and check that this controller has it.",
            }
        return self._call(variables)

    def _confirm(self, variables: dict[str, t.Any], plan: dict[str, t.Any]) -> dict[str, t.Any]:
        """Log in afresh and keep all that was changed; otherwise have the host restored."""
        identifier, window = plan["guard"], int(plan["_window"])
        deadline = time.monotonic() + window
        login = self._log_in_until(time.monotonic() + window / 2)
        if login.applicable and not login.ok:
            said = f"{self._host} was changed under the guard {identifier}, but {login.reason}"
            return self._failed(variables, said, identifier, deadline)
        by = "fresh_login" if login.applicable else "probe"
        confirmed = self._confirm_until(variables, identifier, deadline, by)
        if confirmed.get("failed"):
            return confirmed
        for joined in plan["_joined"]:
            # What a module does after its own confirmation, such as saving the firewall's table for the next boot.
            kept = self._execute_module(
                module_name=f"lockstep.gpufleet.{joined['module']}",
                module_args={**joined["options"], "_phase": "confirm", "_confirmed_by": "fresh_login"},
                task_vars=variables,
            )
            if kept.get("failed"):
                return {**kept, "changed": True}
        return {**plan, "confirmed_by": by}
