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
    assert found == {"__glibc": "2.35", "__linux": "5.15", "__archspec": "x86_64_v3", "__cuda": "12.4"}
    assert not notes


def test_one_host_without_driver_makes_a_lock_without_cuda_and_is_named():
    found, notes = hosts.least([host("gpu01", BOOKWORM), host("cpu01", {**JAMMY, "__cuda": ""})])
    assert "__cuda" not in found
    assert len(notes) == 1 and notes[0].startswith("cpu01 has no CUDA driver")


@pytest.mark.parametrize("name", ["__glibc", "__linux", "__archspec"])
def test_a_host_that_tells_only_a_part_is_named(name: str):
    partly = {key: version for key, version in BOOKWORM.items() if key != name}
    with pytest.raises(Problem, match=f"^gpu02 did not tell {name}, .*conda_lock_virtual_packages"):
        hosts.least([host("gpu01", BOOKWORM), host("gpu02", partly)])
    found, _notes = hosts.least([host("gpu01", BOOKWORM), host("gpu02", partly)], {name})
    assert name not in found


@pytest.mark.parametrize(
    ("kernels", "lowest"),
    [
        (["6.1.115"], "6.1"),
        (["6.1.0", "6.1.140"], "6.1"),
        (["6.12.48", "6.1.0"], "6.1"),
        (["5.14"], "5.14"),
        (["6.10.3", "6.9.12"], "6.9"),
    ],
)
def test_patch_levels_of_kernels_do_not_count(kernels: list[str], lowest: str):
    found, _notes = hosts.least([host(kernel, {"__linux": kernel}) for kernel in kernels])
    assert found == {"__linux": lowest}


@pytest.mark.parametrize(
    ("left", "right", "both"),
    [
        ({"__cuda": "12.10"}, {"__cuda": "12.4"}, {"__cuda": "12.4"}),
        ({"__cuda": "12.10"}, {}, {}),
        ({"__glibc": "2.36"}, {"__glibc": "2.31", "__linux": "6.1"}, {"__glibc": "2.31", "__linux": "6.1"}),
        ({"__archspec": "x86_64_v4"}, {"__archspec": "1 x86_64_v3"}, {"__archspec": "x86_64_v3"}),
        ({"__archspec": "x86_64_v3"}, {"__archspec": "1 x86_64_v3"}, {"__archspec": "x86_64_v3"}),
    ],
)
def test_what_hosts_of_both_kinds_have(left: dict[str, str], right: dict[str, str], both: dict[str, str]):
    assert hosts.lower("linux-64", left, right) == hosts.lower("linux-64", right, left) == both


def test_very_many_hosts_are_not_all_named():
    assert hosts.listed(["a"]) == "a"
    assert hosts.listed(["a", "b", "c"]) == "a, b and c"
    assert hosts.listed([f"gpu{number:02}" for number in range(40)]).endswith("gpu08 and 31 more")


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


def of_fleet(fleet: dict[str, dict[str, object]], *names: str):
    def find(file: str, host: str) -> str:
        if file.startswith("missing"):
            raise Problem(f"The file {file} is nowhere")
        return f"/inventory/{file}"

    return hosts.of_fleet(names or list(fleet), fleet, find, lambda file, lock, host: lock or file + ".lock")


TOLD = {"platform": "linux-64", "virtual_packages": BOOKWORM}
AI = {"name": "ai", "file": "ai.yml"}


def test_a_lock_that_several_hosts_use_is_asked_for_once():
    fleet = {
        "gpu01": variables(AI, **TOLD),
        "gpu02": variables(AI, {"name": "old", "lock": "old.yml"}, **TOLD),
        "gpu04": variables({**AI, "state": "absent"}, **TOLD),
    }
    assert [(one.file, one.lock, [host.name for host in one.hosts], one.absent) for one in of_fleet(fleet)] == [
        ("/inventory/ai.yml", "/inventory/ai.yml.lock", ["gpu01", "gpu02"], ())
    ]


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        ({}, "not asked"),
        ({"unreachable": True, "msg": "timed out"}, "unreachable"),
        ({"failed": True, "msg": "no python"}, "failed to answer"),
        ({"platform": "linux-64"}, "failed to answer"),
        ({"platform": "linux-64", "virtual_packages": None}, "failed to answer"),
        ({"platform": "linux-64", "virtual_packages": {"__glibc": "of musl"}}, "failed to answer"),
        ({"platform": "linux-64", "virtual_packages": {"__glibc": 2.36}}, "failed to answer"),
    ],
)
def test_who_did_not_tell_what_it_has_is_named_with_the_reason(facts: dict[str, object], why: str):
    (asked,) = of_fleet({"gpu01": variables(AI, **TOLD), "gpu02": variables(AI, **facts)})
    assert [host.name for host in asked.hosts] == ["gpu01"]
    assert asked.absent == (f"gpu02 ({why})",)


def test_hosts_that_a_run_is_not_for_count_where_they_use_the_same_lock():
    fleet = {
        "gpu01": variables(AI, **TOLD),
        "gpu02": variables(AI),
        "gpu03": variables({"name": "other", "file": "other.yml"}),
        "gpu04": variables({"name": "missing", "file": "missing.yml"}),
        "gpu05": {},
    }
    (asked,) = of_fleet(fleet, "gpu01")
    assert asked.absent == ("gpu02 (not asked)",)


def test_two_inputs_for_one_lock_are_refused():
    facts = {"platform": "linux-64", "virtual_packages": BOOKWORM}
    with pytest.raises(Problem, match=r"/x would be made from /inventory/a.yml and from /inventory/b.yml \(of gpu02\)"):
        of_fleet(
            {
                "gpu01": variables({"name": "a", "file": "a.yml", "lock": "/x"}, **facts),
                "gpu02": variables({"name": "b", "file": "b.yml", "lock": "/x"}, **facts),
            }
        )
