# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the host's files say about an account, and about why it did not get in."""

from __future__ import annotations

import dataclasses
import os
import stat

import pytest
from ansible_collections.lockstep.gpufleet.plugins.module_utils._accounts.keys import parse_line
from ansible_collections.lockstep.gpufleet.plugins.module_utils._sshd import account, explaining
from ansible_collections.lockstep.gpufleet.plugins.module_utils._sshd.effective import Subject, parse_effective

KEY = parse_line("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGRhdGFkYXRhZGF0YWRhdGFkYXRhZGF0YWRhdGFkYXRh ada")
LIMITED = dataclasses.replace(KEY, options='from="192.0.2.1"')
FILE = account.KeyFile("/home/ada/.ssh/authorized_keys", (KEY,))
ADA = account.Account("ada", True, 1000, "/home/ada", "/bin/bash", True, "!", key_files=(FILE,))
SUBJECT = Subject("ada", "192.0.2.9", "192.0.2.9", "192.0.2.1", 22)
USUAL = "usepam yes\npubkeyauthentication yes\npermitrootlogin no\nmaxauthtries 6\nauthorizedkeyscommand none"


def explained(found, output=USUAL, said=""):
    return explaining.reasons(found, SUBJECT, {"ada"}, parse_effective(output), said)


@pytest.mark.parametrize(
    ("changes", "output", "said", "reason"),
    [
        ({}, USUAL, "", "probably offers another one"),
        ({}, USUAL, "Too many authentication failures", "more keys than MaxAuthTries (6) allows"),
        ({}, USUAL + "\nallowusers ops", "", "allowusers ops does not name ada"),
        ({}, USUAL + "\ndenygroups ada", "", "denygroups names ada"),
        ({}, USUAL.replace("pubkeyauthentication yes", "pubkeyauthentication no"), "", "PubkeyAuthentication is no"),
        ({}, USUAL.replace("usepam yes", "usepam no"), "", "ada is locked"),
        ({}, USUAL + "\npubkeyacceptedalgorithms rsa-sha2-512", "", "accepts none of the keys of ada"),
        ({"uid": 0}, USUAL, "", "PermitRootLogin is no"),
        ({"expired": True}, USUAL, "", "run: chage -E -1 ada"),
        ({"must_change_password": True}, USUAL, "", "run: chage -d -1 ada"),
        ({"shell": "/usr/sbin/nologin"}, USUAL, "", "which ends every login"),
        ({"shell": "/bin/zsh", "shell_runs": False}, USUAL, "", "/bin/zsh, does not exist"),
        ({"nologin": "/etc/nologin"}, USUAL, "", "/etc/nologin exists"),
        ({"exists": False}, USUAL, "", "this host has no account ada"),
        ({"key_files": ()}, USUAL, "", "has no key in any file"),
        ({"key_files": (account.KeyFile("/k", absent=True),)}, USUAL, "", "has no key in /k; install one"),
        (
            {"key_files": (account.KeyFile("/k", absent=True),)}, USUAL.replace("none", "/usr/bin/sss"), "",
            "unless /usr/bin/sss",
        ),
        ({"key_files": (account.KeyFile("/k", (KEY,), "others may write to /k"),)}, USUAL, "", "ignores the keys in /k"),
        ({"key_files": (account.KeyFile("/k", (LIMITED,)),)}, USUAL, "", "Options restrict some of them: from."),
    ],
)
def test_every_reason_is_said_with_what_to_do(changes, output, said, reason):
    found = explained(dataclasses.replace(ADA, **changes), output, said)
    assert reason in " | ".join(found)


def test_a_locked_account_is_no_reason_with_pam():
    assert "locked" not in " ".join(explained(ADA))


@pytest.mark.parametrize(
    ("found", "says"),
    [
        (ADA, None),
        (dataclasses.replace(ADA, exists=False), "no such account"),
        (dataclasses.replace(ADA, key_files=()), "has no key that sshd reads"),
        (dataclasses.replace(ADA, key_files=(account.KeyFile("/k", (KEY,), "others may write"),)), "others may write"),
    ],
)
def test_an_account_without_a_key_is_a_warning(found, says):
    said = explaining.without_key(found)
    assert (said is None) if says is None else says in said


@pytest.mark.parametrize(
    ("changes", "objection"),
    [
        ({}, None),
        ({"/home/ada/.ssh/k": (1000, 0o100662, 1000)}, "others may write to /home/ada/.ssh/k (mode 0662); run: chmod go-w"),
        ({"/home/ada": (1000, 0o40775, 50)}, "others may write to /home/ada (mode 0775)"),
        ({"/home/ada": (1000, 0o40775, 1000)}, None),
        ({"/home/ada/.ssh/k": (0, 0o100640, 1000)}, None),
        ({"/home/ada/.ssh": (1000, 0o40777, 1000)}, "others may write to /home/ada/.ssh (mode 0777)"),
        ({"/home/ada": (1001, 0o40755, 1001)}, "/home/ada belongs to the account with uid 1001; run: chown 1000 /home/ada"),
        ({"/home/ada": (0, 0o40755, 0)}, None),
        # Above the home directory sshd does not look, but the account has to get through.
        ({"/home": (0, 0o40777, 0)}, None),
        ({"/home": (0, 0o40700, 0)}, "may not enter /home"),
        ({"/home/ada/.ssh/k": (0, 0o100600, 0)}, "may not read /home/ada/.ssh/k"),
        ({"/home/ada/.ssh/k": (1000, 0o40700, 1000)}, "is not a file"),
    ],
)
def test_strict_modes_as_sshd_has_them(changes, objection):
    places = {
        "/": (0, 0o40755, 0), "/home": (0, 0o40755, 0), "/home/ada": (1000, 0o40755, 1000), "/home/ada/.ssh": (1000, 0o40700, 1000),
        "/home/ada/.ssh/k": (1000, 0o100600, 1000), **changes,
    }
    said = account.objection_to("/home/ada/.ssh/k", "/home/ada", 1000, {1000}, True, places.get, 1000)
    assert (said is None) if objection is None else objection in said
    if objection and "write" in objection:
        assert account.objection_to("/home/ada/.ssh/k", "/home/ada", 1000, {1000}, False, places.get) is None


def test_a_file_outside_of_the_home_is_looked_at_up_to_the_root():
    places = {"/": (0, 0o40755, 0), "/keys": (0, 0o40777, 0), "/keys/ada": (0, 0o100644, 0)}
    assert "/keys" in account.objection_to("/keys/ada", "/home/ada", 1000, {1000}, True, places.get)


@pytest.mark.parametrize(
    ("patterns", "paths"),
    [
        ((".ssh/authorized_keys .ssh/authorized_keys2",), ["/h/.ssh/authorized_keys", "/h/.ssh/authorized_keys2"]),
        (("/etc/keys/%u-%U%%",), ["/etc/keys/ada-7%"]),
        (("%h/x",), ["/h/x"]),
        (("none",), []),
    ],
)
def test_where_keys_are(patterns, paths):
    assert account.key_paths(patterns, "ada", 7, "/h") == paths


def test_shadow_entries():
    lines = ["root:*:1:0:99999:7:::\n", "ada:!x:0:0:99999:7::20000:\n"]
    assert account.shadow_entry(lines, "ada") == {"password": "!x", "changed": "0", "expires": "20000"}
    assert account.shadow_entry(lines, "eve") == {}


def test_the_account_of_whoever_runs_this():
    name = "root"
    found = account.observe(name, {"authorizedkeysfile": ("/nonexistent",)})
    assert found.exists and found.uid == 0 and found.key_files[0].absent
    assert account.observe("lockstep-nobody", {}) == account.Account("lockstep-nobody", exists=False)


def test_files_as_they_are(tmp_path):
    file = tmp_path / "keys"
    file.write_text(f"# c\n{KEY.line}\n")
    file.chmod(0o666)
    assert account.read_keys(str(file)) == [KEY]
    assert account.read_keys(str(tmp_path / "none")) == []
    assert stat.S_IMODE(os.stat(file).st_mode) == 0o666
