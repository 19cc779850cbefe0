# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""The preflight of one call: everything that is wrong in one error, or in warnings."""

from __future__ import annotations

import pytest

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda import disk, host_facts, preflight
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.contract import Facts
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.cuda import Gpu
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.packages import Package
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.steps import Build, Wanted
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.store import Store
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem

LOCAL = disk.Mount("/", "ext4", "/dev/sda1")
NFS = disk.Mount("/opt", "nfs4", "filer:/opt")
ROOMY = disk.Room("/", 10**12, None)


@pytest.fixture
def host(monkeypatch):
    """A host without GPU whose traits a test may change; ``asked`` counts who wanted to know about GPUs."""
    traits = {"mount": LOCAL, "room": ROOMY, "gpu": Gpu(), "asked": 0}

    def read_gpu():
        traits["asked"] += 1
        return traits["gpu"]

    monkeypatch.setattr(host_facts, "read_facts", lambda: Facts("2.36", "6.1.0", "x86_64_v3"))
    monkeypatch.setattr(host_facts, "read_gpu", read_gpu)
    monkeypatch.setattr(disk, "read_mount", lambda path: traits["mount"])
    monkeypatch.setattr(disk, "read_room", lambda path: traits["room"])
    return traits


def package(name, version="1", build="0", depends=("x",), digest="1"):
    url = f"https://h/c/linux-64/{name}-{version}-{build}.conda"
    return Package("conda", name, version, build, "linux-64", url, digest * 64, depends=depends)


def build(name, *packages, contract=()):
    return Build(Wanted(name, "present", "0" * 64, packages, contract, {"bytecode": True}), "0" * 16)


def described(name, depends=(), constrains=(), scripts=(), size=4096):
    return {
        **{"name": name, "version": "1", "build": "0", "depends": list(depends), "constrains": list(constrains)},
        **{"scripts": list(scripts), "bytes": size, "inodes": 1},
    }


GLIBC = package("python", depends=("__glibc >=2.99",))
CUDA = package("cuda-version", "13.0")
FINE = package("six", depends=("__glibc >=2.17",))


def test_one_error_lists_everything_of_all_environments(host, tmp_path):
    host.update(mount=NFS, room=disk.Room("/opt", 0, 0))
    with pytest.raises(Problem) as caught:
        preflight.Preflight(Store(str(tmp_path)), True).examine(
            [build("a", GLIBC), build("b", CUDA, FINE)], ["c: the lock is for osx-64"]
        )
    lines = str(caught.value).splitlines()
    assert lines[0] == "This host does not fit, nothing was fetched or changed:"
    for line, says in zip(
        lines[1:],
        [
            "c: the lock is for osx-64",
            "network filesystem (nfs4, filer:/opt at /opt)",
            "a: needs __glibc >=2.99 (python 1 0, depends): the host has glibc 2.36",
            "b: needs CUDA 13.0 (cuda-version 13.0 0, version): the host has no NVIDIA driver",
            "the filesystem /opt is too small",
            "inodes are needed, and 0 are free",
        ],
        strict=True,
    ):
        assert says in line
    assert [need["status"] for need in caught.value.facts["needs"]["b"]] == ["unsatisfied", "satisfied"]


def test_a_warning_mode_tells_the_same(host, tmp_path):
    host["room"] = disk.Room("/opt", 0, None)
    notes = preflight.Preflight(Store(str(tmp_path)), False).examine([build("a", GLIBC)])
    assert len(notes) == 2
    assert all(note.endswith("preflight: warn, so it is built all the same.") for note in notes)


@pytest.mark.parametrize(("changes", "refusals"), [({"mount": NFS}, []), ({}, ["c: the lock is for osx-64"])])
def test_a_warning_mode_does_not_excuse_everything(host, tmp_path, changes, refusals):
    host.update(changes)
    with pytest.raises(Problem) as caught:
        preflight.Preflight(Store(str(tmp_path)), False).examine([build("a", FINE)], refusals)
    assert "preflight: warn" not in str(caught.value)


def test_what_fits_says_what_it_needs(host, tmp_path):
    check = preflight.Preflight(Store(str(tmp_path)), True)
    assert check.examine([build("a", FINE, package("silent", depends=()))]) == []
    assert check.result()["a"] == {
        "needs": [
            {
                "need": "__glibc >=2.17",
                "from": [{"package": "six 1 0", "field": "depends"}],
                "packages": 1,
                "status": "satisfied",
                "by": "the host has glibc 2.36",
            }
        ],
        "needs_unknown": ["silent 1 0"],
        "post_link": [],
    }


def test_gpus_are_looked_at_once_and_only_if_somebody_asks(host, tmp_path):
    preflight.Preflight(Store(str(tmp_path)), True).examine([build("a", FINE), build("b", FINE)])
    assert host["asked"] == 0
    host["gpu"] = Gpu("580.65.06", "13.0", 1, "9.0")
    preflight.Preflight(Store(str(tmp_path)), True).examine([build("a", CUDA), build("b", CUDA)])
    assert host["asked"] == 1


def test_minor_version_compatibility_is_told(host, tmp_path):
    host["gpu"] = Gpu("580.65.06", "13.0", 1, "9.0")
    notes = preflight.Preflight(Store(str(tmp_path)), True).examine([build("a", package("cuda-version", "13.2"))])
    assert len(notes) == 1 and notes[0].startswith("a: cuda-version 13.2 0 was built with CUDA 13.2")


def test_what_is_not_known_is_told(host, tmp_path):
    notes = preflight.Preflight(Store(str(tmp_path)), True).examine([build("a", package("x", depends=("__conda >=24",)))])
    assert len(notes) == 1 and "needs __conda >=24" in notes[0] and "not known" in notes[0]


def test_archives_say_what_the_lock_did_not(host, tmp_path):
    check = preflight.Preflight(Store(str(tmp_path)), True)
    step = build("a", package("six", depends=()))
    check.examine([step])
    with pytest.raises(Problem, match=r"nothing was linked or switched: a: needs __cuda >=12 \(six 1 0, depends\)"):
        check.approve(step, [described("six", ["__cuda >=12"])], [])
    assert check.result()["a"]["needs_unknown"] == []


def test_what_the_lock_said_is_not_told_again(host, tmp_path):
    check = preflight.Preflight(Store(str(tmp_path)), False)
    step = build("a", GLIBC)
    assert len(check.examine([step])) == 1
    assert check.approve(step, [described("python", ["__glibc >=2.99"])], []) == []
    assert [need["need"] for need in check.result()["a"]["needs"]] == ["__glibc >=2.99"]


def test_constrains_of_archives_bind_hosts_with_a_gpu(host, tmp_path):
    step = build("a", package("six", depends=()))
    check = preflight.Preflight(Store(str(tmp_path)), True)
    check.examine([step])
    assert check.approve(step, [described("six", constrains=["__cuda >=13"])], []) == []
    host["gpu"] = Gpu("535.183.01", "12.2", 1, "8.0")
    check = preflight.Preflight(Store(str(tmp_path)), True)
    check.examine([step])
    with pytest.raises(Problem, match="__cuda >=13"):
        check.approve(step, [described("six", constrains=["__cuda >=13"])], [])


@pytest.mark.parametrize("room", [disk.Room("/", 9999, None), disk.Room("/", 10**9, 1)])
def test_what_does_not_fit_is_found_before_it_is_unpacked(host, tmp_path, room):
    step = build("a", FINE)
    check = preflight.Preflight(Store(str(tmp_path)), True)
    check.examine([step])
    host["room"] = room
    with pytest.raises(Problem, match="nothing was linked or switched: a: the filesystem / is too small"):
        check.approve(step, [described("six", size=5000), described("other", size=5000)], [])


def test_an_archive_that_does_not_say_its_size_counts_nothing(host, tmp_path):
    step = build("a", FINE)
    check = preflight.Preflight(Store(str(tmp_path)), True)
    assert check.approve(step, [dict(described("six"), bytes=None, inodes=None)], []) == []


def test_scripts_are_told_once_from_the_cache_or_from_the_archive(host, tmp_path):
    unpacked = tmp_path / "cache" / "packages" / "six-1-0" / "bin"
    unpacked.mkdir(parents=True)
    (unpacked / ".six-post-link.sh").touch()
    step = build("a", FINE, package("other"))
    check = preflight.Preflight(Store(str(tmp_path)), True)
    assert check.examine([step]) == [
        "a: six 1 0 has a post-link script, which is not run: see whether the environment needs it."
    ]
    archives = [described("six", scripts=["post-link"]), described("other", scripts=["pre-link", "pre-unlink"])]
    assert [note.split(",")[0] for note in check.approve(step, archives, [])] == [
        "a: other 1 0 has a pre-link script",
        "a: other 1 0 has a pre-unlink script",
    ]
    assert check.result()["a"]["post_link"] == [
        {"package": "six 1 0", "scripts": ["post-link"]},
        {"package": "other 1 0", "scripts": ["pre-link", "pre-unlink"]},
    ]


def test_what_the_lock_states_of_hosts_counts_like_what_packages_need(host, tmp_path):
    platform = ("the lock's platform gpu", "virtual-packages")
    contract = ((*platform, "__glibc >=2.99"), (*platform, "__archspec * x86_64_v2"), ("a 1 0", "constrains", "__cuda >=12"))
    check = preflight.Preflight(Store(str(tmp_path)), enforce=True)
    with pytest.raises(Problem) as caught:
        check.examine([build("ai", FINE, contract=contract)])
    assert "ai: needs __glibc >=2.99 (the lock's platform gpu, virtual-packages): the host has glibc 2.36." in str(caught.value)
    stated = {one["need"]: (one["status"], one["from"][0]["field"]) for one in check.result()["ai"]["needs"]}
    assert stated == {
        "__glibc >=2.99": ("unsatisfied", "virtual-packages"),
        "__glibc >=2.17": ("satisfied", "depends"),
        "__archspec * x86_64_v2": ("satisfied", "virtual-packages"),
        "__cuda >=12": ("satisfied", "constrains"),
    }
