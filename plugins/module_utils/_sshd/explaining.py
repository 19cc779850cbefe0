# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Why a login with a key failed: sentences for people, each with what to do.

This module util is private to the collection. Pure. The login itself is the proof, and it has failed by the time this
is asked; nothing here ever lets a change pass.
"""

from __future__ import annotations

import typing as t

from . import admission
from .account import Account
from .effective import Subject

_NO_SHELL = ("/usr/sbin/nologin", "/sbin/nologin", "/bin/false", "/usr/bin/false")


def reasons(
    account: Account,
    subject: Subject,
    groups: t.Collection[str],
    values: t.Mapping[str, tuple[str, ...]],
    said: str = "",
) -> list[str]:
    """Return everything that keeps ``account`` out with a key, or may do so.

    ``values``: what ``sshd -T`` prints for ``subject``. ``said``: what the ssh client said of the failure.
    """
    if not account.exists:
        return [f"this host has no account {account.name}; create it (role accounts)"]
    return [
        *_tries(values, said),
        *_admission(account, subject, groups, values),
        *_account(account, values),
        *_keys(account, values),
    ]


def _tries(values: t.Mapping[str, tuple[str, ...]], said: str) -> list[str]:
    if "too many authentication failures" not in said.lower():
        return []
    tries = " ".join(values.get("maxauthtries", ("6",)))
    return [
        f"the agent of this controller offers more keys than MaxAuthTries ({tries}) allows, so that sshd hung up before the "
        "right one; name it with ansible_ssh_private_key_file, and set -o IdentitiesOnly=yes in ansible_ssh_common_args"
    ]


def _admission(
    account: Account, subject: Subject, groups: t.Collection[str], values: t.Mapping[str, tuple[str, ...]]
) -> list[str]:
    found = []
    refused = admission.login_refused(account.name, groups, values, subject.addr)
    if refused:
        found.append(f"sshd's configuration shuts {account.name} out: {refused}")
    if account.uid == 0 and values.get("permitrootlogin") == ("no",):
        found.append("PermitRootLogin is no; log in as another account and become root")
    if values.get("pubkeyauthentication") == ("no",):
        found.append(f"PubkeyAuthentication is no for {account.name}, so that sshd takes no key at all; set it to yes")
    return found


def _account(account: Account, values: t.Mapping[str, tuple[str, ...]]) -> list[str]:
    found = []
    name = account.name
    if account.password.startswith("!") and values.get("usepam") == ("no",):
        found.append(
            f"{name} is locked (its password begins with '!'), and without PAM sshd refuses locked accounts; "
            f"run: usermod -p '*' {name}, which allows no password either"
        )
    if account.expired:
        found.append(f"{name} has expired; run: chage -E -1 {name}")
    if account.must_change_password:
        found.append(f"the password of {name} has to be changed at the next login; run: chage -d -1 {name}")
    if account.shell in _NO_SHELL:
        found.append(f"the shell of {name} is {account.shell}, which ends every login; run: usermod -s /bin/sh {name}")
    elif not account.shell_runs:
        found.append(f"the shell of {name}, {account.shell}, does not exist or cannot be executed; change it with usermod -s")
    if account.nologin:
        found.append(f"{account.nologin} exists, and keeps everybody but root out; remove it")
    return found


def _keys(account: Account, values: t.Mapping[str, tuple[str, ...]]) -> list[str]:
    found = [
        f"sshd ignores the keys in {file.path}: {file.objection}"
        for file in account.key_files if file.objection is not None
    ]
    command = " ".join(values.get("authorizedkeyscommand", ("none",)))
    elsewhere = "" if command == "none" else f" (unless {command}, which sshd asks for keys, names one)"
    places = " and ".join(file.path for file in account.key_files) or "any file: AuthorizedKeysFile is none"
    holding = [file for file in account.key_files if file.keys]
    if not holding:
        found.append(f"{account.name} has no key in {places}{elsewhere}; install one (role accounts, authorized_key)")
    if found or not account.keys:
        return found
    unusable = [key.label for key in account.keys if not _accepted(key.type, key.bits, values)]
    if len(unusable) == len(account.keys):
        return [
            f"sshd accepts none of the keys of {account.name} by their type or length ({', '.join(unusable)}); "
            "install an Ed25519 key"
        ]
    limited = sorted({limit for key in account.keys for limit in key.limits})
    limits = f" Options restrict some of them: {', '.join(limited)}." if limited else ""
    labels = ", ".join(key.label for key in account.keys)
    return [
        f"{account.name} has keys in {' and '.join(file.path for file in holding)} that sshd may read ({labels}), so this "
        f"controller probably offers another one, or none.{limits} Check ansible_ssh_private_key_file, and that the agent "
        "holds the key"
    ]


def _accepted(kind: str, bits: int | None, values: t.Mapping[str, tuple[str, ...]]) -> bool:
    algorithms = ",".join(
        values.get("pubkeyacceptedalgorithms", ()) or values.get("pubkeyacceptedkeytypes", ())
    ).split(",")
    names = {"ssh-rsa": ("ssh-rsa", "rsa-sha2-256", "rsa-sha2-512")}.get(kind, (kind,))
    if algorithms != [""] and not any(name in algorithms for name in names):
        return False
    smallest = " ".join(values.get("requiredrsasize", ("1024",)))
    return bits is None or not smallest.isdigit() or bits >= int(smallest)


def without_key(account: Account) -> str | None:
    """Return a warning for an account that is allowed in and has no key that sshd would read, or None."""
    if not account.exists:
        return f"allow_users names {account.name}, but this host has no such account"
    if account.keys:
        return None
    ignored = [file.objection for file in account.key_files if file.objection is not None]
    return f"allow_users names {account.name}, which has no key that sshd reads, so it cannot log in any more" + (
        f": {'; '.join(ignored)}" if ignored else ""
    )
