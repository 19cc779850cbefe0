# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""sshd is changed there and confirmed from here."""

from __future__ import annotations

import time
import typing as t

from ansible_collections.lockstep.gpufleet.plugins.module_utils._sshd.offer import check_offer
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils import _offered_methods
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._fresh_login import FreshLogin, fresh_login
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._guarded_action import GuardedAction

# Seconds that a new port is tried for: a firewall that drops makes each try last.
_NEW_PORT = 8


class ActionModule(GuardedAction):
    """Harden sshd as a confirmed transaction."""

    subject = "sshd"
    advice = (
        "See what sshd logged (journalctl -u ssh -u sshd), and look for Match blocks, AllowUsers or AllowGroups of "
        "other files, host keys that this controller does not know, and PAM modules."
    )

    def explain(self, variables: dict[str, t.Any], login: FreshLogin) -> str:
        """Have the host's files read for the reason of a login that failed; an empty text where there is none."""
        if " got in" in login.reason:
            return ""
        answer = self._reach(variables, _phase="explain", _login=login.user, _said=login.reason)
        reasons = (answer or {}).get("reasons", [])
        return f"What this host's files say: {'; '.join(reasons)}. " if reasons else ""

    def after_login(self, variables: dict[str, t.Any], applied: dict[str, t.Any]) -> str | None:
        """Move to the new port, and see on the wire that only keys are offered; a reason to revert, or None."""
        if applied.get("_ports"):
            reason = self._move(variables, applied)
            if reason:
                return reason
        wished = applied.get("_offers")
        if not wished:
            return None
        offered, said = _offered_methods.offered_methods(self)
        if not offered:
            return f"sshd did not say which methods it offers to a login without a key: {said.strip()[-300:]}"
        applied["offered_methods"] = offered
        return check_offer(offered, wished)

    def _move(self, variables: dict[str, t.Any], applied: dict[str, t.Any]) -> str | None:
        """Log in to each new port while the old ones still listen, then have those closed, and log in again."""
        before = {name: self._connection.get_option(name) for name in ("port", "ssh_args")}

        def back(reason: str) -> str:
            for name, value in before.items():
                self._connection.set_option(name, value)
            return reason

        for port in applied["_added_ports"]:
            self._use_port(port, before["ssh_args"])
            login = self._log_in_until(time.monotonic() + _NEW_PORT)
            if not login.ok:
                return back(
                    f"the new port {port} does not let this controller in ({login.reason}). If a firewall closes it, open it "
                    "first; if this controller reaches the host through a forwarded port, forward the new one"
                )
        if applied["_login_port"] in applied["_left_ports"]:
            self._use_port(applied["port"], before["ssh_args"])
        else:
            back("")
        narrowed = self._reach(variables, _phase="narrow", _guard=applied.get("_guard"))
        if narrowed is None or narrowed.get("failed"):
            said = (narrowed or {}).get("msg", "the host could not be reached")
            return back(f"the old port could not be closed: {said}")
        again = fresh_login(self, timeout=10)
        return None if again.ok else back(f"after the old port was closed, {again.reason}")

    def _use_port(self, port: int, ssh_args: str | None) -> None:
        """Have this task's connection go to another port, whatever the user's arguments say."""
        self._connection.set_option("port", port)
        self._connection.set_option("ssh_args", f"-o Port={port} {ssh_args or ''}".strip())
