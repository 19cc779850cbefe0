# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Accounts: one module call, and at first contact by password the proof that a key works."""

from __future__ import annotations

import typing as t

from ansible.plugins.action import ActionBase
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._first_contact import describe_login, prove


class ActionModule(ActionBase):
    """Tells the module who is logged in, and logs in afresh when the login's own account was touched."""

    _requires_connection = True
    _supports_check_mode = True

    def run(self, tmp: t.Any = None, task_vars: t.Any = None) -> dict[str, t.Any]:
        """Return the module's result; failed where the keys are in place but do not open the door."""
        super().run(tmp, task_vars)
        args = dict(self._task.args)
        entries = [user for user in args.get("users") or () if isinstance(user, dict)]
        login = describe_login(self, with_keys=False)
        mine = next((user for user in entries if login and user.get("name") == login["name"]), None)
        if mine is not None and (mine.get("exclusive_keys") or _has_options(mine)):
            login = describe_login(self, with_keys=True)
        args["login"] = login
        result = self._execute_module(
            module_name="lockstep.gpufleet.accounts", module_args=args, task_vars=task_vars
        )
        if login is None or result.get("failed") or self._task.check_mode:
            return result
        if mine is None:
            if login["by_password"]:
                result.setdefault("warnings", []).append(
                    "This host is reached by password as %s, which is not among the accounts: it has no key from here, "
                    "and ssh_hardening will refuse to make the host key-only." % login["name"]
                )
        elif result.get("changed") or login["by_password"]:
            problem = prove(self, login, mine.get("keys") or ())
            result["proven"] = problem is None
            if problem is not None:
                result.update(failed=True, msg=problem)
        return result


def _has_options(user: t.Mapping[str, t.Any]) -> bool:
    """Say whether a key of ``user`` carries options, which may limit the login."""
    return any(not str(key).lstrip().startswith(("ssh-", "ecdsa-", "sk-")) for key in user.get("keys") or ())
