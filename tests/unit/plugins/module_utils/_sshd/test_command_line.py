# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""What sshd is started with, read out of units and the files of variables that they name."""

from __future__ import annotations

import pytest
from ansible_collections.lockstep.gpufleet.plugins.module_utils._sshd import command_line

UNIT = """\
[Unit]
Description=x
[Service]
EnvironmentFile=-/etc/default/ssh
ExecStart=/usr/sbin/sshd -D $SSHD_OPTS
"""


def read(unit=UNIT, *dropins, default="", **more):
    units = [("/u", unit), *((f"/d{number}", text) for number, text in enumerate(dropins))]
    return command_line.options(units, [("/etc/default/ssh", default)])


@pytest.mark.parametrize(
    ("default", "options"),
    [
        ("SSHD_OPTS=\n", [("D", "")]),
        ("# x\nSSHD_OPTS=-p2222\n", [("D", ""), ("p", "2222")]),
        ('SSHD_OPTS="-o Port=2222 -oMACs=x"\n', [("D", ""), ("o", "Port=2222"), ("o", "MACs=x")]),
        ("SSHD_OPTS='-4 -f /other'\n", [("D", ""), ("4", ""), ("f", "/other")]),
        ("", [("D", "")]),
    ],
)
def test_variables_are_resolved(default, options):
    assert [(option.flag, option.value) for option in read(default=default)] == options


def test_an_option_names_its_line():
    found = read(default="# x\nSSHD_OPTS=-o PasswordAuthentication=yes\n")
    assert str(found[1].origin) == "/etc/default/ssh line 2: SSHD_OPTS=-o PasswordAuthentication=yes"
    assert found[1].keyword == "passwordauthentication"
    assert command_line.for_test_mode(found) == ["-o", "PasswordAuthentication=yes"]
    assert command_line.environment_files([("/u", UNIT)]) == ["/etc/default/ssh"]


def test_a_drop_in_replaces_or_adds():
    found = read(UNIT, "[Service]\nExecStart=\nExecStart=-/usr/sbin/sshd -D \\\n  -p 2222 -f /f\n")
    assert [(option.flag, option.value, option.origin.number) for option in found] == [
        ("D", "", 3), ("p", "2222", 3), ("f", "/f", 3),
    ]
    assert command_line.other_configuration(found, "/etc/ssh/sshd_config").path == "/d0"
    assert command_line.other_configuration(found, "/f") is None
    found = read(UNIT, "[Service]\nEnvironment=SSHD_OPTS=-p23\n")
    assert [(option.flag, option.value) for option in found] == [("D", ""), ("p", "23")]


def test_settings_of_another_section_are_not_meant():
    text = "[Socket]\nListenStream=22\n[Service]\nListenStream=9\n[Socket]\nListenStream=\nListenStream=0.0.0.0:2222\n"
    assert [str(line) for line in command_line.settings([("/s", text)], "Socket", "ListenStream")] == [
        "/s line 7: ListenStream=0.0.0.0:2222"
    ]
