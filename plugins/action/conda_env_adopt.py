# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Read an environment there, write its environment.yml and its lock here."""

from __future__ import annotations

import json
import os
import typing as t

from ansible.plugins.action import ActionBase
from ansible_collections.lockstep.gpufleet.plugins.module_utils._files import read_or_none
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem, text_diff
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locking import adoption, hosts, outputs
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._solving import settings

_ARGUMENTS: dict[str, t.Any] = {
    "prefix": {"type": "path", "required": True},
    "name": {"type": "str"},
    "directory": {"type": "str", "required": True},
    "pip_options": {"type": "list", "elements": "str", "default": []},
    "verify": {"type": "bool", "default": True},
    "strict": {"type": "bool", "default": False},
    "overwrite": {"type": "bool", "default": False},
    **settings.ARGUMENTS,
}


class ActionModule(ActionBase):
    """The action of ``lockstep.gpufleet.conda_env_adopt``."""

    TRANSFERS_FILES = False
    _requires_connection = True
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        task_vars = task_vars or {}
        result = super().run(tmp, task_vars)
        del tmp
        _validated, arguments = self.validate_argument_spec(argument_spec=_ARGUMENTS)
        arguments = json.loads(json.dumps(arguments))  # plain text: YAML does not write what Ansible has marked
        question = {"prefix": arguments["prefix"], "verify": arguments["verify"]}
        answer = self._execute_module("lockstep.gpufleet.conda_prefix_info", module_args=question, task_vars=task_vars)
        if answer.get("failed"):
            result.update(answer)
            return result
        try:
            self._adopt(arguments, answer, task_vars, result)
        except Problem as problem:
            result.update(failed=True, msg=str(problem))
        except OSError as error:
            result.update(failed=True, msg=f"directory: {error.filename or arguments['directory']}: {error.strerror}.")
        return result

    def _adopt(
        self, arguments: dict[str, t.Any], answer: dict[str, t.Any], task_vars: dict[str, t.Any], result: dict[str, t.Any]
    ) -> None:
        host = str(task_vars.get("inventory_hostname", "this host"))
        beside = str(task_vars.get("inventory_dir") or os.getcwd())
        directory = os.path.abspath(os.path.join(beside, os.path.expanduser(arguments["directory"])))
        asked = adoption.Question(
            name=arguments["name"] or os.path.basename(arguments["prefix"].rstrip("/")),
            origin=f"{arguments['prefix']} on {host}",
            directory=directory,
            host=hosts.Host(host, answer["platform"], answer["virtual_packages"]),
            pip_options=tuple(arguments["pip_options"]),
        )
        outputs.check([os.path.join(directory, name) for name in adoption.FILES])
        texts, missing = adoption.make(answer["environment"], asked, settings.of(arguments))
        if missing and arguments["strict"]:
            lines = "".join(f"\n- {one['what']}: {one['why']}; {one['remedy']}" for one in missing)
            raise Problem(f"{asked.origin} cannot be reproduced as it is:{lines}\nWithout strict: true the rest is adopted.")
        before = {name: read_or_none(os.path.join(directory, name)) for name in texts}
        different = [name for name, text in texts.items() if before[name] != text.encode()]
        in_the_way = [name for name in different if before[name] is not None]
        if in_the_way and not arguments["overwrite"]:
            raise Problem(
                f"{directory} has other files of these names: {', '.join(in_the_way)}. Give another directory, or overwrite: true."
            )
        if not self._task.check_mode:
            outputs.write({os.path.join(directory, name): texts[name] for name in sorted(different, key=adoption.FILES.index, reverse=True)})
        for one in missing:
            self._display.warning(f"{asked.origin}: {one['what']}: {one['why']}; {one['remedy']}.")
        paths = [os.path.join(directory, name) for name in different]
        result.update(
            changed=bool(different),
            files=paths,
            plan=[f"write {path}" for path in paths],
            diff=[
                text_diff(os.path.join(directory, name), (before[name] or b"").decode() if before[name] else None, texts[name])
                for name in different
            ],
            not_reproduced=missing,
        )
