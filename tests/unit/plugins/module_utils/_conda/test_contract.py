# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""What packages need of a host, and whether it has that."""

from __future__ import annotations

import pytest

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda import contract
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.contract import Facts, Need, Source
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.cuda import Gpu
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.packages import Package

BARE = Facts(glibc="2.36", kernel="6.1.0", archspec="x86_64_v3", gpu=Gpu())
MUSL = Facts(glibc=None, kernel="6.1.0", archspec="x86_64", gpu=Gpu())
ARM = Facts(glibc="2.36", kernel="6.1.0", archspec="aarch64", gpu=Gpu())
GPU = Facts(glibc="2.36", kernel="6.1.0", archspec="x86_64_v4", gpu=Gpu("535.183.01", "12.2", 2, "8.6"))
SILENT = Facts(glibc="2.36", kernel="6.1.0", archspec="x86_64_v4", gpu=Gpu("700.1", None, 2, None))
OLD = Facts(glibc="2.36", kernel="6.1.0", archspec="x86_64_v4", gpu=Gpu("440.1", None, 2, None))


def package(name="torch", version="2.0", build="0", depends=(), manager="conda"):
    return Package(manager, name, version, build, "linux-64", f"https://h/c/linux-64/{name}", "1" * 64, depends=depends)


def need(spec, field="depends"):
    subject, _blank, constraint = spec.partition(" ")
    return Need(subject, constraint, (Source("p 1 0", field),))


@pytest.mark.parametrize(
    ("spec", "facts", "status", "says"),
    [
        ("__glibc >=2.17,<3.0.a0", BARE, "satisfied", "glibc 2.36"),
        ("__glibc >=2.17, <3.0.a0", BARE, "satisfied", "glibc 2.36"),
        ("__glibc >= 2.99", BARE, "unsatisfied", "glibc 2.36"),
        ("__glibc >=2.17", MUSL, "unsatisfied", "no glibc"),
        ("__glibc", BARE, "satisfied", "glibc 2.36"),
        ("__unix", BARE, "satisfied", ""),
        ("__linux", BARE, "satisfied", "Linux 6.1.0"),
        ("__linux >=5.10", BARE, "satisfied", "Linux 6.1.0"),
        ("__linux >=7", BARE, "unsatisfied", "Linux 6.1.0"),
        ("__osx >=11", BARE, "unsatisfied", "runs Linux"),
        ("__win", BARE, "unsatisfied", "runs Linux"),
        ("__archspec * x86_64_v2", BARE, "satisfied", "x86_64_v3"),
        ("__archspec 1 x86_64_v3", BARE, "satisfied", "x86_64_v3"),
        ("__archspec 1=x86_64_v3", BARE, "satisfied", "x86_64_v3"),
        ("__archspec =1=x86_64_v4", BARE, "unsatisfied", "x86_64_v3"),
        ("__archspec 1.* x86_64_v4", BARE, "unsatisfied", "x86_64_v3"),
        ("__archspec 1 haswell", BARE, "satisfied", "x86_64_v3"),
        ("__archspec 1 skylake_avx512", BARE, "unsatisfied", "x86_64_v3"),
        ("__archspec 1 future_cpu", BARE, "unknown", "future_cpu"),
        ("__archspec 1 x86_64_v2", ARM, "unsatisfied", "aarch64"),
        ("__archspec 1 aarch64", ARM, "satisfied", "aarch64"),
        ("__archspec 1 neoverse_v1", ARM, "unknown", "neoverse_v1"),
        ("__archspec 1.*", BARE, "satisfied", ""),
        ("__cuda", BARE, "unsatisfied", "no NVIDIA driver"),
        ("__cuda >=12.4", BARE, "unsatisfied", "no NVIDIA driver"),
        ("__cuda >=12", GPU, "satisfied", "CUDA 12.2"),
        ("__cuda >=12.4", GPU, "unsatisfied", "CUDA 12.2"),
        ("__cuda >=12", SILENT, "satisfied", "at least CUDA 13.0"),
        ("__cuda >=14", SILENT, "unknown", "at least CUDA 13.0"),
        ("__cuda >=12", OLD, "unknown", "does not say"),
        ("__cuda_arch >=8.0", GPU, "satisfied", "8.6"),
        ("__cuda_arch >=9.0", GPU, "unsatisfied", "8.6"),
        ("__cuda_arch >=9.0", SILENT, "unknown", "could not be read"),
        ("__cuda_arch >=9.0", BARE, "unsatisfied", "no NVIDIA GPU"),
        ("__conda >=24", BARE, "unknown", "not known"),
        ("__glibc (2.1)", BARE, "unknown", "not understood"),
        ("CUDA 12.9", GPU, "satisfied", "minor version compatibility"),
        ("CUDA 13.0", GPU, "unsatisfied", "580"),
    ],
)
def test_a_need_and_a_host(spec, facts, status, says):
    verdict = contract.judge(need(spec), facts)
    assert verdict.status == status
    assert says in verdict.by


@pytest.mark.parametrize(
    ("spec", "facts", "status"),
    [
        ("__cuda >=12.4", BARE, "satisfied"),  # binds only hosts that have a driver
        ("__cuda >=12.4", GPU, "unsatisfied"),
        ("__cuda_arch >=9", BARE, "satisfied"),
        ("__glibc >=2.99", BARE, "unsatisfied"),
    ],
)
def test_constrains_bind_only_hosts_that_have_the_thing(spec, facts, status):
    assert contract.judge(need(spec, "constrains"), facts).status == status


@pytest.mark.parametrize(
    ("build", "version"),
    [
        ("cuda129_py312h1234567_300", "12.9"),
        ("cuda124_hbed_1", "12.4"),
        ("cuda12.4_cudnn9.1.0_0", "12.4"),
        ("py3.11_cuda12.4_cudnn9.1.0_0", "12.4"),
        ("py311_cuda118_h0", "11.8"),
        ("py311cuda112h1_0", "11.2"),
        ("cuda_112", "11.2"),
        ("cuda_112_py39_0", "11.2"),
        ("cuda12.4.1_0", "12.4"),
        ("cuda12_h0", "12"),
        ("cuda92_0", "9.2"),
        ("cuda102_0", "10.2"),
        ("cuda130_generic", "13.0"),
        ("cpu_py311h0_0", None),
        ("cuda_h0_1", None),
        ("cuda_0", None),
        ("nocuda118_0", None),
        ("cuda_None_0", None),
        ("cuda1234567_0", None),
        ("pyhd8ed1ab_0", None),
        ("", None),
    ],
)
def test_build_strings_name_cuda(build, version):
    assert contract.cuda_of_build(build) == version


def test_needs_say_what_they_come_from():
    packages = [
        package("python", "3.11", "h1_0", ("libffi >=3", "__glibc >=2.17,<3.0.a0")),
        package("numpy", "2.0", "h2_0", ("python", "__glibc >=2.17,<3.0.a0")),
        package("pytorch", "2.7", "cuda129_py311h3_1", ("python", "__cuda")),
        package("cuda-version", "12.9", "h4_3"),
        package("cudatoolkit", "11.8.0", "h5_10"),
        package("cuda-arch", "8.0", "h6_0"),
        package("humanize", "4.0", "cuda129", ("__cuda",), manager="pip"),
    ]
    found = {str(one): [(source.package, source.field) for source in one.sources] for one in contract.needs_of(packages)}
    assert found == {
        "__glibc >=2.17,<3.0.a0": [("python 3.11 h1_0", "depends"), ("numpy 2.0 h2_0", "depends")],
        "__cuda": [("pytorch 2.7 cuda129_py311h3_1", "depends")],
        "CUDA 12.9": [("pytorch 2.7 cuda129_py311h3_1", "build"), ("cuda-version 12.9 h4_3", "version")],
        "CUDA 11.8": [("cudatoolkit 11.8.0 h5_10", "version")],
        "__cuda_arch >=8.0": [("cuda-arch 8.0 h6_0", "constrains")],
    }


def test_archives_add_what_the_lock_did_not_say():
    locked = contract.needs_of([package("a", "1", "0", ("__glibc >=2.17",))])
    archives = contract.needs_of_archives(
        [
            {"name": "a", "version": "1", "build": "0", "depends": ["__glibc >=2.17"], "constrains": []},
            {"name": "b", "version": "2", "build": "0", "depends": ["__glibc >=2.17"], "constrains": ["__cuda >=12"]},
        ]
    )
    merged = {str(one): (one.packages, one.weak) for one in contract.merge(locked, archives)}
    assert merged == {"__glibc >=2.17": (2, False), "__cuda >=12": (1, True)}


def test_packages_that_state_nothing_are_listed():
    stated, silent, wheel = package("a", depends=("b",)), package("b"), package("c", manager="pip")
    assert contract.unstated([stated, silent, wheel]) == ["b 2.0 0"]


def test_a_result_names_a_few_packages_and_counts_all():
    sources = tuple(Source(f"p{number} 1 0", "depends") for number in range(9))
    verdict = contract.judge(Need("__glibc", ">=2.99", sources), BARE)
    assert verdict.to_data() == {
        "need": "__glibc >=2.99",
        "from": [{"package": f"p{number} 1 0", "field": "depends"} for number in range(5)],
        "packages": 9,
        "status": "unsatisfied",
        "by": "the host has glibc 2.36",
    }
    assert verdict.sentence() == "needs __glibc >=2.99 (p0 1 0, depends, and 8 more): the host has glibc 2.36"
