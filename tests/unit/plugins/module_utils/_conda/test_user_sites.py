# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""What lies in users' own site-packages, of packages that an environment has."""

from __future__ import annotations

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.packages import Package
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.user_sites import local_homes, sentence, shadowing


def package(name, version):
    return Package("conda", name, version, "0", "", f"https://h/{name}", "1" * 64)


PACKAGES = (package("python", "3.11.2"), package("numpy", "1"), package("typing-extensions", "4"))


def test_packages_of_the_environment_for_its_python(tmp_path):
    for path in (
        "ann/.local/lib/python3.11/site-packages/numpy-2.0.dist-info",
        "ann/.local/lib/python3.11/site-packages/Typing_Extensions-4.1-py3.11.egg-info",
        "ann/.local/lib/python3.11/site-packages/other-1.dist-info",
        "ann/.local/lib/python3.11/site-packages/numpy",
        "bob/.local/lib/python3.10/site-packages/numpy-2.0.dist-info",
        "cleo/.local/lib/python3.11/site-packages/other-1.dist-info",
    ):
        (tmp_path / path).mkdir(parents=True)
    homes = {name: str(tmp_path / name) for name in ("ann", "bob", "cleo", "gone")}
    assert shadowing(PACKAGES, homes) == [
        {
            "user": "ann",
            "path": str(tmp_path / "ann/.local/lib/python3.11/site-packages"),
            "packages": ["typing-extensions 4.1", "numpy 2.0"],
        }
    ]
    assert shadowing(PACKAGES[1:], homes) == []


def test_homes_on_this_hosts_disks():
    passwd = (
        "root:x:0:0:root:/root:/bin/bash\nops:x:1000:1000:,,,:/home/ops/:/bin/sh\nops2:x:1001:1001::/home/ops:/bin/sh\n"
        "nothing:x:9:9::/:/usr/sbin/nologin\nodd:x:1\n+::::::\nfar:x:2:2::/net/far:/bin/sh\nauto:x:3:3::/auto/some:/bin/sh\n"
    )
    mounts = (
        "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n2 1 0:2 / /net rw - nfs4 server:/net rw\n"
        "3 1 0:3 / /auto rw - autofs auto rw\n"
    )
    assert local_homes(passwd, mounts) == {"root": "/root", "ops": "/home/ops"}
    assert local_homes("", "") == {}


def test_a_sentence_names_users_and_some_packages():
    found = [{"user": "ann", "path": "/a", "packages": [f"p{n} 1" for n in range(7)]}, {"user": "bob", "path": "/b", "packages": ["q 2"]}]
    text = sentence("ai", found)
    assert text.startswith("ai: ")
    assert text.endswith("ann's /a has p0 1, p1 1, p2 1, p3 1, p4 1 and 2 more; bob's /b has q 2.")
