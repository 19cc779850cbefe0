# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Read the locks here, make the environments there.

The host is told the digests of the locks first: when it is as they say, that one call was all. Only when something has
to be built, the packages follow, of the host's platform and of the environments concerned.

Work that takes longer than a moment goes on in the background there; this side looks how far it is and tells.
"""

from __future__ import annotations

import contextlib
import getpass
import json
import os
import platform
import secrets
import typing as t
from dataclasses import replace
from urllib.parse import quote

from ansible import constants as C
from ansible.errors import AnsibleError
from ansible.plugins.action import ActionBase
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.arguments import argument_spec
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.network import conceal
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.packages import to_data
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils import _job, _progress
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locks import addresses, normal_form, reading
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locks.normal_form import NormalForm


class ActionModule(ActionBase):
    """The action of ``lockstep.gpufleet.conda_env``."""

    TRANSFERS_FILES = False  # a folder on the host is made only when packages have to be sent
    _requires_connection = True
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        if self._task.async_val:
            return {
                "failed": True,
                "msg": "Take async and poll away from this task: conda_env works in the background of the host by itself, tells how "
                "far it is, survives a lost connection and has a limit of its own (time_limit).",
            }
        task_vars = task_vars or {}
        result = super().run(tmp, task_vars)
        del tmp
        _validated, arguments = self.validate_argument_spec(argument_spec=argument_spec())
        try:
            locks = self._read_locks(arguments, task_vars)
        except Problem as problem:
            result.update(failed=True, msg=str(problem))
            return result
        arguments = conceal(arguments)
        arguments["_locks"] = {
            name: {"path": path, "digests": form.digests(), "unclear": form.unclear, "variables": form.variables}
            for name, (path, form) in locks.items()
        }
        arguments["_who"] = _person()
        if not self._task.check_mode:
            arguments["_job"] = secrets.token_hex(8)
        answer = self._execute_module("lockstep.gpufleet.conda_env", module_args=arguments, task_vars=task_vars)
        needs = answer.pop("_needs", None)
        if needs and not answer.get("failed"):
            try:
                arguments["_packages"] = self._send({name: locks[name] for name in needs}, answer["platform"])
            except Problem as problem:
                result.update(failed=True, msg=str(problem))
                return result
            answer = self._call_again(arguments, task_vars)
        while "_job" in answer:
            answer = self._follow(answer["_job"], arguments, task_vars)
        result.update(answer)
        return result

    def _call_again(self, arguments: dict[str, t.Any], task_vars: dict[str, t.Any]) -> dict[str, t.Any]:
        """Call the module for the same job as before: it is started, or found if a call that was cut off has started it."""
        arguments = dict(arguments, _again=not self._task.check_mode)

        def call() -> dict[str, t.Any]:
            return self._execute_module("lockstep.gpufleet.conda_env", module_args=arguments, task_vars=task_vars)

        return self._patiently(call, task_vars)

    def _follow(
        self, directory: str, arguments: dict[str, t.Any], task_vars: dict[str, t.Any]
    ) -> dict[str, t.Any]:
        """Tell how far the job is until it seems to have ended, and return what the module then says of it."""
        telling = _progress.Telling(
            task_vars.get("inventory_hostname", ""), _progress.interval_for(len(task_vars.get("ansible_play_batch", ())))
        )

        def look() -> str:
            command = _job.command(directory)
            return self._patiently(lambda: self._low_level_execute_command(command), task_vars)["stdout"]

        def tell(state: dict[str, t.Any]) -> None:
            line = telling.next_line(state)
            if line:
                self._display.display(line, stderr=True)

        if _job.follow(look, tell):
            return self._call_again(arguments, task_vars)
        return {
            "failed": True,
            "msg": "The work on this host was lost, maybe the host was restarted. Environments stay as they were until all is "
            "built: run again, it goes on from there.",
        }

    def _patiently(self, call: t.Callable[[], dict[str, t.Any]], task_vars: dict[str, t.Any]) -> dict[str, t.Any]:
        def lost() -> None:
            host = task_vars.get("inventory_hostname", "")
            text = f"{host}: cannot be reached, its work goes on; trying again for {_job.PATIENCE / 60:.0f} minutes"
            self._display.display(text, stderr=True)

        def recover() -> None:
            with contextlib.suppress(Exception):
                self._connection.reset()

        return _job.patiently(call, recover, lost)

    def _read_locks(
        self, arguments: dict[str, t.Any], task_vars: dict[str, t.Any]
    ) -> dict[str, tuple[str, NormalForm]]:
        """Return path and normal form of every lock that is wanted, by the environment's name."""
        places = [task_vars[name] for name in ("inventory_dir",) if task_vars.get(name)] + [os.getcwd()]
        result = {}
        for environment in arguments["environments"]:
            if environment["state"] != "present":
                continue
            name, lock = environment["name"], environment.get("lock")
            if environment.get("file"):
                path = self._lock_of(reading.find(environment["file"], places, self._find_where_ansible_looks, "file"), lock, places)
            elif lock:
                path = reading.find(lock, places, self._find_where_ansible_looks)
            else:
                raise Problem(f"environments: {name} needs a lock, or a file that one is made from.")
            cache = os.path.join(C.DEFAULT_LOCAL_TMP, "lockstep-locks")
            form = reading.read(
                path, environment["categories"], cache, environment.get("pixi_environment"), environment.get("pixi_platform")
            )
            if arguments["require_sha256"]:
                normal_form.require_sha256(form, path)
            result[name] = path, form
        return result

    def _lock_of(self, file: str, lock: str | None, places: t.Sequence[str]) -> str:
        """Return the path of the lock of ``file``, which must be up to date; in check mode also of one that a run would make."""
        # Only those who name a file pay for what reads such files.
        from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locking import freshness, predicted

        wanted = freshness.path_of(file, lock, places[0])
        if self._task.check_mode and (path := predicted.find(C.DEFAULT_LOCAL_TMP, wanted)):
            return path
        warning = freshness.check(file, wanted)
        if warning:
            self._display.warning(warning)
        return wanted

    def _find_where_ansible_looks(self, lock: str) -> str | None:
        try:
            return self._find_needle("files", lock)
        except AnsibleError:
            return None

    def _send(self, locks: dict[str, tuple[str, NormalForm]], platform: str) -> str:
        """Write what ``locks`` name to a file in the task's own folder on the host, and return its path there.

        Archives that lie on the controller go beside it; not in check mode, which fetches nothing either.
        """
        folder = self._connection._shell.tmpdir or self._make_tmp_path()
        join = self._connection._shell.join_path
        packages = {}
        contracts = {}
        for name, (lock, form) in locks.items():
            listed = form.packages(platform)
            sent = {}
            for source, local in addresses.local_archives(listed, lock).items():
                remote = join(folder, f"{name}-{len(sent)}")
                if not self._task.check_mode:
                    self._transfer_file(local, remote)
                sent[source] = "file://" + quote(remote)
            contracts[name] = form.contracts.get(platform, ())
            packages[name] = [to_data(replace(one, source=sent.get(one.source, one.source))) for one in listed]
        path = join(folder, "packages.json")
        self._transfer_data(path, json.dumps({"packages": packages, "contracts": contracts}))
        self._remote_chmod([path], "0600")  # URLs may hold credentials
        self._fixup_perms2((folder, path))
        return path


def _person() -> str:
    """Return who runs Ansible, for the records of holds: ``USER@HOST``."""
    try:
        return f"{os.environ.get('SUDO_USER') or getpass.getuser()}@{platform.node()}"
    except (KeyError, OSError):  # a container whose user has no name
        return f"{os.getuid()}@{platform.node()}"
