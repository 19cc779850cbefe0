# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Make locks on the controller: no host is asked anything."""

from __future__ import annotations

import contextlib
import json
import os
import typing as t

from ansible import constants as C
from ansible.errors import AnsibleError
from ansible.plugins.action import ActionBase
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locking import (
    differences,
    files,
    freshness,
    hosts,
    job,
    options,
    outputs,
    planning,
    predicted,
)
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locks import reading
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._solving import settings
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._solving.model import Settings

_ARGUMENTS: dict[str, t.Any] = {
    "file": {"type": "str"},
    "lock": {"type": "str"},
    "hosts": {"type": "list", "elements": "str"},
    "platforms": {"type": "list", "elements": "str", "default": []},
    "virtual_packages": {"type": "dict", "default": {}},
    "exclude_newer": {"type": "str"},
    "update": {"type": "list", "elements": "str"},
    "formats": {
        "type": "list",
        "elements": "str",
        "choices": list(files.FORMATS),
        "default": [],
    },
    "policy": {"type": "str", "choices": list(reversed(planning.POLICIES)), "default": "enforce"},
    "pin": {"type": "bool", "default": False},
    "code": {"type": "str"},
    "channels": {"type": "list", "elements": "str", "default": ["conda-forge"]},
    "python": {"type": "str"},
    "mirrors": {"type": "dict", "default": {}},
    **settings.ARGUMENTS,
}

#: What of the variables of hosts counts.
_OF_HOSTS = ("conda_env_environments", "conda_lock_host", "inventory_dir")


class ActionModule(ActionBase):
    """The action of ``lockstep.gpufleet.conda_lock``."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        task_vars = task_vars or {}
        result = super().run(tmp, task_vars)
        del tmp
        _validated, arguments = self.validate_argument_spec(argument_spec=_ARGUMENTS)
        arguments = _plain(arguments)
        try:
            options.check(arguments)
            outcomes = self._outcomes(self._asked(arguments, task_vars), arguments)
        except Problem as problem:
            result.update(failed=True, msg=str(problem), **problem.facts)
            return result
        result.update(
            changed=any(outcome.texts for outcome in outcomes),
            locks=[_returned(outcome) for outcome in outcomes],
            plan=[str(outcome) for outcome in outcomes if outcome.texts],
            diff=[diff for outcome in outcomes for diff in outcome.diff()],
        )
        if not outcomes:
            result["msg"] = "No environment of these hosts names a file that it is made from (conda_env_environments), so nothing is locked."
        for outcome in outcomes:
            for note in (*outcome.job.notes, *outcome.notes) if outcome.texts else ():
                self._display.display(note, stderr=True)
            if outcome.findings:
                lines = "".join(f"\n- {finding}" for finding in outcome.findings)
                self._display.warning(f"{outcome.job.asked.file} is locked. What could be better about it:{lines}")
        return result

    def _asked(self, arguments: dict[str, t.Any], task_vars: dict[str, t.Any]) -> list[hosts.Asked]:
        if (arguments["file"] is None) == (not arguments["hosts"]):
            raise Problem("Give either file, for one input, or hosts, for all that the environments of these are made from.")
        if arguments["file"] is not None:
            file = self._find(arguments["file"], task_vars)
            return [hosts.Asked(file, _beside(file, arguments["lock"], task_vars))]
        unknown = sorted(set(arguments["hosts"]) - set(task_vars["hostvars"]))
        if unknown:
            raise Problem(f"hosts: {', '.join(unknown)}: no such host in the inventory.")
        variables = {name: _of_host(task_vars["hostvars"], name, name in arguments["hosts"]) for name in task_vars["hostvars"]}
        return hosts.of_fleet(
            arguments["hosts"],
            variables,
            lambda file, host: self._find(file, variables[host]),
            lambda file, lock, host: _beside(file, lock, variables[host]),
        )

    def _find(self, file: str, variables: t.Mapping[str, t.Any]) -> str:
        places = [variables["inventory_dir"]] if variables.get("inventory_dir") else []
        return reading.find(file, [*places, os.getcwd()], self._find_where_ansible_looks, "file")

    def _find_where_ansible_looks(self, file: str) -> str | None:
        try:
            return self._find_needle("files", file)
        except AnsibleError:
            return None

    def _outcomes(self, asked: t.Sequence[hosts.Asked], arguments: dict[str, t.Any]) -> list[job.Outcome]:
        """Make all locks, and write them when all are made: an error about one leaves the others as they are."""
        chosen = planning.Options(
            platforms=tuple(arguments["platforms"]),
            virtual_packages=arguments["virtual_packages"],
            exclude_newer=arguments["exclude_newer"] or "",
            update=None if arguments["update"] is None else tuple(arguments["update"]),
            policy=arguments["policy"],
            formats=tuple(arguments["formats"]),
            pin=arguments["pin"],
            code=arguments["code"] and os.path.abspath(os.path.expanduser(arguments["code"])),
        )
        how = settings.of(arguments, planning.moment(arguments["exclude_newer"]))
        reader = job.Input(tuple(arguments["channels"]), arguments["python"], arguments["pypi_names"])
        with contextlib.ExitStack() as stack:
            for one in sorted(asked, key=lambda one: os.path.realpath(one.lock)):  # in one order, or two runs wait for each other
                stack.enter_context(job.alone(one.lock, how.cache))
            observed = [job.observe(one, reader, chosen) for one in asked]
            planning.check_update(chosen.update, [(one.present, one.specification) for one in observed])
            outcomes = [self._lock(one, chosen, how) for one in observed]
            texts = job.to_write(outcomes)
            if self._task.check_mode:
                predicted.store(C.DEFAULT_LOCAL_TMP, texts)
            else:
                outputs.write(texts)
        return outcomes

    def _lock(self, observed: job.Job, chosen: planning.Options, how: Settings) -> job.Outcome:
        if observed.why is not None and observed.targets:
            platforms = " and ".join(target.platform for target in observed.targets)
            file = os.path.relpath(observed.asked.file)
            self._display.display(f"{file}: solving for {platforms}, because {observed.why}", stderr=True)
            for warning in observed.warnings:
                self._display.warning(warning)
        return job.make(observed, chosen, how)


def _plain(value: t.Any) -> t.Any:
    """Return data without the marks of where it comes from, which Ansible puts on text and YAML does not write."""
    return json.loads(json.dumps(value))


def _of_host(hostvars: t.Mapping[str, t.Any], name: str, needed: bool) -> dict[str, t.Any]:
    """Return what counts of a host's variables; those of hosts that are not locked for may not be known in this play."""
    try:
        variables = hostvars[name]  # looked up once: Ansible gathers all variables of the host for it
        return {key: _plain(variables.get(key)) for key in _OF_HOSTS}
    except AnsibleError:
        if needed:
            raise
        return {}


def _beside(file: str, lock: str | None, variables: t.Mapping[str, t.Any]) -> str:
    return freshness.path_of(file, lock, variables.get("inventory_dir") or os.getcwd())


def _returned(outcome: job.Outcome) -> dict[str, t.Any]:
    observed = outcome.job
    hosts_have = {target.platform: dict(target.virtual_packages) for target in observed.targets}
    platforms = {}
    for platform, entries in outcome.document.platforms.items():
        managers = [entry.package.manager for entry in entries]
        counts = {name: managers.count(name) for name in ("conda", "pip")}
        platforms[platform] = {**counts, "virtual_packages": hosts_have.get(platform, {})}
    return {
        "file": observed.asked.file,
        "lock": observed.asked.lock,
        "changed": bool(outcome.texts),
        "why": observed.why or "what is wanted has not changed",
        "platforms": platforms,
        "changes": differences.data(outcome.changes),
        "findings": [finding.data() for finding in outcome.findings],
        "notes": [*observed.notes, *observed.warnings, *outcome.notes],
        "files": sorted(outcome.texts, key=lambda path: path != observed.asked.lock),
    }
