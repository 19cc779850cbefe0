# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which public keys a controller can log in with, asked of ssh's own programs."""

from __future__ import annotations

import os
import pathlib
import subprocess
import types
import typing as t

import pytest

from ansible_collections.lockstep.gpufleet.plugins.plugin_utils import _first_contact


def make_key(path: pathlib.Path, passphrase: str = "") -> str:
    """Make a key pair and return the base64 text of its public half."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-f", str(path)], check=True)
    return pathlib.Path(str(path) + ".pub").read_text().split()[1]


def action(**options: t.Any) -> t.Any:
    """Return as much of an action plugin as is asked for options."""
    everything: dict[str, t.Any] = {
        "ssh_executable": "ssh",
        "ssh_args": "-C -o ControlMaster=auto",
        "ssh_common_args": "-F none",
        "ssh_extra_args": "",
        "port": 2222,
        "remote_user": "ops",
        "private_key_file": None,
        "host": "192.0.2.1",
        "password": None,
        **options,
    }
    connection = types.SimpleNamespace(transport="ssh", get_option=everything.__getitem__, become=None)
    return types.SimpleNamespace(_connection=connection, _play_context=types.SimpleNamespace(password=None))


@pytest.fixture(autouse=True)
def _no_agent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)


def test_the_private_key_file_of_the_connection(tmp_path: pathlib.Path) -> None:
    blob = make_key(tmp_path / "id")
    os.unlink(tmp_path / "id.pub")
    login = _first_contact.describe_login(action(private_key_file=str(tmp_path / "id")), with_keys=True)
    assert login is not None
    assert login["name"] == "ops" and blob in login["keys"] and login["by_password"] is False


def test_a_key_with_a_passphrase_counts_by_its_public_half(tmp_path: pathlib.Path) -> None:
    blob = make_key(tmp_path / "id", "secret")
    login = _first_contact.describe_login(action(private_key_file=str(tmp_path / "id")), with_keys=True)
    assert login is not None and blob in login["keys"]


def test_a_user_and_a_key_of_the_ssh_configuration(tmp_path: pathlib.Path) -> None:
    blob = make_key(tmp_path / "work key")
    config = tmp_path / "config"
    config.write_text('Host 192.0.2.*\n  User deploy\n  IdentityFile "%s"\n' % (tmp_path / "work key"))
    found = _first_contact.describe_login(
        action(ssh_common_args="-F '%s'" % config, remote_user=None), with_keys=True
    )
    assert found is not None
    assert found["name"] == "deploy" and blob in found["keys"]


def test_keys_are_not_looked_for_when_nobody_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_first_contact, "_said", None)
    login = _first_contact.describe_login(action(password="secret"), with_keys=False)
    assert login == {"name": "ops", "keys": [], "by_password": True, "becomes": False, "become_password": False}


def test_a_connection_that_is_not_ssh_is_no_login() -> None:
    local = types.SimpleNamespace(_connection=types.SimpleNamespace(transport="local"))
    assert _first_contact.describe_login(local, with_keys=True) is None


@pytest.mark.parametrize("command", [["nosuchprogram"], ["false"], ["sleep", "5"]])
def test_a_program_that_fails_says_nothing(command: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_first_contact, "_SECONDS", 0.1)
    assert _first_contact._said(command) == ""
