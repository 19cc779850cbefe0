# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""What lies in users' own site-packages, of packages that an environment has."""

from __future__ import annotations

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.packages import Package
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.user_sites import shadowing


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
