# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""The calls into NVML, against a library that this test compiles, and the child process that guards them.

The stand-in has the signatures and structures of nvml.h (NVML API reference); it proves our side of the binary interface.
It says nothing about a real driver.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
import time

import pytest
from ansible_collections.lockstep.gpufleet.plugins.module_utils._gpu import nvml
from ansible_collections.lockstep.gpufleet.plugins.module_utils._gpu.child import call_in_child

SOURCE = r"""
#include <stdio.h>
#include <string.h>
typedef struct { char legacy[16]; unsigned domain, bus, device, id, sub; char busId[32]; } pci_t;
typedef struct { unsigned long long total, free, used; } memory_t;
int nvmlInit_v2(void) { return INIT; }
int nvmlShutdown(void) { return 0; }
int nvmlSystemGetDriverVersion(char *text, unsigned length) { snprintf(text, length, "580.159.03"); return 0; }
int nvmlSystemGetCudaDriverVersion_v2(int *version) { *version = 13000; return 0; }
int nvmlDeviceGetCount_v2(unsigned *count) { *count = 2; return 0; }
int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **device) { *device = (void *)(long)(index + 1); return 0; }
int nvmlDeviceGetPciInfo_v3(void *device, pci_t *pci) {
  memset(pci, 0, sizeof *pci); snprintf(pci->busId, 32, "00000000:A%d:00.0", (int)(long)device); return 0; }
int nvmlDeviceGetName(void *device, char *text, unsigned length) { snprintf(text, length, "NVIDIA H200"); return 0; }
int nvmlDeviceGetUUID(void *device, char *text, unsigned length) {
  if ((long)device == 2) return 15; /* NVML_ERROR_GPU_IS_LOST */
  snprintf(text, length, "GPU-1"); return 0; }
int nvmlDeviceGetMemoryInfo(void *device, memory_t *memory) { memory->total = 143771ULL << 20; return 0; }
int nvmlDeviceGetCudaComputeCapability(void *device, int *major, int *minor) { *major = 9; *minor = 0; return 0; }
int nvmlDeviceGetMinorNumber(void *device, unsigned *number) { *number = (unsigned)(long)device - 1; return 0; }
"""


def compile_library(folder, init=0):
    compiler = shutil.which("cc") or shutil.which("gcc")
    if not compiler:
        pytest.skip("no C compiler")
    library = folder / f"libnvidia-ml-{init}.so.1"
    command = [compiler, "-shared", "-fPIC", f"-DINIT={init}", "-x", "c", "-o", str(library), "-"]
    subprocess.run(command, input=SOURCE, text=True, check=True)
    return str(library)


def test_devices_are_read_through_the_binary_interface(tmp_path):
    library = compile_library(tmp_path)
    answer, why_not = call_in_child(lambda: nvml.query(["/nowhere.so", library]), 10)
    assert why_not is None
    assert (answer["driver"], answer["cuda"]) == ("580.159.03", "13.0")
    assert answer["gpus"][0] == {
        "bus": "00000000:A1:00.0",
        "name": "NVIDIA H200",
        "uuid": "GPU-1",
        "minor": 0,
        "memory_mib": 143771,
        "compute_capability": "9.0",
    }
    assert answer["gpus"][1]["uuid"] is None, "a lost GPU does not hide the others"


@pytest.mark.parametrize(("code", "words"), [(18, "different versions"), (9, "code 9")])
def test_a_library_that_does_not_start_says_why(tmp_path, code, words):
    library = compile_library(tmp_path, code)
    answer, why_not = call_in_child(lambda: nvml.query([library]), 10)
    assert answer is None
    assert words in why_not


def test_no_library():
    assert call_in_child(lambda: nvml.query(["/nowhere.so"]), 10) == (None, "libnvidia-ml.so.1 is not installed")


def test_the_structures_have_the_sizes_of_nvml_h():
    assert ctypes.sizeof(nvml._Pci) == 68
    assert ctypes.sizeof(nvml._Memory) == 24


def test_a_call_that_hangs_is_given_up():
    started = time.monotonic()
    assert call_in_child(lambda: time.sleep(60), 0.2) == (None, "no answer within 0.2 seconds")
    assert time.monotonic() - started < 5


def test_a_call_that_crashes_hurts_nobody():
    assert call_in_child(lambda: os.kill(os.getpid(), signal.SIGKILL), 10) == (None, "crashed")


def test_a_large_answer_arrives_whole():
    assert call_in_child(lambda: "x" * 300_000, 10) == ("x" * 300_000, None)
