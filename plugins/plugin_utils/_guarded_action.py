# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The transaction over both sides: prove access, change under a guard, prove access again, confirm.

This plugin util is private to the collection.

The module is called in check mode first: that is the plan, and all there is when nothing is to be done. Only then a
fresh login is made, the module applies the plan under a guard, another fresh login confirms it. Where none succeeds the
host restores itself: at once if any connection still works, otherwise at the end of the window.

Within a guard that the user has armed in the same run (access_guard) the module joins that one: the login is proven here
as well, and confirming is left to the user's own task.
"""

from __future__ import annotations

import time
import typing as t

from ansible.errors import AnsibleConnectionFailure, AnsibleError
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._fresh_login import FreshLogin, fresh_login
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._run import RUN

display = Display()

# Seconds that a restore may take after the window is over.
_GRACE = 20


class GuardedAction(ActionBase):
    """Base of the actions whose module changes how this host is reached. Subclasses name their ``subject``."""

    _requires_connection = True
    #: What the module is about, for messages: "sshd", "the firewall".
    subject = "access"
    #: What to do when the fresh login after the change failed.
    advice = ""

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        """Run the module in its phases; see this file's head."""
        result = super().run(tmp, task_vars)
        del tmp
        hidden = sorted(name for name in self._task.args if name.startswith("_"))
        if hidden:
            raise AnsibleError(f"{self._task.action} has no option {', '.join(hidden)}")
        result.update(self._perform(task_vars or {}))
        return _without_internals(result)

    def _perform(self, variables: dict[str, t.Any]) -> dict[str, t.Any]:
        """Plan, and carry the plan out as a transaction."""
        plan = self._plan(variables)
        if plan.get("_told") and not self._task.check_mode:
            self._call(variables, _phase="forget")
        if plan.get("failed") or plan.get("unreachable") or not plan.get("changed") or self._task.check_mode:
            return plan
        told = plan.get("warnings", [])
        result = {**plan, **self._change(variables, plan)}
        result["warnings"] = [*told, *(warning for warning in result.get("warnings", []) if warning not in told)]
        if not result["warnings"]:
            del result["warnings"]
        return result

    def _plan(self, variables: dict[str, t.Any]) -> dict[str, t.Any]:
        """Run the module in check mode: what it would do is what the transaction will do."""
        asked = self._task.check_mode
        self._task.check_mode = True
        try:
            return self._call(variables)
        finally:
            self._task.check_mode = asked

    def _call(self, variables: dict[str, t.Any], **more: t.Any) -> dict[str, t.Any]:
        arguments = {name: value for name, value in self._task.args.items() if value is not None}
        arguments.update(more, _run=RUN)
        return self._execute_module(
            module_name=self._task.resolved_action or self._task.action, module_args=arguments, task_vars=variables
        )

    def _change(self, variables: dict[str, t.Any], plan: dict[str, t.Any]) -> dict[str, t.Any]:
        proof = fresh_login(self)
        if proof.applicable and not proof.ok:
            return {
                "failed": True,
                "changed": False,
                "msg": f"nothing was changed, because the login account would not get in with a key: {proof.reason}. "
                f"{self.explain(variables, proof)}Install a key for it (accounts, authorized_key), and check that this "
                "controller has it.",
            }
        began = time.monotonic()
        window = int(plan.get("_window", 60))
        said = f"{self.subject} of {self._host} was changed ({'; '.join(plan.get('plan', []))})"
        applied = self._reach(variables)
        if applied is None or _was_killed(applied):
            return self._cut_off(variables, plan, began + window)
        if applied.get("failed"):
            return applied
        identifier = applied.get("_guard")
        joined = identifier is not None and identifier == plan.get("_joins")
        if not proof.applicable:
            if joined:
                return self._conclude(applied, {"joined": identifier})
            return self._conclude(applied, self._confirm_until(variables, identifier, began + window, "probe"))
        again = self._log_in_until(began + window / 2)
        if not again.ok:
            return self._failed(variables, f"{said}, but {again.reason}", identifier, began + window)
        reason = self.after_login(variables, applied)
        # After the window the host has restored itself, and the confirmation says so better.
        if reason and (not identifier or time.monotonic() < began + window):
            return self._failed(variables, f"{said}, but {reason}", identifier, began + window)
        if joined:
            return self._conclude(applied, {"joined": identifier})
        return self._conclude(applied, self._confirm_until(variables, identifier, began + window))

    @property
    def _host(self) -> str:
        """The host as the connection names it."""
        return str(self._play_context.remote_addr)

    def explain(self, variables: dict[str, t.Any], login: FreshLogin) -> str:
        """Say what the host's own files have to say about a login that failed, as a sentence with a blank after it."""
        return ""

    def after_login(self, variables: dict[str, t.Any], applied: dict[str, t.Any]) -> str | None:
        """Prove more than the confirming login does, before the change is confirmed; return a reason to revert, or None."""
        return None

    def _log_in_until(self, end: float) -> FreshLogin:
        """Try the fresh login until it succeeds, at least once, and until ``end``.

        Where sshd says no, only once more: it holds each failed login against this controller (PerSourcePenalties) and
        soon would not let it in at all, not even over what the host has restored.
        """
        denied = 0
        while True:
            remaining = end - time.monotonic()
            login = fresh_login(self, timeout=max(2, min(10, int(remaining))))
            denied += login.denied
            if login.ok or not login.applicable or denied > 1 or time.monotonic() + 1 > end:
                return login
            display.vv(f"still trying: {login.reason}", host=self._host)
            time.sleep(1)

    def _confirm_until(
        self, variables: dict[str, t.Any], identifier: str | None, end: float, by: str = "fresh_login"
    ) -> dict[str, t.Any]:
        """Confirm over any connection that works, until the window ends; the host has the last word."""
        while True:
            confirmed = self._reach(variables, _phase="confirm", _guard=identifier, _confirmed_by=by)
            if confirmed is not None:
                return confirmed
            if time.monotonic() > end:
                text = "the confirmation could not be sent in time, so the host restores itself; the next run says how"
                return {"failed": True, "changed": False, "msg": text, "guard_report": []}
            time.sleep(1)

    def _reach(self, variables: dict[str, t.Any], **more: t.Any) -> dict[str, t.Any] | None:
        """Run a phase of the module; None where the host cannot be reached."""
        try:
            answer = self._call(variables, **more)
        except AnsibleConnectionFailure:
            return None
        except AnsibleError:
            # Became root before, and does so no more: as good as a lost connection once a guard is armed.
            if "_phase" not in more:
                raise
            return None
        return None if answer.get("unreachable") else answer

    def _cut_off(self, variables: dict[str, t.Any], plan: dict[str, t.Any], deadline: float) -> dict[str, t.Any]:
        """The change was cut off in the middle: see the host restored, and say so.

        Asking the host for its plan waits there until it has restored itself, and tells what that was.
        """
        said = f"the change of {self.subject} of {self._host} was cut off ({'; '.join(plan.get('plan', []))})"
        if plan.get("_joins"):
            return self._failed(variables, said, plan["_joins"], deadline)
        while True:
            answer = self._reach(variables, _phase="settle")
            if answer is not None and not answer.get("failed"):
                told = answer.get("told") or ["the host was restored already, or nothing had been changed"]
                return self._reverted(f"{said}. {'; '.join(told)}", True)
            if time.monotonic() > deadline + _GRACE:
                return self._reverted(
                    f"{said}, and the host cannot be reached. Unless guard is false, it restores itself at the end of the "
                    "window, on its own", False
                )
            time.sleep(1)

    @staticmethod
    def _conclude(applied: dict[str, t.Any], confirmed: dict[str, t.Any]) -> dict[str, t.Any]:
        result = {name: value for name, value in applied.items() if name != "diff"}
        if confirmed.get("failed"):
            result.update(failed=True, msg=confirmed.get("msg"))
            if "guard_report" in confirmed:
                result.update(changed=False, reverted=True)
        else:
            result.update({name: value for name, value in confirmed.items() if name not in ("changed", "invocation")})
        return result

    def _failed(
        self, variables: dict[str, t.Any], said: str, identifier: str | None, deadline: float
    ) -> dict[str, t.Any]:
        """Have the host restored, see that it is, and say what happened. ``said``: what was done, and what came of it."""
        if not identifier:
            return {
                "failed": True,
                "changed": True,
                "msg": f"{said}. There is no guard (guard is false), so the change is still in force. {self.advice}",
            }
        reverted = self._reach(variables, _phase="revert", _guard=identifier)
        if reverted is not None and not reverted.get("failed"):
            how = "The host has restored itself at once, over the connection that was still open"
            # sshd may be starting only now.
            back = self._log_in_until(time.monotonic() + 10)
        else:
            time.sleep(max(0.0, deadline - time.monotonic()))
            back = self._log_in_until(deadline + _GRACE)
            how = "The host has restored itself at the end of the window, on its own" if back.ok else (
                "The host restores itself at the end of the window, on its own"
            )
            reverted = self._reach(variables, _phase="revert", _guard=identifier) if back.ok else None
        report = (reverted or {}).get("guard_report", [])
        if report:
            how = f"{how}: {'; '.join(report)}"
        after = "the login works again" if back.ok else f"but the login is not proven to work again: {back.reason}"
        return self._reverted(f"{said}. {how}; {after}", back.ok, report)

    def _reverted(self, said: str, login_works: bool, report: t.Sequence[str] = ()) -> dict[str, t.Any]:
        return {
            "failed": True,
            "changed": False,
            "reverted": True,
            "login_after_revert": login_works,
            "guard_report": list(report),
            "msg": f"{said}. {self.advice}".strip(),
        }


def _was_killed(result: dict[str, t.Any]) -> bool:
    """Whether the module did not come to its own end: a module that does answers in JSON."""
    return bool(result.get("failed")) and "module_stdout" in result


def _without_internals(result: dict[str, t.Any]) -> dict[str, t.Any]:
    """Drop what the two halves said to each other, and the arguments that were not the user's."""
    kept = [name for name in result if not name.startswith("_") or name.startswith("_ansible")]
    cleaned = {name: result[name] for name in kept}
    arguments = cleaned.get("invocation", {}).get("module_args")
    if isinstance(arguments, dict):
        cleaned["invocation"] = {
            "module_args": {name: value for name, value in arguments.items() if not name.startswith("_")}
        }
    return cleaned
