# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a guarded module does besides planning and applying: confirm, and revert.

This module util is private to the collection.

The action calls a guarded module in check mode (the plan), then to apply it under a guard, then to confirm or to
revert. The options that say so begin with an underscore: they are between the two halves, not for users.
"""

from __future__ import annotations

import typing as t

from .._plan import Problem
from . import arming
from . import guard as guards
from .snapshot import Cover

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

#: Options that every guarded module has.
GUARD_OPTIONS: dict[str, dict[str, t.Any]] = {
    "guard": {"type": "bool", "default": True},
    "window": {"type": "int", "default": 60},
    "_phase": {"type": "str", "choices": ["plan", "confirm", "revert", "settle", "forget"], "default": "plan"},
    "_guard": {"type": "str"},
    "_run": {"type": "str", "default": ""},
    "_confirmed_by": {"type": "str", "choices": ["fresh_login", "probe"], "default": "fresh_login"},
}


def finish_guard(
    module: AnsibleModule,
    keep: t.Callable[[], dict[str, t.Any] | None] | None = None,
    probe: t.Callable[[], None] | None = None,
) -> None:
    """Leave the module if it was called to confirm or to revert; otherwise return.

    ``keep`` makes the change survive a reboot; it runs after the guard is gone, so that an unconfirmed change is never
    persistent. ``probe`` is the local proof where no fresh login is possible; it raises Problem.
    """
    phase = module.params["_phase"]
    if phase == "plan":
        return
    try:
        if phase == "forget":
            guards.forget_restored()
            module.exit_json(changed=False)
        if phase == "settle":
            told = guards.settle()
            guards.forget_restored()
            module.exit_json(changed=False, told=told)
        if phase == "revert":
            module.exit_json(changed=True, guard_report=guards.revert(module.params["_guard"]))
        if module.params["_confirmed_by"] == "probe" and probe is not None:
            probe()
        if module.params["_guard"]:
            guards.confirm(module.params["_guard"])
    except Problem as problem:
        module.fail_json(msg=str(problem), **problem.facts)
    try:
        kept = (keep and keep()) or {}
    except (Problem, OSError) as error:
        text = f"the change is confirmed and in force, but it could not be saved for the next boot: {error}"
        module.fail_json(msg=text, changed=True)
    module.exit_json(changed=True, confirmed_by=module.params["_confirmed_by"], **kept)


def check_window(window: int) -> None:
    """Refuse a window that no login fits into, or that keeps a host unreachable for long."""
    if not 10 <= window <= 3600:
        raise Problem(f"window is {window} seconds; it must be from 10 to 3600")


def tell_earlier(module: AnsibleModule) -> list[str]:
    """Wait for the end of an earlier, unconfirmed change, and warn of what this host has undone by itself."""
    told = guards.settle(module.params["_run"])
    for sentence in told:
        module.warn(sentence)
    return told


def settle_earlier(module: AnsibleModule) -> dict[str, t.Any]:
    """Do as ``tell_earlier``.

    Returns facts for the action: the seconds that a change has to be confirmed in, what was told, whose record the action
    has removed once the user has read it outside check mode, and the user's own guard that a change would join.
    """
    told = tell_earlier(module)
    joins = guards.of_run(module.params["_run"]) if module.params["guard"] else None
    window = joins.remaining if joins else module.params["window"]
    return {"_window": window, "_told": told, "_joins": joins.identifier if joins else None}


def arm_unless_off(module: AnsibleModule, purpose: str, cover: Cover) -> str | None:
    """Arm a guard, or join the one that the user has armed in this run; return its identifier.

    None where the user has switched guards off.
    """
    if not module.params["guard"]:
        return None
    run = module.params["_run"]
    options = {name: value for name, value in module.params.items() if not name.startswith("_")}
    guard = arming.join(purpose, options, cover, run) or arming.arm(purpose, cover, module.params["window"], run)
    return guard.identifier
