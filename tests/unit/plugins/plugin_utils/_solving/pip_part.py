# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""A requirements file resolved by the real uv for a host that is made up, on top of what conda is said to bring there."""

from __future__ import annotations

import os
import pathlib
import sys
import typing as t

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.network import Network
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.packages import Package
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locks.document import Entry
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._solving import pip
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._solving.model import Settings, Target, Tools
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._specification import reading

UV = os.path.join(os.path.dirname(sys.executable), "uv")
LINUX = Target("linux-64", {"__glibc": "2.36", "__linux": "5.10"})


def conda_package(name: str, version: str, *depends: str, **more: t.Any) -> Entry:
    """Return a package that conda brings; one that depends on python is a Python distribution."""
    build = "h0_0_cpython" if name == "python" else "py312_0"
    url = f"https://conda.example/ch/linux-64/{name}-{version}-{build}.conda"
    return Entry(Package("conda", name, version, build, "linux-64", url, "a" * 64, depends), **more)


PYTHON = conda_package("python", "3.12.4")


def settings(folder: pathlib.Path, uv: str = UV, network: Network = Network(timeout=5, retries=0), **more: t.Any) -> Settings:
    return Settings(Tools(sys.executable, uv), network, str(folder / "cache"), **more)


def resolution(
    text: str, those: Settings, *conda: Entry, target: Target = LINUX, path: str = "r.txt", keep: t.Sequence[Entry] = ()
) -> pip.Resolution:
    """Resolve the requirements file ``text``; ``conda`` comes on top of a Python."""
    wanted = reading.parse(text.encode(), path, channels=["c"], python=PYTHON.package.version)
    return pip.resolution(wanted, target, [PYTHON, *conda], those, keep)


def pairs(entries: t.Iterable[Entry]) -> list[tuple[str, str]]:
    return [(one.package.name, one.package.version) for one in entries]
