# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""The accounts as the host has them; the login of these tests is itself by key only."""

from __future__ import annotations

import pathlib

import pytest
import yaml

KEYS = yaml.safe_load((pathlib.Path(__file__).parent / "keys.yml").read_text())


def test_bad_input_left_nobody_behind(host):
    for name in ("eve", "ann"):
        assert not host.user(name).exists


@pytest.mark.parametrize("name", ["ops", "alice"])
def test_sshd_accepts_owner_and_modes(host, name):
    home = host.file("/home/" + name)
    directory = host.file("/home/%s/.ssh" % name)
    keys = host.file("/home/%s/.ssh/authorized_keys" % name)
    assert not home.mode & 0o022
    assert (directory.user, directory.mode) == (name, 0o700)
    assert (keys.user, keys.mode) == (name, 0o600)
    assert host.check_output("ls -A /home/%s/.ssh" % name) == "authorized_keys"


def test_each_wanted_key_stands_there_once(host):
    lines = host.file("/home/alice/.ssh/authorized_keys").content_string.splitlines()
    wanted = [KEYS["alice_key"], *KEYS["alice_more_keys"].splitlines()[1:]]
    assert [lines.count(line) for line in wanted] == [1, 1, 1]


def test_the_login_has_one_key_and_needs_no_password(host):
    assert len(host.file("/home/ops/.ssh/authorized_keys").content_string.splitlines()) == 1
    assert host.check_output("sudo -u ops sudo -n id -un") == "root"


def test_groups_and_shells(host):
    assert {"ml", "video"} <= set(host.user("alice").groups)
    assert host.user("alice").shell == "/bin/bash"
    assert host.user("notebook").shell == "/bin/sh"


def test_no_password_opens_a_new_account_and_none_counts_as_locked(host):
    for name in ("alice", "notebook"):
        assert host.user(name).password == "*"
    assert host.user("ops").password.startswith("$"), "the password of an account that existed is not ours"


def test_sudo(host):
    file = host.file("/etc/sudoers.d/zz-lockstep-accounts")
    assert (file.user, file.mode) == ("root", 0o440)
    assert host.run("visudo -c").rc == 0
    assert "NOPASSWD" not in host.check_output("sudo -l -U alice")
    assert "(ALL : ALL) ALL" in host.check_output("sudo -l -U alice")
    assert "not allowed" in host.check_output("sudo -l -U notebook")


def test_a_removed_account_keeps_its_home(host):
    assert not host.user("legacy").exists
    assert host.file("/home/legacy").is_directory
