# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The GPUs of a host, out of several witnesses. Pure.

This module util is private to the collection.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.lockstep.gpufleet.plugins.module_utils._gpu.files import Files, Gpu, normal_address


def merge(files: Files, answer: t.Mapping[str, t.Any] | None) -> list[Gpu]:
    """Return the GPUs that files or library name, by PCI address; the files' word on a field wins."""
    gpus = {gpu.bus: gpu for gpu in files.gpus}
    for told in (answer or {}).get("gpus", []):
        bus = normal_address(told["bus"])
        gpu = gpus.get(bus, Gpu(bus))
        fresh = {
            key: value
            for key, value in told.items()
            if key != "bus" and value is not None and getattr(gpu, key) is None
        }
        gpus[bus] = dataclasses.replace(gpu, **fresh)
    return [gpus[bus] for bus in sorted(gpus)]


def describe(files: Files, answer: t.Mapping[str, t.Any] | None) -> dict[str, t.Any]:
    """Return the return values of the module gpu_info, all of them, also on a host without any GPU."""
    library = (answer or {}).get("driver")
    gpus = merge(files, answer)
    return {
        "driver_version": files.driver or library,
        "driver_flavour": files.flavour,
        "library_version": library,
        "cuda_version": (answer or {}).get("cuda"),
        "gpus": [dataclasses.asdict(gpu) for gpu in gpus],
        "gpu_count": len(gpus),
        "unclaimed": [{"bus": bus, "driver": driver} for bus, driver in files.unclaimed],
    }


def notes(files: Files, answer: t.Mapping[str, t.Any] | None) -> list[str]:
    """Return what a person should know about the host's GPUs, as sentences."""
    library = (answer or {}).get("driver")
    said = []
    if files.driver and library and files.driver != library:
        said.append(
            f"The loaded driver is {files.driver} and its library is {library}: CUDA programs fail until the driver's "
            "module is loaded anew, or the host is rebooted."
        )
    for bus, driver in files.unclaimed:
        holder = f"is held by the driver {driver}" if driver else "has no driver"
        said.append(f"The NVIDIA GPU at {bus} {holder}.")
    for gpu in files.gpus:
        if gpu.excluded:
            said.append(f"The GPU at {gpu.bus} is excluded by the driver's configuration.")
        elif gpu.uuid is None:
            said.append(f"The GPU at {gpu.bus} does not answer its driver.")
    return said
