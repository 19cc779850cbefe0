# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host has, from recorded files."""

from __future__ import annotations

import os

import pytest

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda import host_facts
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.cuda import Gpu
from ansible_collections.lockstep.gpufleet.plugins.module_utils._gpu import files, inventory

# Flags of real processors, without those that no level asks for.
NEHALEM = "fpu sse sse2 pni ssse3 cx16 sse4_1 sse4_2 popcnt lahf_lm"
HASWELL = NEHALEM + " fma movbe xsave avx f16c abm bmi1 avx2 bmi2"
SKYLAKE_SERVER = HASWELL + " avx512f avx512dq avx512cd avx512bw avx512vl"


@pytest.mark.parametrize(
    ("machine", "flags", "expected"),
    [
        ("x86_64", "fpu sse sse2", "x86_64"),
        ("x86_64", NEHALEM, "x86_64_v2"),
        ("x86_64", HASWELL, "x86_64_v3"),
        ("x86_64", SKYLAKE_SERVER, "x86_64_v4"),
        ("x86_64", SKYLAKE_SERVER.replace(" movbe", ""), "x86_64_v2"),  # as some hypervisors hide it
        ("x86_64", HASWELL + " avx512f", "x86_64_v3"),  # Knights Landing lacks the others
        ("aarch64", "", "aarch64"),
    ],
)
def test_the_processor(machine, flags, expected):
    cpuinfo = f"processor\t: 0\nvendor_id\t: GenuineIntel\nflags\t\t: {flags}\nbugs\t\t: none\n\nprocessor\t: 1\nflags\t\t: fpu\n"
    assert host_facts.archspec(machine, cpuinfo) == expected


def test_a_processor_without_flags_has_the_lowest_level():
    assert host_facts.archspec("x86_64", "") == "x86_64"


@pytest.mark.parametrize(
    ("release", "expected"),
    [
        ("6.1.0-18-amd64", "6.1.0"),
        ("5.15.0-1051-aws", "5.15.0"),
        ("4.18.0-513.el8.x86_64", "4.18.0"),
        ("6.18.44-fc-v509", "6.18.44"),
        ("6.5", "6.5"),
        ("unknown", "0"),
    ],
)
def test_the_kernel(release, expected):
    assert host_facts.kernel(release) == expected


def musl(name):
    raise ValueError("unrecognized configuration name")


@pytest.mark.parametrize("confstr", [musl, lambda name: None, lambda name: "glibc 2.99"])
def test_the_hosts_own_library_counts(tmp_path, monkeypatch, confstr):
    """Whatever the Python at work was linked with: here its word is not asked, or worth nothing."""
    monkeypatch.setattr(os, "confstr", confstr)
    assert host_facts.glibc(str(tmp_path)) is None
    library = tmp_path / "lib64" / "libc.so.6"
    library.parent.mkdir()
    library.write_bytes(b"\x7fELF\0\0GNU C Library (GNU libc) stable release version 2.34.\nCopyright\0")
    assert host_facts.glibc(str(tmp_path)) == "2.34"
    library.write_bytes(b"\x7fELF\0\0GNU C Library (Debian GLIBC 2.36-9+deb12u10) stable release version 2.36.\n\0")
    assert host_facts.glibc(str(tmp_path)) == "2.36"


def test_this_host():
    facts = host_facts.read_facts()
    assert facts.glibc and facts.glibc == os.confstr("CS_GNU_LIBC_VERSION").split()[1]
    assert os.uname().release.startswith(facts.kernel)


def recorded(root):
    """A host with two GPUs, as its driver 535 describes it in /sys and /proc."""
    for path, text in {
        "sys/module/nvidia/version": "535.183.01\n",
        "proc/driver/nvidia/gpus/0000:01:00.0/information": "Model: \t\t NVIDIA A100\nGPU UUID: \t GPU-1\nDevice Minor: \t 0\n",
        "proc/driver/nvidia/gpus/0000:02:00.0/information": "Model: \t\t Tesla V100\nGPU UUID: \t GPU-2\nDevice Minor: \t 1\n",
    }.items():
        file = root / path
        file.parent.mkdir(parents=True)
        file.write_text(text, encoding="utf-8")
    return files.read_files(str(root))


def told(*capabilities):
    """What the driver's library says of the same GPUs."""
    gpus = [{"bus": f"00000000:0{n}:00.0", "compute_capability": one} for n, one in enumerate(capabilities, 1)]
    return {"driver": "535.183.01", "cuda": "12.2", "gpus": gpus}


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (told("8.0", "7.0"), Gpu("535.183.01", "12.2", 2, "7.0")),
        (told("10.0", "9.0"), Gpu("535.183.01", "12.2", 2, "9.0")),
        (told("8.0", None), Gpu("535.183.01", "12.2", 2, None)),
        (None, Gpu("535.183.01", None, 2, None)),  # the library hangs, or the module is older than it
    ],
)
def test_the_gpus(tmp_path, answer, expected):
    assert host_facts.gpu_of(inventory.describe(recorded(tmp_path), answer)) == expected


def test_no_gpus(tmp_path):
    assert host_facts.gpu_of(inventory.describe(files.read_files(str(tmp_path)), None)) == Gpu()


def test_by_the_names_of_virtual_packages(monkeypatch):
    monkeypatch.setattr(host_facts, "read_facts", lambda: host_facts.contract.Facts("2.36", "6.1.0", "x86_64_v3"))
    monkeypatch.setattr(host_facts, "read_gpu", lambda: Gpu("550.54.15"))  # a library that does not answer
    assert host_facts.virtual_packages() == {
        "__archspec": "x86_64_v3",
        "__cuda": "12.4",
        "__glibc": "2.36",
        "__linux": "6.1.0",
    }
    monkeypatch.setattr(host_facts, "read_gpu", Gpu)
    assert "__cuda" not in host_facts.virtual_packages()
