# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which lines sshd reads in which order, and under which Match."""

from __future__ import annotations

import pytest
from ansible_collections.lockstep.gpufleet.plugins.module_utils._sshd import configuration
from ansible_collections.lockstep.gpufleet.plugins.module_utils._sshd.configuration import Files, parse_lines


def test_lines_know_their_match():
    text = "# c\nPort 22\n\nMatch User a,b\n\tPasswordAuthentication yes\n  X11Forwarding=yes\nMatch all\nBanner none\n"
    lines = parse_lines("/f", text)
    assert [(line.number, line.keyword, line.value, line.match) for line in lines] == [
        (2, "Port", "22", ""),
        (4, "Match", "User a,b", ""),
        (5, "PasswordAuthentication", "yes", "Match User a,b"),
        (6, "X11Forwarding", "yes", "Match User a,b"),
        (7, "Match", "all", ""),
        (8, "Banner", "none", "Match all"),
    ]
    assert str(lines[2]) == "/f line 5: PasswordAuthentication yes (under 'Match User a,b')"


@pytest.mark.parametrize(
    ("line", "parsed"),
    [
        ("Port 22", ("Port", "22")),
        ("Port=22", ("Port", "22")),
        ("Port = 22", ("Port", "22")),
        ("\tPort\t22  ", ("Port", "22")),
        ("Subsystem sftp internal-sftp -f A=B", ("Subsystem", "sftp internal-sftp -f A=B")),
        ("# Port 22", ("", "")),
        ("", ("", "")),
    ],
)
def test_keyword_and_rest(line, parsed):
    assert configuration.split_keyword(line) == parsed


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a b", ["a", "b"]),
        ('User "domain users",x', ["User", "domain users,x"]),
        ("'a b' c", ["a b", "c"]),
        ("a # b", ["a"]),
        ("a#b", ["a#b"]),
        ('a\\ b "c\\"d"', ["a b", 'c"d']),
        ('""', [""]),
        ("", []),
    ],
)
def test_words_as_sshd_splits_them(text, found):
    assert configuration.words(text) == found


def test_includes_are_followed_in_order_and_nested():
    files = Files(
        "Include sshd_config.d/*.conf\nMatch User a\n  Include /etc/ssh/more.conf\nBanner x\n",
        None,
        {
            "/etc/ssh/sshd_config.d/00-aaa.conf": "Include /etc/ssh/nested/*\nX11Forwarding yes\n",
            "/etc/ssh/sshd_config.d/99.conf": "PermitRootLogin yes\n",
            "/etc/ssh/nested/n": "Match Group g\n  PasswordAuthentication yes\n",
            "/etc/ssh/more.conf": "Match Address 10.0.0.0/8\n  GatewayPorts yes\n",
            "/etc/ssh/never-read": "Port 1\n",
        },
    )
    seen = [(line.keyword, line.match, line.early) for line in files.lines() if line.keyword not in ("Include", "Match")]
    assert seen == [
        ("PasswordAuthentication", "Match Group g", True),
        ("X11Forwarding", "", True),
        ("PermitRootLogin", "", False),
        ("GatewayPorts", "Match User a + Match Address 10.0.0.0/8", False),
        ("Banner", "Match User a", False),
    ]


def test_a_file_that_includes_itself_comes_to_an_end():
    assert Files("Include /a\n", None, {"/a": "Include /a\n"}).lines()


@pytest.mark.parametrize(
    ("path", "pattern", "found"),
    [
        ("/etc/ssh/sshd_config.d/a.conf", "/etc/ssh/sshd_config.d/*.conf", True),
        ("/etc/ssh/sshd_config.d/.a.conf", "/etc/ssh/sshd_config.d/*.conf", False),
        ("/etc/ssh/sshd_config.d/a.conf", "/etc/ssh/*", False),
        ("/etc/ssh/sshd_config.d/a.conf", "/etc/ssh/*/[ab].conf", True),
    ],
)
def test_globs(path, pattern, found):
    assert configuration.path_matches(path, pattern) is found


def test_a_flattened_copy_reads_nothing_of_the_original():
    files = Files(
        "Include /etc/ssh/sshd_config.d/*.conf\nInclude /nothing/*\nUsePAM yes\n", None,
        {"/etc/ssh/sshd_config.d/50.conf": "Port 22\n"},
    )
    texts = configuration.flattened(files, files.main, "Port 23\n", lambda path: "/copy/" + path.rpartition("/")[2])
    assert texts == {
        "/copy/sshd_config": "Include /copy/00-lockstep.conf /copy/50.conf\n# nothing: Include /nothing/*\nUsePAM yes\n",
        "/copy/50.conf": "Port 22\n",
        "/copy/00-lockstep.conf": "Port 23\n",
    }


@pytest.mark.parametrize(
    ("main", "untouched"),
    [
        ("# x\n\nInclude /etc/ssh/sshd_config.d/*.conf\nPort 22\n", True),
        ("include sshd_config.d/*.conf\n", True),
        ("Include=/etc/ssh/sshd_config.d/*.conf\n", True),
        ('Include "/etc/ssh/sshd_config.d/*.conf"\n', True),
        ("Include /etc/ssh/other/*.conf\nInclude /etc/ssh/sshd_config.d/*.conf\n", True),
        ("Port 22\nInclude /etc/ssh/sshd_config.d/*.conf\n", False),
        ("#Include /etc/ssh/sshd_config.d/*.conf\nPort 22\n", False),
        ("Port 22\n", False),
        ("", False),
        ("Include /etc/ssh/*/*.conf\n", True),
    ],
)
def test_the_drop_in_is_read_first(main, untouched):
    read = configuration.with_include(main)
    assert (read == main) is untouched
    assert configuration.with_include(read) == read
    assert configuration.without_include(read) == main
    if not untouched:
        assert read.splitlines()[:2] == [configuration.MARK, f"Include {configuration.PATH}"]


def test_our_line_goes_where_the_main_file_reads_us_anyway_and_stays_on_top():
    usual = "Include /etc/ssh/sshd_config.d/*.conf\nUsePAM yes\n"
    ours = configuration.with_include("UsePAM yes\n")
    assert configuration.with_include(ours.replace("UsePAM yes\n", usual)) == usual
    assert configuration.with_include(f"Port 22\n{ours}") == configuration.with_include("Port 22\nUsePAM yes\n")
