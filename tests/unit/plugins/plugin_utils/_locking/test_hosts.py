# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""What hosts have in common."""

from __future__ import annotations

import pytest
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locking import hosts

BOOKWORM = {"__glibc": "2.36", "__linux": "6.1.0", "__archspec": "x86_64_v3", "__cuda": "12.4"}
JAMMY = {"__glibc": "2.35", "__linux": "5.15.0", "__archspec": "x86_64_v4", "__cuda": "12.10"}


def host(name: str, packages: dict[str, str], platform: str = "linux-64") -> hosts.Host:
    return hosts.Host(name, platform, packages)


def test_the_lowest_of_each_counts_and_versions_are_no_texts():
    found, notes = hosts.least([host("a", BOOKWORM), host("b", JAMMY)])
    assert found == {"__glibc": "2.35", "__linux": "5.15.0", "__archspec": "x86_64_v3", "__cuda": "12.4"}
    assert not notes


def test_one_host_without_driver_makes_a_lock_without_cuda_and_is_named():
    found, notes = hosts.least([host("gpu01", BOOKWORM), host("cpu01", {**JAMMY, "__cuda": ""})])
    assert "__cuda" not in found
    assert len(notes) == 1 and notes[0].startswith("cpu01 has no CUDA driver")


@pytest.mark.parametrize(
    ("platform", "names", "lowest"),
    [
        ("linux-64", ["zen3", "skylake_avx512"], "x86_64_v3"),
        ("linux-64", ["x86_64", "zen4"], "x86_64"),
        ("linux-64", ["zen3", "zen3"], "zen3"),
        ("linux-aarch64", ["neoverse_v2", "neoverse_n1"], "aarch64"),
    ],
)
def test_the_oldest_processor(platform: str, names: list[str], lowest: str):
    found, _notes = hosts.least([host(name, {"__archspec": name}, platform) for name in names])
    assert found["__archspec"] == lowest


def variables(*environments: dict[str, str], **facts: object) -> dict[str, object]:
    return {"conda_env_environments": list(environments), **({"conda_lock_host": facts} if facts else {})}


def of_fleet(fleet: dict[str, dict[str, object]]):
    return hosts.of_fleet(
        list(fleet), fleet, lambda file, host: f"/inventory/{file}", lambda file, lock, host: lock or file + ".lock"
    )


def test_a_lock_that_several_hosts_use_is_asked_for_once():
    facts = {"platform": "linux-64", "virtual_packages": BOOKWORM}
    fleet = {
        "gpu01": variables({"name": "ai", "file": "ai.yml"}, **facts),
        "gpu02": variables({"name": "ai", "file": "ai.yml"}, {"name": "old", "lock": "old.yml"}, **facts),
        "gpu03": variables({"name": "ai", "file": "ai.yml"}),
        "gpu04": variables({"name": "ai", "file": "ai.yml", "state": "absent"}, **facts),
    }
    asked, warnings = of_fleet(fleet)
    assert [(one.file, one.lock, [host.name for host in one.hosts]) for one in asked] == [
        ("/inventory/ai.yml", "/inventory/ai.yml.lock", ["gpu01", "gpu02"])
    ]
    assert warnings == ["These hosts were not asked what they have and do not count: gpu03."]


def test_a_lock_whose_hosts_are_all_silent_is_refused():
    with pytest.raises(Problem, match=r"none of the hosts that use it told what it has \(gpu01\)"):
        of_fleet({"gpu01": variables({"name": "ai", "file": "ai.yml"})})


def test_two_inputs_for_one_lock_are_refused():
    facts = {"platform": "linux-64", "virtual_packages": BOOKWORM}
    with pytest.raises(Problem, match=r"/x would be made from /inventory/a.yml and from /inventory/b.yml \(of gpu02\)"):
        of_fleet(
            {
                "gpu01": variables({"name": "a", "file": "a.yml", "lock": "/x"}, **facts),
                "gpu02": variables({"name": "b", "file": "b.yml", "lock": "/x"}, **facts),
            }
        )
