# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The fresh login: proof that the login account still, or already, gets in with a key.

This plugin util is private to the collection.

The connection that a task runs over proves nothing: it was authenticated before the change, and a multiplexed master
answers even where sshd would refuse everybody. A fresh login is a second connection of the same plugin, with the same
options, jump hosts included, that shares nothing with the first, offers keys only, and then becomes root once as the
task would.
"""

from __future__ import annotations

import copy
import dataclasses
import typing as t

from ansible.errors import AnsibleConnectionFailure, AnsibleError
from ansible.plugins.loader import connection_loader

if t.TYPE_CHECKING:
    from ansible.plugins.action import ActionBase
    from ansible.plugins.connection import ConnectionBase

# ssh(1) takes the first value that it is given for an option, so these stand before everything the user set.
_FRESH_ARGUMENTS = (
    # Never answered by, never becoming a multiplex master: sshd itself has to authenticate us.
    "-o ControlMaster=no -o ControlPath=none",
    # Keys only, and nobody is asked for anything: a passphrase or a password would prove the wrong thing.
    "-o PreferredAuthentications=publickey -o BatchMode=yes",
    # A rule that drops an established connection must end this login, not hang it.
    "-o ServerAliveInterval=5 -o ServerAliveCountMax=2",
)
# The option -S is not like that: it outdoes what was said before it, so ours stands after everything the user set.
_LAST_ARGUMENTS = "-S none"


@dataclasses.dataclass(frozen=True)
class FreshLogin:
    """What a fresh login showed.

    ``ok``: the account got in with a key and, if the task asks for it, became the other user.
    ``applicable``: False where the connection is not SSH; then nothing was tried and ``ok`` is False.
    ``user``: the account that was tried; None where ssh(1) chooses it and the login failed.
    ``reason``: a sentence for people that says what was tried and what came of it.
    """

    ok: bool
    applicable: bool
    user: str | None
    reason: str

    @property
    def denied(self) -> bool:
        """Whether sshd answered and refused the account's keys, which trying again seldom changes."""
        return not self.ok and "Permission denied (" in self.reason


def fresh_login(
    action: ActionBase, *, become: bool = True, user: str | None = None, timeout: int | None = None
) -> FreshLogin:
    """Log in to the task's host once more, with keys only, over a connection of its own.

    ``action``: the running action plugin; its connection's resolved options, its become plugin and its become password
    are used. Its password is not. ``become``: after the login also become the task's other user, where it has one.
    ``user``: another account than the task's. ``timeout``: seconds for the connection to be set up; as the task's.
    Never raises for a login that fails: the result says why. Connections other than ``ssh`` give a result that is
    not applicable.
    """
    current = action._connection
    if current.transport != "ssh":
        return FreshLogin(
            False, False, None, f"not applicable: the connection is {current.transport}, and only ssh logs in afresh"
        )
    probe = _copy_with_fresh_connection(action, user, timeout)
    account = probe._connection.get_option("remote_user")
    host = probe._connection.get_option("host") or probe._play_context.remote_addr
    tried = f"a fresh login to {host}{' as ' + account if account else ''} with keys only"
    try:
        entered = probe._low_level_execute_command("id -un", sudoable=False)
    except AnsibleError as error:
        return FreshLogin(False, True, account, f"{tried} failed: {_reason(error)}")
    if entered["rc"] != 0:
        return FreshLogin(
            False, True, account, f"{tried} got in but could not run 'id -un': {_last_line(entered['stderr'])}"
        )
    account = _last_line(entered["stdout"]) or account
    if not become or probe._connection.become is None:
        return FreshLogin(True, True, account, f"{tried} succeeded")
    name = probe._connection.become.name.rpartition(".")[2]
    try:
        became = probe._low_level_execute_command("true", sudoable=True)
    except AnsibleError as error:
        return FreshLogin(False, True, account, f"{tried} got in, but {name} failed: {_reason(error)}")
    if became["rc"] != 0:
        said = _last_line(became["stderr"]) or _last_line(became["stdout"]) or f"exit status {became['rc']}"
        return FreshLogin(False, True, account, f"{tried} got in, but {name} failed: {said}")
    return FreshLogin(True, True, account, f"{tried} and {name} succeeded")


def _copy_with_fresh_connection(action: ActionBase, user: str | None, timeout: int | None) -> ActionBase:
    """Return a copy of ``action`` that runs its commands over a new connection without a password."""
    context = action._play_context.copy()
    # The ssh plugin falls back on the play context (-k on the command line) when its own option is empty.
    context.password = ""
    connection: ConnectionBase = connection_loader.get(action._connection._load_name, context)
    options = dict(action._connection.get_options())
    options["password"] = ""
    options["ssh_args"] = " ".join([*_FRESH_ARGUMENTS, options.get("ssh_args") or ""]).strip()
    options["ssh_extra_args"] = f"{options.get('ssh_extra_args') or ''} {_LAST_ARGUMENTS}".strip()
    # Whoever calls decides about trying again.
    options["reconnection_retries"] = 0
    if user is not None:
        options["remote_user"] = user
    if timeout is not None:
        options["timeout"] = timeout
    connection.set_options(direct=options)
    connection._shell = action._connection._shell
    connection.set_become_plugin(action._connection.become)
    probe = copy.copy(action)
    probe._play_context = context
    probe._connection = connection
    return probe


def _reason(error: AnsibleError) -> str:
    """Return what ssh or the become method said, without Ansible's preamble and ssh's debug lines."""
    text = str(error)
    if isinstance(error, AnsibleConnectionFailure):
        text = text.replace("Failed to connect to the host via ssh: ", "")
    lines = [line.strip() for line in text.splitlines()]
    said = [line for line in lines if line and not line.startswith(("debug1:", "debug2:", "debug3:", "OpenSSH_"))]
    return " ".join(said[-4:]) or type(error).__name__


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1].strip() if lines else ""
