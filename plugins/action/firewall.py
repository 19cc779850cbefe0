# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The firewall is changed there and confirmed from here; who is in a group of the inventory is known only here."""

from __future__ import annotations

import fcntl
import json
import os
import typing as t

from ansible import constants as C
from ansible.errors import AnsibleActionFail, AnsibleError

from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils import _inventory_addresses as addresses
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._guarded_action import GuardedAction


class ActionModule(GuardedAction):
    """Replace the table as a confirmed transaction."""

    subject = "the firewall"
    advice = (
        "Compare ssh_sources with the address that the host sees (echo $SSH_CONNECTION), and look for tables of others "
        "that drop connections (nft list ruleset)."
    )
    _groups: dict[str, list[str]] | None = None

    def _call(self, variables: dict[str, t.Any], **more: t.Any) -> dict[str, t.Any]:
        """Tell the module the addresses of the groups that the task names."""
        if self._groups is None:
            self._groups = self._resolve(variables)
        return super()._call(variables, **{**more, "_groups": self._groups} if self._groups else more)

    def _resolve(self, variables: dict[str, t.Any]) -> dict[str, list[str]]:
        names = addresses.named_groups(self._task.args)
        if not names or self._task.args.get("state") == "absent":
            return {}
        # A fleet's hosts run the same task, and each runs in a process of its own: the first one asks for all.
        path = os.path.join(C.DEFAULT_LOCAL_TMP, f"lockstep-groups-{self._task._uuid}")
        with open(path, "a+", encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(0)
            known: dict[str, dict[str, list[str]]] = json.loads(file.read() or "{}")
            # With variables in its arguments a task may name other groups on another host.
            key = " ".join(sorted(names))
            if key not in known:
                known[key] = self._look_up(names, variables)
                file.truncate(0)
                file.write(json.dumps(known))
            return known[key]

    @staticmethod
    def _look_up(names: list[str], variables: dict[str, t.Any]) -> dict[str, list[str]]:
        hosts = variables["hostvars"]

        def variables_of(host: str) -> t.Mapping[str, t.Any]:
            try:
                return {name: hosts[host].get(name) for name in addresses.VARIABLES}
            except AnsibleError as error:
                raise Problem(f"the address of {host} cannot be known: {error}") from error

        try:
            return addresses.group_addresses(names, variables["groups"], variables_of, addresses.resolve_here)
        except Problem as problem:
            raise AnsibleActionFail(f"nothing was changed: {problem}") from problem
