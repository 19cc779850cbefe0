# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""First contact: who is logged in and how, and the proof that the next login works with a key.

This plugin util is private to the collection.
"""

from __future__ import annotations

import os
import pathlib
import shlex
import subprocess
import typing as t

from ansible_collections.lockstep.gpufleet.plugins.module_utils._accounts.keys import key_of
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._fresh_login import fresh_login

if t.TYPE_CHECKING:
    from ansible.plugins.action import ActionBase

_SECONDS = 10
"""How long ssh's own programs may take on the controller; they do not use the network here."""


def describe_login(action: ActionBase, *, with_keys: bool) -> dict[str, t.Any] | None:
    """Return the modules' option ``login`` for the connection of ``action``; None where it is not SSH.

    ``with_keys``: also find the public keys that the controller can log in with, which runs ssh's programs.
    """
    connection = action._connection
    if connection.transport != "ssh":
        return None
    configuration = None
    name = connection.get_option("remote_user")
    if with_keys or not name:
        configuration = _configuration(action)
        name = name or dict(configuration).get("user")
    if not name:
        return None
    become = connection.become
    becomes = become is not None and become.name.rpartition(".")[2] == "sudo"
    return {
        "name": name,
        "keys": sorted(_public_keys(configuration)) if with_keys and configuration else [],
        "by_password": bool(connection.get_option("password") or action._play_context.password),
        "becomes": becomes,
        "become_password": bool(becomes and become and become.get_option("become_pass")),
    }


def prove(action: ActionBase, login: t.Mapping[str, t.Any], keys: t.Iterable[str]) -> str | None:
    """Log in afresh with keys only; return None if that works, otherwise what was tried and what to fix.

    ``keys``: the texts of the keys that the account was given.
    """
    proof = fresh_login(action)
    if proof.ok or not proof.applicable:
        return None
    wanted = {key.blob for text in keys for key in (key_of(line) for line in text.splitlines()) if key}
    own = _public_keys(_configuration(action))
    if wanted and not wanted & own:
        hint = (
            "None of the keys given to %s belongs to a private key that this controller would use: add its public key, "
            "or name the private one in ansible_ssh_private_key_file or load it into the agent." % login["name"]
        )
    else:
        hint = (
            "Check sshd on the host: PubkeyAuthentication, AuthorizedKeysFile, AllowUsers and AllowGroups, that the home "
            "of %s is reachable, and that its sudo right fits the become password you gave. A key with a passphrase must "
            "be in the agent." % login["name"]
        )
    return (
        "The keys of %s are in place, but the proof that they open the door failed: %s. %s"
        % (login["name"], proof.reason.rstrip("."), hint)
    )


def _configuration(action: ActionBase) -> list[tuple[str, str]]:
    """Return what ``ssh -G`` says about the connection: the user's ssh_config and Ansible's options together."""
    option = action._connection.get_option
    command = [option("ssh_executable") or "ssh"]
    for name in ("ssh_args", "ssh_common_args", "ssh_extra_args"):
        command += shlex.split(option(name) or "")
    if option("port"):
        command += ["-o", "Port=%s" % option("port")]
    if option("remote_user"):
        command += ["-o", "User=%s" % option("remote_user")]
    if option("private_key_file"):
        command += ["-o", "IdentityFile=%s" % os.path.expanduser(option("private_key_file"))]
    host = option("host") or action._play_context.remote_addr
    said = _said([*command, "-G", "--", host])
    return [(name, value) for name, _space, value in (line.partition(" ") for line in said.splitlines())]


def _public_keys(configuration: t.Iterable[tuple[str, str]]) -> set[str]:
    """Return the blobs of the public keys behind the identity files and in the agent."""
    texts = []
    agent = os.environ.get("SSH_AUTH_SOCK", "")
    for name, value in configuration:
        if name == "identityagent" and value not in ("none", "SSH_AUTH_SOCK"):
            agent = os.path.expanduser(value)
        if name == "identityfile":
            private = pathlib.Path(value).expanduser()
            public = pathlib.Path(str(private) + ".pub")
            said = _said(["ssh-keygen", "-y", "-P", "", "-f", str(private)]) if private.is_file() else ""
            if not said and public.is_file():
                said = public.read_text(errors="replace")
            texts.append(said)
    if agent:
        texts.append(_said(["ssh-add", "-L"], SSH_AUTH_SOCK=agent))
    lines = (line for text in texts for line in text.splitlines())
    return {key.blob for key in map(key_of, lines) if key}


def _said(command: list[str], **environment: str) -> str:
    """Return what a program of ssh's printed; nothing if it failed, is missing or took too long."""
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_SECONDS,
            check=False,
            env={**os.environ, **environment},
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""
