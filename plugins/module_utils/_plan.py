# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The shape that every module has: observe, plan, apply.

This module util is private to the collection.

A module's ``main()`` reads::

    state = observe(...)                    # reads the host, changes nothing
    plan = make_plan(wanted, state)         # pure; raises Problem on bad input
    conclude(module, plan, apply)           # check mode ends here, or apply(plan) runs
"""

from __future__ import annotations

import dataclasses
import typing as t

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule


class Problem(Exception):
    """The one clear error that a user gets.

    The text names the file, line or option, says what is wrong and what to do. It never holds a secret.
    ``facts`` are further return values of the failed task.
    """

    def __init__(self, message: str, **facts: t.Any) -> None:
        super().__init__(message)
        self.facts = facts


@dataclasses.dataclass(frozen=True)
class Plan:
    """What apply would do. An empty plan means that the host is as wanted.

    ``steps``: data in the order of execution; ``str(step)`` is a sentence for people.
    ``diff``: Ansible's diff dictionaries (``before``, ``after``, ``before_header``, ``after_header``).
    ``warnings``: sentences shown to the user whether or not anything changes.
    """

    steps: tuple[t.Any, ...] = ()
    diff: tuple[dict[str, str], ...] = ()
    warnings: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.steps)


def text_diff(path: str, before: str | None, after: str | None) -> dict[str, str]:
    """Return Ansible's diff of one text file; ``None`` means that the file does not exist."""
    return {
        "before_header": path if before is not None else path + " (absent)",
        "after_header": path if after is not None else path + " (absent)",
        "before": before or "",
        "after": after or "",
    }


def conclude(
    module: AnsibleModule,
    plan: Plan,
    apply: t.Callable[[Plan], dict[str, t.Any] | None],
    **result: t.Any,
) -> t.NoReturn:
    """Leave the module: in check mode with the prediction, otherwise after ``apply(plan)``.

    This is the one place that asks about check mode. ``apply`` is not called with an empty plan;
    what it returns updates ``result``. A ``Problem`` out of ``apply`` ends the module with its text and, since a change
    is made whole or not at all, as unchanged, unless its facts say otherwise.
    """
    result["changed"] = bool(plan)
    result["plan"] = [str(step) for step in plan.steps]
    if plan.diff:
        result["diff"] = list(plan.diff)
    for warning in plan.warnings:
        module.warn(warning)
    if plan and not module.check_mode:
        try:
            result.update(apply(plan) or {})
        except Problem as problem:
            module.fail_json(msg=str(problem), **{**result, "changed": False, **problem.facts})
    module.exit_json(**result)
