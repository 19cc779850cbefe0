#!/usr/bin/python
# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: access_guard
short_description: Undo what your own tasks change, unless a fresh login confirms it
version_added: 0.1.0
author: lockstep founders (@lockstep)
description:
  - Puts tasks of any kind under the guard that M(lockstep.gpufleet.ssh_hardening) and M(lockstep.gpufleet.firewall) use for
    themselves. V(armed) saves what the tasks will change and starts a timer on the host; V(confirmed) logs in afresh and
    keeps the changes; without it the host puts everything back by itself, at the end of O(window) or at its next boot.
  - Modules of this collection that run in between join the guard instead of arming one of their own. What they save for the
    next boot is saved when the guard is confirmed.
  - A fresh login is a second connection that shares nothing with the first, offers keys only, and becomes root once. One has
    to succeed before the guard is armed, because otherwise nothing could confirm it.
  - A host has one guard at a time. A guard belongs to the run that has armed it; another run waits until it has ended.
extends_documentation_fragment:
  - lockstep.gpufleet._attributes
  - lockstep.gpufleet._guarded
attributes:
  check_mode:
    support: full
    details:
      - Nothing is armed, and nothing has to be confirmed. Whether the fresh logins succeed is not predicted.
  diff_mode:
    support: none
  idempotent:
    support: full
    details:
      - A guard that is armed and confirmed leaves nothing on the host, so neither counts as a change. What a guard puts back
        does.
  platform:
    support: full
    platforms: linux
    details:
      - Needs systemd.
options:
  state:
    description:
      - V(armed) saves everything that O(paths), O(tables) and O(units) name, and starts the timer.
      - V(confirmed) logs in afresh and keeps what was changed since. Where the login fails, the host is restored at once if
        any connection still works, and the task fails.
      - V(reverted) puts everything back now. It does nothing where no guard of this run is left, so it is right in a C(rescue).
    type: str
    choices: [armed, confirmed, reverted]
    default: armed
  paths:
    description:
      - Absolute paths of files, links and directories. What does not exist yet is removed by a restore.
      - Directories are copied as a whole, so name no large ones.
    type: list
    elements: str
    default: []
  tables:
    description:
      - nftables tables, such as V(inet filter).
    type: list
    elements: str
    default: []
  units:
    description:
      - systemd units that read what is covered. After a restore those that were active are reloaded, or restarted where they
        cannot reload, and those that were not are stopped.
    type: list
    elements: str
    default: []
  window:
    description:
      - Seconds from arming to the restore, from 10 to 3600. Everything in between has to fit into it.
    type: int
    default: 60
seealso:
  - module: lockstep.gpufleet.ssh_hardening
  - module: lockstep.gpufleet.firewall
"""

EXAMPLES = r"""
- name: Change how this host is reached, or leave it as it was
  block:
    - name: Save what is about to change
      lockstep.gpufleet.access_guard:
        paths: [/etc/security/access.conf, /etc/pam.d/sshd]
        units: [ssh.service]
        window: 120

    - name: Let only the administrators in
      ansible.builtin.copy:
        content: |
          +:(administrators):ALL
          -:ALL:ALL
        dest: /etc/security/access.conf
        mode: "0644"

    - name: Keep it if a fresh login succeeds
      lockstep.gpufleet.access_guard:
        state: confirmed
  rescue:
    - name: Put everything back at once
      lockstep.gpufleet.access_guard:
        state: reverted
      register: undone

    - name: Say so
      ansible.builtin.fail:
        msg: "{{ ansible_failed_result.msg }} {{ undone.guard_report | join('; ') }}"
"""

RETURN = r"""
guard:
  description: Name of the guard.
  type: str
  returned: when there is one
  sample: access_guard-1f0c22ab
plan:
  description: What is, or would be, saved, one sentence for each part.
  type: list
  elements: str
  returned: when O(state=armed)
  sample: ['save /etc/pam.d/sshd', 'undo all in 120 seconds unless confirmed']
confirmed_by:
  description: V(fresh_login), or V(probe) where the connection is not SSH.
  type: str
  returned: when O(state=confirmed)
  sample: fresh_login
guard_report:
  description: What the host has put back, as its restore program says.
  type: list
  elements: str
  returned: when the host was restored
  sample: ['restoring at runtime, 2026-11-22T18:52:11Z', 'put back /etc/pam.d/sshd', 'reloaded ssh.service', complete]
"""

import os
import re
import stat
import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lockstep.gpufleet.plugins.module_utils._guard import arming, phases
from ansible_collections.lockstep.gpufleet.plugins.module_utils._guard import guard as guards
from ansible_collections.lockstep.gpufleet.plugins.module_utils._guard.snapshot import Cover
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem
from ansible_collections.lockstep.gpufleet.plugins.module_utils._sshd import banner

_TABLE = re.compile(r"(ip|ip6|inet|arp|bridge|netdev) [A-Za-z_][A-Za-z0-9_/.\\-]*")
_KINDS = (stat.S_IFREG, stat.S_IFLNK, stat.S_IFDIR)
_UNIT = re.compile(r"[A-Za-z0-9:_.@\\-]+\.[a-z]+")


def main() -> None:
    options = {name: option for name, option in phases.GUARD_OPTIONS.items() if name != "guard"}
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["armed", "confirmed", "reverted"], "default": "armed"},
            "paths": {"type": "list", "elements": "str", "default": []},
            "tables": {"type": "list", "elements": "str", "default": []},
            "units": {"type": "list", "elements": "str", "default": []},
            **options,
        },
        supports_check_mode=True,
    )
    phases.finish_guard(module, probe=banner.probe)
    try:
        result = STATES[module.params["state"]](module)
        module.exit_json(**{"changed": False, **result})
    except Problem as problem:
        module.fail_json(msg=str(problem), **problem.facts)


def arm(module: AnsibleModule) -> dict[str, t.Any]:
    """Save what the options name and start the timer; in check mode only say so."""
    run, window = module.params["_run"], module.params["window"]
    phases.check_window(window)
    wanted = cover(module.params)
    told = phases.tell_earlier(module)
    own = guards.of_run(run)
    if own is not None:
        raise Problem(f"this run has already armed the guard {own.identifier} on this host; confirm or revert it first")
    plan = [f"save {name}" for name in (*wanted.paths, *wanted.tables, *wanted.units)]
    result = {"plan": [*plan, f"undo all in {window} seconds unless confirmed"], "_told": told}
    if not module.check_mode:
        result["guard"] = arming.arm(guards.USERS_OWN, wanted, window, run).identifier
    return result


def cover(options: t.Mapping[str, t.Any]) -> Cover:
    """Return what the options name; raises Problem with the option and the value."""
    for path in options["paths"]:
        if not path.startswith("/") or path.rstrip("/") == "" or "\n" in path or "/../" in f"{path}/":
            raise Problem(f"paths: '{path}' is not the absolute path of a file or directory")
        if os.path.lexists(path) and stat.S_IFMT(os.lstat(path).st_mode) not in _KINDS:
            raise Problem(f"paths: {path} is neither a file, a link nor a directory, so it cannot be saved")
    for name in options["tables"]:
        if not _TABLE.fullmatch(name):
            raise Problem(f"tables: '{name}' is not a family and a name, such as 'inet filter'")
    for name in options["units"]:
        if not _UNIT.fullmatch(name):
            raise Problem(f"units: '{name}' is not the full name of a unit, such as 'ssh.service'")
    found = Cover(*(tuple(dict.fromkeys(options[name])) for name in ("paths", "tables", "units")))
    if not (found.paths or found.tables):
        raise Problem("there is nothing to guard: name what your tasks change in paths or tables")
    return found


def confirm(module: AnsibleModule) -> dict[str, t.Any]:
    """Return the guard that the action has to confirm; raises Problem where there is none to confirm any more."""
    guards.refuse_ended(module.params["_run"])
    own = guards.of_run(module.params["_run"])
    if own is not None:
        return {"guard": own.identifier, "_window": own.remaining, "_joined": own.joined}
    raise Problem("no guard of this run is armed on this host; arm one first, in the same run of Ansible")


def revert(module: AnsibleModule) -> dict[str, t.Any]:
    """Put everything back, or tell what the host has put back already."""
    own = guards.of_run(module.params["_run"]) or guards.ended_in_run(module.params["_run"])
    if own is None:
        return {"guard_report": []}
    if module.check_mode:
        return {"guard": own.identifier}
    return {"guard": own.identifier, "changed": True, "guard_report": guards.revert(own.identifier)}


STATES = {"armed": arm, "confirmed": confirm, "reverted": revert}

if __name__ == "__main__":
    main()
