# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What NVIDIA's management library says, by ctypes. To be called in a child process only (see child.py).

Signatures: NVML API reference, nvml.h. This module util is private to the collection.
"""

from __future__ import annotations

import ctypes
import typing as t

# The loader's own search first; then WSL, and where container runtimes and older packages put it.
LIBRARIES = (
    "libnvidia-ml.so.1",
    "/usr/lib/wsl/lib/libnvidia-ml.so.1",
    "/usr/lib64/nvidia/libnvidia-ml.so.1",
    "/usr/local/nvidia/lib64/libnvidia-ml.so.1",
)
# nvml.h: NVML_ERROR_LIB_RM_VERSION_MISMATCH, the driver was updated and its module not yet loaded anew.
_VERSION_MISMATCH = 18


class _Pci(ctypes.Structure):
    # nvmlPciInfo_t of nvmlDeviceGetPciInfo_v3
    _fields_ = [
        ("busIdLegacy", ctypes.c_char * 16),
        ("domain", ctypes.c_uint),
        ("bus", ctypes.c_uint),
        ("device", ctypes.c_uint),
        ("pciDeviceId", ctypes.c_uint),
        ("pciSubSystemId", ctypes.c_uint),
        ("busId", ctypes.c_char * 32),
    ]


class _Memory(ctypes.Structure):
    # nvmlMemory_t, bytes
    _fields_ = [("total", ctypes.c_ulonglong), ("free", ctypes.c_ulonglong), ("used", ctypes.c_ulonglong)]


class Unavailable(Exception):
    """The library is missing or refused to start; the text says why."""


def _load(names: t.Sequence[str]) -> ctypes.CDLL:
    for name in names:
        try:
            return ctypes.CDLL(name)
        except OSError:
            continue
    raise Unavailable("libnvidia-ml.so.1 is not installed")


def _string(function: t.Any, *first: t.Any) -> str | None:
    buffer = ctypes.create_string_buffer(96)
    return buffer.value.decode("utf-8", "replace") if function(*first, buffer, len(buffer)) == 0 else None


def query(names: t.Sequence[str] = LIBRARIES) -> dict[str, t.Any]:
    """Return ``driver``, ``cuda`` ("12.4") and ``gpus`` as the library states them. Raises Unavailable."""
    library = _load(names)
    code = library.nvmlInit_v2()
    if code == _VERSION_MISMATCH:
        raise Unavailable("driver and library have different versions; load the driver's module anew, or reboot")
    if code != 0:
        raise Unavailable(f"nvmlInit_v2 failed with code {code}")
    try:
        cuda = ctypes.c_int()
        known = library.nvmlSystemGetCudaDriverVersion_v2(ctypes.byref(cuda)) == 0
        count = ctypes.c_uint()
        if library.nvmlDeviceGetCount_v2(ctypes.byref(count)) != 0:
            count.value = 0
        return {
            "driver": _string(library.nvmlSystemGetDriverVersion),
            # NVML_CUDA_DRIVER_VERSION_MAJOR and _MINOR
            "cuda": f"{cuda.value // 1000}.{cuda.value % 1000 // 10}" if known else None,
            "gpus": [gpu for gpu in (_device(library, index) for index in range(count.value)) if gpu],
        }
    finally:
        library.nvmlShutdown()


def _device(library: ctypes.CDLL, index: int) -> dict[str, t.Any] | None:
    handle = ctypes.c_void_p()
    pci = _Pci()
    if library.nvmlDeviceGetHandleByIndex_v2(ctypes.c_uint(index), ctypes.byref(handle)) != 0:
        return None
    if library.nvmlDeviceGetPciInfo_v3(handle, ctypes.byref(pci)) != 0:
        return None
    memory, major, minor, number = _Memory(), ctypes.c_int(), ctypes.c_int(), ctypes.c_uint()
    has_memory = library.nvmlDeviceGetMemoryInfo(handle, ctypes.byref(memory)) == 0
    capable = library.nvmlDeviceGetCudaComputeCapability(handle, ctypes.byref(major), ctypes.byref(minor)) == 0
    numbered = library.nvmlDeviceGetMinorNumber(handle, ctypes.byref(number)) == 0
    return {
        "bus": pci.busId.decode("ascii", "replace"),
        "name": _string(library.nvmlDeviceGetName, handle),
        "uuid": _string(library.nvmlDeviceGetUUID, handle),
        "minor": number.value if numbered else None,
        "memory_mib": memory.total // 2**20 if has_memory else None,
        "compute_capability": f"{major.value}.{minor.value}" if capable else None,
    }
