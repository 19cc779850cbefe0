# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a host has of what packages may need: C library, kernel, processor, NVIDIA driver. Reads files; a child process
only asks the driver's library, where there is a driver.

The variables ``CONDA_OVERRIDE_*`` are not honoured: they tell a solver of another host, this is the host itself.

This module util is private to the collection.
"""

from __future__ import annotations

import os
import re
import typing as t

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda import contract, cuda
from ansible_collections.lockstep.gpufleet.plugins.module_utils._files import read_or_none

#: Flags in /proc/cpuinfo that each x86-64 level adds (System V psABI for x86-64, "micro-architecture levels"; ``lzcnt``
#: is called ``abm`` there, SSE3 ``pni``).
_LEVEL_FLAGS = {
    2: "cx16 lahf_lm popcnt pni ssse3 sse4_1 sse4_2",
    3: "avx avx2 bmi1 bmi2 f16c fma abm movbe xsave",
    4: "avx512f avx512bw avx512cd avx512dq avx512vl",
}

#: Where glibc lies: Debian's and Red Hat's places on the two platforms that we build for.
_LIBRARIES = (
    "lib/x86_64-linux-gnu/libc.so.6",
    "lib/aarch64-linux-gnu/libc.so.6",
    "lib64/libc.so.6",
)
_GLIBC = re.compile(rb"GNU C Library [^\n]*?version (\d+\.\d+)")

#: Seconds that the driver's library may take to answer.
_PATIENCE = 10.0


def read_facts() -> contract.Facts:
    """Return what this host has, without its GPUs (``read_gpu``)."""
    machine = os.uname().machine
    return contract.Facts(
        glibc=glibc(), kernel=kernel(os.uname().release), archspec=archspec(machine, _text("/proc/cpuinfo"))
    )


def glibc(root: str = "/") -> str | None:
    """Return glibc's version, or None on a host without it.

    The Python that runs this may be linked with another C library than the host's programs; then the host's counts.
    """
    try:
        name, _blank, version = (os.confstr("CS_GNU_LIBC_VERSION") or "").partition(" ")
    except (ValueError, OSError):  # musl does not know the question
        name = version = ""
    if root == "/" and name == "glibc" and version:
        return version
    for path in _LIBRARIES:
        match = _GLIBC.search(read_or_none(os.path.join(root, path)) or b"")
        if match:
            return match[1].decode()
    return None


def kernel(release: str) -> str:
    """Return the version at the beginning of a kernel's release, as conda's ``__linux`` has it: ``6.1.0-18-amd64`` is 6.1.0."""
    match = re.match(r"\d+(?:\.\d+){0,3}", release)
    return match[0] if match else "0"


def archspec(machine: str, cpuinfo: str) -> str:
    """Return the generic name of the processor's abilities: ``x86_64`` to ``x86_64_v4``, else the machine's name."""
    if machine != "x86_64":
        return machine
    match = re.search(r"^flags\s*:(.*)$", cpuinfo, re.M)
    flags = set(match[1].split()) if match else set()
    level = 1
    for number, needed in sorted(_LEVEL_FLAGS.items()):
        if not flags.issuperset(needed.split()):
            break
        level = number
    return "x86_64" if level == 1 else f"x86_64_v{level}"


def read_gpu() -> cuda.Gpu:
    """Return driver, CUDA version and the least capability of the GPUs; files first, the driver's library only if there is one."""
    from ansible_collections.lockstep.gpufleet.plugins.module_utils._gpu import nvidia_smi, nvml
    from ansible_collections.lockstep.gpufleet.plugins.module_utils._gpu.child import call_in_child
    from ansible_collections.lockstep.gpufleet.plugins.module_utils._gpu.files import read_files
    from ansible_collections.lockstep.gpufleet.plugins.module_utils._gpu.inventory import describe

    files = read_files()
    answer = None
    if files.signs:
        answer, _why = call_in_child(nvml.query, _PATIENCE)
        if not answer:
            answer, _why = nvidia_smi.query(_PATIENCE)
    return gpu_of(describe(files, answer))


def virtual_packages() -> dict[str, str]:
    """Return what this host has by the names of conda's virtual packages: versions, and for ``__archspec`` a name."""
    facts, gpu = read_facts(), read_gpu()
    found = {"__glibc": facts.glibc, "__linux": facts.kernel, "__archspec": facts.archspec, "__cuda": gpu.supports}
    return {name: version for name, version in sorted(found.items()) if version}


def gpu_of(described: t.Mapping[str, t.Any]) -> cuda.Gpu:
    """Return what matters of the return values of the module gpu_info."""
    gpus = [gpu for gpu in described["gpus"] if not gpu["excluded"]]
    capabilities = [gpu["compute_capability"] for gpu in gpus]
    least = None
    if capabilities and all(capabilities):
        least = min(capabilities, key=lambda text: [int(part) for part in text.split(".")])
    return cuda.Gpu(described["driver_version"], described["cuda_version"], len(gpus), least)


def _text(path: str) -> str:
    return (read_or_none(path) or b"").decode("utf-8", "replace")
