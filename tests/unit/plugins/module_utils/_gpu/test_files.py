# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""GPUs out of /sys and /proc.

The format of the recorded texts is that of NVIDIA's open kernel modules (kernel-open/nvidia/nv-procfs.c: "NVRM version: %s",
"Model: \t\t %s", "GPU UUID: \t %s" ...). The version lines are the ones that people posted: nixGL issues 186 (open, 565) and
139 (Jetson), truenas-nvidia-drivers issue 19 (proprietary, 580). The H100 is one that a person described in public notes,
driver 535.129.03. No machine with a GPU was at hand when these tests were written.
"""

from __future__ import annotations

import pytest
from ansible_collections.lockstep.gpufleet.plugins.module_utils._gpu.files import (
    Files,
    Gpu,
    normal_address,
    parse_information,
    parse_nvrm,
    read_files,
)

OPEN = """\
NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  565.57.01  Release Build  (dvs-builder@U16-A24-9-2)  Thu Oct 10 12:15:00 UTC 2024
GCC version:  gcc version 13.3.0 (Ubuntu 13.3.0-6ubuntu2~24.04)
"""
PROPRIETARY = """\
NVRM version: NVIDIA UNIX x86_64 Kernel Module  580.173.02  Tue Jun 23 08:38:17 UTC 2026
GCC version:  gcc version 14.2.0 (Ubuntu 14.2.0-4ubuntu2~24.04.1)
"""
JETSON = """\
NVRM version: NVIDIA UNIX Open Kernel Module for aarch64  35.3.1  Release Build  (buildbrain@mobile-u64-6289-d7000)  Sun Mar 19 08:09:33 PDT 2023
GCC version:  gcc version 9.3.0 (Buildroot 2020.08)
"""
H100 = (
    "Model: \t\t NVIDIA H100 80GB HBM3\nIRQ:   \t\t 10\nGPU UUID: \t GPU-9221d5d1-b60b-a624-bf14-0a1819cfda3b\n"
    "Video BIOS: \t 96.00.99.00.01\nBus Type: \t PCIe\nDMA Size: \t 52 bits\nDMA Mask: \t 0xfffffffffffff\n"
    "Bus Location: \t 0000:62:00.0\nDevice Minor: \t 5\nGPU Firmware: \t 535.129.03\nGPU Excluded:\t No\n"
)
SILENT = (
    "Model: \t\t Unknown\nIRQ:   \t\t 35\nGPU UUID: \t GPU-????????-????-????-????-????????????\n"
    "Video BIOS: \t ??.??.??.??.??\nBus Type: \t PCIe\nDevice Minor: \t 0\nGPU Excluded:\t No\n"
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (OPEN, ("565.57.01", "open")),
        (PROPRIETARY, ("580.173.02", "proprietary")),
        (JETSON, ("35.3.1", "open")),
        ("", (None, None)),
        ("NVRM version: something new\n", (None, None)),
    ],
)
def test_the_version_line_of_every_flavour(text, expected):
    assert parse_nvrm(text) == expected


def test_a_gpu_is_described_in_full():
    assert parse_information("0000:62:00.0", H100) == Gpu(
        bus="0000:62:00.0",
        name="NVIDIA H100 80GB HBM3",
        uuid="GPU-9221d5d1-b60b-a624-bf14-0a1819cfda3b",
        minor=5,
        firmware="535.129.03",
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (SILENT, Gpu("0000:62:00.0", minor=0)),
        ("", Gpu("0000:62:00.0")),
        ("garbage", Gpu("0000:62:00.0")),
        ("Device Minor: \t x\nGPU Excluded:\t Yes\n", Gpu("0000:62:00.0", excluded=True)),
    ],
)
def test_a_gpu_that_says_little_is_still_there(text, expected):
    assert parse_information("0000:62:00.0", text) == expected


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("00000000:AF:00.0", "0000:af:00.0"),
        ("0000:62:00.0", "0000:62:00.0"),
        ("03F8CFDD:00:00.0", "03f8cfdd:00:00.0"),
    ],
)
def test_addresses_have_one_spelling(address, expected):
    assert normal_address(address) == expected


def plant(root, files):
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    return str(root)


def test_a_host_without_a_gpu_is_empty(tmp_path):
    root = plant(
        tmp_path,
        {
            "proc/driver/rtc": "",
            "sys/bus/pci/devices/0000:00:02.0/vendor": "0x8086\n",
            "sys/bus/pci/devices/0000:00:02.0/class": "0x030000\n",
        },
    )
    assert read_files(root) == Files()
    assert read_files(str(tmp_path / "nothing")) == Files()


def test_a_host_with_two_gpus(tmp_path):
    root = plant(
        tmp_path,
        {
            "sys/module/nvidia/version": "580.173.02\n",
            "proc/driver/nvidia/version": PROPRIETARY,
            "proc/driver/nvidia/gpus/0000:62:00.0/information": H100,
            "proc/driver/nvidia/gpus/0000:17:00.0/information": SILENT,
        },
    )
    files = read_files(root)
    assert (files.signs, files.driver, files.flavour) == (True, "580.173.02", "proprietary")
    assert [gpu.bus for gpu in files.gpus] == ["0000:17:00.0", "0000:62:00.0"]


def test_gpus_that_the_driver_does_not_hold_are_named(tmp_path):
    devices = {
        "0000:01:00.0": ("0x10de", "0x030200", "nvidia"),
        "0000:02:00.0": ("0x10de", "0x030000", "nouveau"),
        "0000:03:00.0": ("0x10de", "0x030200", None),
        # the audio function of a graphics card, an NVSwitch (a bridge), another vendor's graphics
        "0000:02:00.1": ("0x10de", "0x040300", "snd_hda_intel"),
        "0000:05:00.0": ("0x10de", "0x068000", None),
        "0000:00:02.0": ("0x8086", "0x030000", "i915"),
    }
    for address, (vendor, kind, driver) in devices.items():
        folder = f"sys/bus/pci/devices/{address}"
        plant(tmp_path, {f"{folder}/vendor": vendor + "\n", f"{folder}/class": kind + "\n"})
        if driver:
            (tmp_path / folder / "driver").symlink_to(f"../../../bus/pci/drivers/{driver}")
    assert read_files(str(tmp_path)).unclaimed == (("0000:02:00.0", "nouveau"), ("0000:03:00.0", None))
