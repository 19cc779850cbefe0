# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What /sys and /proc say about NVIDIA GPUs: no library, no process, a few milliseconds.

This module util is private to the collection.
"""

from __future__ import annotations

import dataclasses
import os
import re
import typing as t

from ansible_collections.lockstep.gpufleet.plugins.module_utils._files import read_or_none

# "NVIDIA UNIX x86_64 Kernel Module  580.173.02  Tue ..." or "NVIDIA UNIX Open Kernel Module for x86_64  565.57.01  ...".
_NVRM = re.compile(r"^NVRM version:.*?(?P<open>Open )?Kernel Module\s+(?:for \S+\s+)?(?P<version>\d+(?:\.\d+)+)", re.M)
_PCI_ADDRESS = re.compile(r"[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]\Z")
_NVIDIA = "0x10de"
# PCI base class 03 (display): 0300 VGA, 0302 3D controller (all data-centre GPUs).
_DISPLAY = "0x03"
# Any of them means that a driver is, or was, there and that asking its library is worth the time.
_SIGNS = ("sys/module/nvidia", "proc/driver/nvidia", "dev/nvidiactl", "dev/nvidia0", "dev/dxg")


@dataclasses.dataclass(frozen=True)
class Gpu:
    """One GPU. What nobody said is None. ``bus``: PCI address as in /sys. ``memory_mib``: MiB."""

    bus: str
    name: str | None = None
    uuid: str | None = None
    minor: int | None = None
    memory_mib: int | None = None
    compute_capability: str | None = None
    firmware: str | None = None
    excluded: bool = False


@dataclasses.dataclass(frozen=True)
class Files:
    """What the files said. ``unclaimed``: (PCI address, driver or None) of NVIDIA GPUs that the nvidia driver does not hold."""

    signs: bool = False
    driver: str | None = None
    flavour: str | None = None
    gpus: tuple[Gpu, ...] = ()
    unclaimed: tuple[tuple[str, str | None], ...] = ()


def normal_address(address: str) -> str:
    """Return a PCI address as /sys writes it: NVML and nvidia-smi use upper case and a domain of eight digits."""
    address = address.strip().lower()
    if re.match(r"0000[0-9a-f]{4}:", address):
        address = address[4:]
    return address


def _text(*parts: str) -> str | None:
    try:
        content = read_or_none(os.path.join(*parts))
    except OSError:
        # A GPU that fell off the bus answers with EIO; the others still count.
        return None
    return None if content is None else content.decode("utf-8", "replace").strip()


def parse_nvrm(text: str) -> tuple[str | None, str | None]:
    """Return (version, "open" or "proprietary") of the text in /proc/driver/nvidia/version."""
    match = _NVRM.search(text)
    if not match:
        return None, None
    return match.group("version"), "open" if match.group("open") else "proprietary"


def parse_information(address: str, text: str) -> Gpu:
    """Return the GPU that a file /proc/driver/nvidia/gpus/ADDRESS/information describes.

    The lines are "Key: <blanks> value" (kernel-open/nvidia/nv-procfs.c, nv_procfs_read_gpu_info).
    """
    fields = {}
    for line in text.splitlines():
        key, separator, value = line.partition(":")
        if separator:
            fields[key.strip()] = value.strip()
    minor = fields.get("Device Minor", "")
    name = fields.get("Model")
    return Gpu(
        bus=normal_address(address),
        name=None if name in (None, "", "Unknown") else name,
        # A UUID of question marks means that the driver could not talk to the GPU.
        uuid=fields["GPU UUID"] if "?" not in fields.get("GPU UUID", "?") else None,
        minor=int(minor) if minor.isdigit() else None,
        firmware=fields.get("GPU Firmware") if fields.get("GPU Firmware") not in ("", "N/A") else None,
        excluded=fields.get("GPU Excluded", "No") == "Yes",
    )


def read_files(root: str = "/") -> Files:
    """Read /sys and /proc below ``root``. Missing files mean "no such thing"; nothing is raised for them."""
    module = _text(root, "sys/module/nvidia/version")
    nvrm, flavour = parse_nvrm(_text(root, "proc/driver/nvidia/version") or "")
    gpus = []
    for address in _names(root, "proc/driver/nvidia/gpus"):
        information = _text(root, "proc/driver/nvidia/gpus", address, "information")
        gpus.append(parse_information(address, information or ""))
    return Files(
        signs=any(os.path.exists(os.path.join(root, sign)) for sign in _SIGNS),
        driver=module or nvrm,
        flavour=flavour,
        gpus=tuple(gpus),
        unclaimed=tuple(_unclaimed(root)),
    )


def _names(root: str, folder: str) -> list[str]:
    try:
        return sorted(name for name in os.listdir(os.path.join(root, folder)) if _PCI_ADDRESS.match(name.lower()))
    except OSError:
        return []


def _unclaimed(root: str) -> t.Iterator[tuple[str, str | None]]:
    for address in _names(root, "sys/bus/pci/devices"):
        device = os.path.join(root, "sys/bus/pci/devices", address)
        if _text(device, "vendor") != _NVIDIA or not (_text(device, "class") or "").startswith(_DISPLAY):
            continue
        link = os.path.join(device, "driver")
        driver = os.path.basename(os.readlink(link)) if os.path.islink(link) else None
        if driver != "nvidia":
            yield address, driver
