# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which CUDA a driver runs, as NVIDIA documents it. Pure.

This module util is private to the collection.
"""

from __future__ import annotations

import dataclasses
import typing as t

#: The oldest driver branch for programs of a major version of CUDA, whatever the minor one.
#: https://docs.nvidia.com/deploy/cuda-compatibility/minor-version-compatibility.html
OLDEST_DRIVER = {11: 450, 12: 525, 13: 580}

#: The CUDA version that a driver branch came with, and so reports as the latest it supports. From the release notes
#: of the CUDA Toolkit, table "CUDA Toolkit and Corresponding Driver Versions"; only used where the driver's
#: library does not answer. A newer branch supports at least what the last one before it does.
_BRANCHES = {
    **{450: "11.0", 455: "11.1", 460: "11.2", 465: "11.3", 470: "11.4", 495: "11.5", 510: "11.6", 515: "11.7"},
    **{520: "11.8", 525: "12.0", 530: "12.1", 535: "12.2", 545: "12.3", 550: "12.4", 555: "12.5", 560: "12.6"},
    **{570: "12.8", 575: "12.9", 580: "13.0"},
}


@dataclasses.dataclass(frozen=True)
class Gpu:
    """The NVIDIA side of a host.

    ``driver``: its version (``580.65.06``). ``cuda``: the latest CUDA version that the driver's library says it
    supports. ``count``: GPUs that the driver holds. ``capability``: the least compute capability among them.
    """

    driver: str | None = None
    cuda: str | None = None
    count: int = 0
    capability: str | None = None

    @property
    def branch(self) -> int | None:
        """The driver's branch: 580 of 580.65.06."""
        first = (self.driver or "").partition(".")[0]
        return int(first) if first.isdigit() else None

    @property
    def supports(self) -> str | None:
        """The latest CUDA version that the driver supports (conda's ``__cuda``): its own word, or by its branch."""
        if self.cuda or self.branch is None:
            return self.cuda
        known = [branch for branch in _BRANCHES if branch <= self.branch]
        return _BRANCHES[max(known)] if known else None

    @property
    def at_least(self) -> bool:
        """Whether ``supports`` is only the least that can be said."""
        return self.cuda is None and self.branch not in _BRANCHES

    @property
    def said(self) -> str:
        """What a message says of it."""
        if self.cuda:
            driver = f"driver {self.driver}" if self.driver else "the driver"
            return f"{driver} supports CUDA {self.cuda}"
        if self.driver is None:
            return "the host has no NVIDIA driver"
        if self.supports is None:
            return f"driver {self.driver} does not say which CUDA it supports"
        least = "at least " if self.at_least else ""
        return f"driver {self.driver} supports {least}CUDA {self.supports} (by NVIDIA's table, its library does not answer)"


def judge_toolkit(version: str, gpu: Gpu) -> tuple[str, str, str | None]:
    """Tell whether programs built with CUDA ``version`` (``12.9`` or ``12``) run; return status, by what, and a warning.

    Minor version compatibility: from CUDA 11 on, what was built with any minor version runs on every driver that
    supports the major one, with limits. A newer driver runs everything older.
    """
    major, minor = _numbers(version)
    oldest = OLDEST_DRIVER.get(major)
    wanted = f"; CUDA {major}.x needs driver {oldest} or newer" if oldest else ""
    if gpu.supports is None:
        if gpu.driver and oldest and gpu.branch is not None and gpu.branch < oldest:
            return "unsatisfied", f"driver {gpu.driver} is too old{wanted}", None
        return ("unknown" if gpu.driver else "unsatisfied"), f"{gpu.said}{wanted}", None
    supported = _numbers(gpu.supports)
    if supported >= (major, minor):
        return "satisfied", gpu.said, None
    if supported[0] == major and oldest:
        return (
            "satisfied",
            f"{gpu.said} (minor version compatibility)",
            f"was built with CUDA {version}, and {gpu.said}: it runs by NVIDIA's minor version compatibility, which covers "
            "neither features that need a newer driver nor PTX code that is compiled at run time (torch.compile, "
            "Triton, numba, GPUs newer than the build)",
        )
    return ("unknown" if gpu.at_least else "unsatisfied"), f"{gpu.said}{wanted}", None


def _numbers(version: str) -> tuple[int, int]:
    parts: list[t.Any] = [int(part) for part in version.split(".")[:2]]
    return parts[0], parts[1] if len(parts) > 1 else 0
