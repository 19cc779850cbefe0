# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Asking sshd from outside what it offers: a login that brings no key, and so cannot succeed.

This plugin util is private to the collection.

It goes the way of the fresh login, jump hosts included. It costs the source address a failed login, which newer OpenSSH
penalises, so it is done once, and only in runs that changed sshd.
"""

from __future__ import annotations

import time
import typing as t

from ansible.errors import AnsibleError

from ansible_collections.lockstep.gpufleet.plugins.module_utils._sshd.offer import WITHOUT_A_KEY, parse_offer
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils import _fresh_login

if t.TYPE_CHECKING:
    from ansible.plugins.action import ActionBase

# ssh(1) takes the first value, so that these win over everything that the user set. The level lets ssh say what it was told.
_ARGUMENTS = " ".join([*WITHOUT_A_KEY, "-o", "LogLevel=ERROR"])
_TRIES = 3


def offered_methods(action: ActionBase, timeout: int = 10) -> tuple[list[str], str]:
    """Return the methods that the task's host offers to a login without a key, and what ssh said.

    No methods where ssh did not get as far as being told. Never raises for a login that fails.
    """
    said = ""
    for attempt in range(_TRIES):
        if attempt:
            time.sleep(1)
        status, said = _ask(action, timeout)
        methods = parse_offer(status, said)
        if methods is not None:
            return methods, said
    return [], said


def _ask(action: ActionBase, timeout: int) -> tuple[int, str]:
    probe = _fresh_login._copy_with_fresh_connection(action, None, timeout)
    connection = probe._connection
    connection.set_option("ssh_args", f"{_ARGUMENTS} {connection.get_option('ssh_args') or ''}".strip())
    connection.set_option("private_key_file", "")
    if "private_key" in connection.get_options():
        connection.set_option("private_key", None)
    try:
        answer = probe._low_level_execute_command("true", sudoable=False)
    except AnsibleError as error:
        return 255, str(error)
    return answer["rc"], answer["stderr"]
