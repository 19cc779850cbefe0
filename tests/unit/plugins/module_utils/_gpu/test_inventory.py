# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several witnesses, one answer. The XML follows what users of nvidia-smi posted (gpustat-unraid issue 19, telegraf issue 5812)."""

from __future__ import annotations

import pytest
from ansible_collections.lockstep.gpufleet.plugins.module_utils._gpu import nvidia_smi
from ansible_collections.lockstep.gpufleet.plugins.module_utils._gpu.files import Files, Gpu
from ansible_collections.lockstep.gpufleet.plugins.module_utils._gpu.inventory import describe, notes

XML = """<?xml version="1.0" ?>
<!DOCTYPE nvidia_smi_log SYSTEM "nvsmi_device_v12.dtd">
<nvidia_smi_log>
  <timestamp>Sat Mar 13 05:26:00 2021</timestamp>
  <driver_version>535.129.03</driver_version>
  <cuda_version>12.2</cuda_version>
  <attached_gpus>1</attached_gpus>
  <gpu id="00000000:C1:00.0">
    <product_name>NVIDIA A100-SXM4-80GB</product_name>
    <uuid>GPU-69ec2344-ebac-b028-f88f-452abb3d7f11</uuid>
    <minor_number>2</minor_number>
    <fb_memory_usage><total>81920 MiB</total><used>4 MiB</used></fb_memory_usage>
  </gpu>
</nvidia_smi_log>
"""
A100 = {
    "bus": "00000000:C1:00.0",
    "name": "NVIDIA A100-SXM4-80GB",
    "uuid": "GPU-69ec2344-ebac-b028-f88f-452abb3d7f11",
    "minor": 2,
    "memory_mib": 81920,
    "compute_capability": None,
}


def test_nvidia_smi_is_understood():
    assert nvidia_smi.parse(XML) == {"driver": "535.129.03", "cuda": "12.2", "gpus": [A100]}


@pytest.mark.parametrize("text", ["", "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.", "<a>"])
def test_other_text_of_nvidia_smi_is_refused(text):
    with pytest.raises(ValueError, match="XML"):
        nvidia_smi.parse(text)


@pytest.mark.parametrize(("cuda", "expected"), [("N/A", None), ("12.2", "12.2"), ("", None)])
def test_a_cuda_version_is_a_version(cuda, expected):
    assert nvidia_smi.parse(XML.replace(">12.2<", f">{cuda}<"))["cuda"] == expected


def test_an_empty_host_has_every_value():
    assert describe(Files(), None) == {
        "driver_version": None,
        "driver_flavour": None,
        "library_version": None,
        "cuda_version": None,
        "gpus": [],
        "gpu_count": 0,
        "unclaimed": [],
    }
    assert notes(Files(), None) == []


def test_the_library_completes_what_files_said():
    files = Files(True, "535.129.03", "open", (Gpu("0000:c1:00.0", name="NVIDIA A100", minor=2),))
    answer = {"driver": "535.129.03", "cuda": "12.2", "gpus": [{**A100, "compute_capability": "8.0"}]}
    told = describe(files, answer)
    assert told["cuda_version"] == "12.2"
    assert told["gpus"] == [
        {
            "bus": "0000:c1:00.0",
            "name": "NVIDIA A100",
            "uuid": A100["uuid"],
            "minor": 2,
            "memory_mib": 81920,
            "compute_capability": "8.0",
            "firmware": None,
            "excluded": False,
        }
    ]
    assert notes(files, answer) == ["The GPU at 0000:c1:00.0 does not answer its driver."]


def test_a_gpu_that_only_the_library_knows_counts():
    assert describe(Files(True), {"driver": "1.2", "cuda": None, "gpus": [A100]})["gpu_count"] == 1


def test_a_driver_that_was_updated_under_a_running_host_is_told():
    files = Files(True, "580.173.02", "open")
    assert "rebooted" in notes(files, {"driver": "580.178.04", "cuda": None, "gpus": []})[0]


def test_gpus_without_a_driver_are_told():
    files = Files(unclaimed=(("0000:01:00.0", None), ("0000:02:00.0", "vfio-pci")))
    assert notes(files, None) == [
        "The NVIDIA GPU at 0000:01:00.0 has no driver.",
        "The NVIDIA GPU at 0000:02:00.0 is held by the driver vfio-pci.",
    ]
