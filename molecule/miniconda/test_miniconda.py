# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""The base as root and as an ordinary user see it."""

from __future__ import annotations

import json
import os

import pytest

PREFIX = "/opt/miniconda3"


@pytest.fixture(name="base")
def base_fixture(host):
    return host.file(PREFIX).linked_to


def as_user(host, command):
    """Run a command in a login shell of an account without rights."""
    return host.run("su - legacy -s /bin/bash -c %s", command)


def test_the_prefix_is_a_link_to_one_release(host, base):
    assert host.file(PREFIX).is_symlink
    assert os.path.dirname(base) == PREFIX + ".d"
    assert set(host.check_output("ls -A %s.d" % PREFIX).split()) == {".lock", os.path.basename(base)}


def test_the_stamp_names_what_is_there(host, base):
    stamp = json.loads(host.file(base + "/.lockstep-base.json").content_string)
    records = host.check_output("ls %s/conda-meta" % base).split()
    assert stamp["records"] == sorted(name[:-5] for name in records if name.endswith(".json"))
    assert base.endswith("/%s-%s" % (stamp["distribution"], stamp["release"]))


def test_nobody_but_root_can_write_and_everybody_can_read(host, base):
    wrong = "( -perm /022 -o -not -user root -o -not -group root ) -not -type l"
    assert host.check_output("find %s %s -print" % (base, wrong.replace("(", r"\(").replace(")", r"\)"))) == ""
    assert host.check_output(r"find %s -not -perm -444 -not -type l" % base) == ""


def test_conda_works_in_a_login_shell_of_every_user(host, base):
    run = as_user(host, "conda activate base && python -c 'import sys; print(sys.prefix)'")
    assert run.stdout.strip() == base, run.stderr
    info = json.loads(as_user(host, "conda info --json").stdout)
    assert info["channels"] == [
        "http://conda.bed.test/channel/linux-64",
        "http://conda.bed.test/channel/noarch",
    ]
    assert info["envs_dirs"][:2] == ["/opt/lockstep/envs", "/home/legacy/.conda/envs"]
    assert info["pkgs_dirs"] == ["/home/legacy/.conda/pkgs"]


def test_nobodys_home_was_touched(host):
    assert host.run("grep -rl conda /root /home/*/.bashrc /home/*/.profile").stdout == ""
    assert not host.file("/root/.conda").exists
    assert not host.file("/root/.condarc").exists


def test_a_login_shell_without_a_base_is_quiet(host):
    command = "sed s,%s/,/nowhere/,g /etc/profile.d/lockstep-conda.sh | sh -eu" % PREFIX
    run = host.run(command)
    assert (run.rc, run.stdout, run.stderr) == (0, "", "")
