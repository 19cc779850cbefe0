# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A base: the table of hashes and a local installer lie on the controller, all else is done by the module."""

from __future__ import annotations

import os
import typing as t

from ansible.errors import AnsibleError
from ansible.plugins.action import ActionBase
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.network import conceal
from ansible_collections.lockstep.gpufleet.plugins.module_utils._files import file_sha256
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._installer_hashes import INSTALLERS


class ActionModule(ActionBase):
    """Calls the module once, and a second time with the local installer if the host turns out to need it."""

    _requires_connection = True
    _supports_check_mode = True

    def run(self, tmp: t.Any = None, task_vars: t.Any = None) -> dict[str, t.Any]:
        """Return the module's result."""
        super().run(tmp, task_vars)
        args = conceal(dict(self._task.args))
        name = "%s-%s" % (args.get("distribution") or "Miniconda3", args.get("release"))
        args["known_sha256"] = INSTALLERS.get(name)
        args["uploaded"] = None
        result = self._call(args, task_vars)
        if result.get("failed") or not result.pop("lacks_installer", False):
            return result
        path, places = self._find(str(args["installer"]), task_vars or {})
        if path is None:
            return {
                "failed": True,
                "changed": False,
                "msg": "There is no installer %s. It was looked for in: %s." % (args["installer"], ", ".join(places)),
            }
        problem = _differs(path, result["sha256"])
        if problem is not None:
            return {"failed": True, "changed": False, "msg": problem}
        if self._task.check_mode:
            return result
        remote = self._connection._shell.join_path(self._make_tmp_path(), "installer.sh")
        try:
            self._transfer_file(path, remote)
            self._fixup_perms2([self._connection._shell.tmpdir, remote], execute=False)
            return self._call(dict(args, uploaded=remote), task_vars)
        finally:
            self._remove_tmp_path(self._connection._shell.tmpdir)

    def _call(self, args: dict[str, t.Any], task_vars: t.Any) -> dict[str, t.Any]:
        """Run the module."""
        return self._execute_module(
            module_name="lockstep.gpufleet.miniconda", module_args=args, task_vars=task_vars
        )

    def _find(self, name: str, task_vars: t.Mapping[str, t.Any]) -> tuple[str | None, list[str]]:
        """Return the path of a local file, and the places where it was looked for."""
        name = os.path.expanduser(name)
        if os.path.isabs(name):
            return (name if os.path.isfile(name) else None), [name]
        places = []
        for folder in (task_vars.get("inventory_dir"), os.getcwd()):
            if folder:
                places.append(os.path.join(str(folder), name))
                if os.path.isfile(places[-1]):
                    return places[-1], places
        try:
            return self._find_needle("files", name), places
        except AnsibleError:
            return None, [*places, "the files directories of the play and its roles"]


def _differs(path: str, sha256: str) -> str | None:
    """Return what is wrong with the local installer, None if it has the wanted sha256."""
    try:
        digest = file_sha256(path)
    except OSError as error:
        return "The installer %s cannot be read: %s." % (path, error.strerror)
    if digest == sha256:
        return None
    return "The installer %s has sha256 %s, but %s is wanted: it was altered, or it is another file. It was not used." % (
        path,
        digest,
        sha256,
    )
