# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which CUDA runs on which driver: NVIDIA's rules as a table."""

from __future__ import annotations

import pytest

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.cuda import Gpu, judge_toolkit

NONE = Gpu()
R470 = Gpu("470.223.02", "11.4", 1, "7.0")
R525 = Gpu("525.60.13", "12.0", 1, "8.0")
R535 = Gpu("535.183.01", "12.2", 1, "8.0")
R580 = Gpu("580.65.06", "13.0", 8, "9.0")
SILENT_535 = Gpu("535.183.01")  # the library does not answer
SILENT_700 = Gpu("700.10")  # newer than the table
SILENT_440 = Gpu("440.33.01")  # older than the table


@pytest.mark.parametrize(
    ("version", "gpu", "status", "says", "warns"),
    [
        ("12.4", NONE, "unsatisfied", "no NVIDIA driver; CUDA 12.x needs driver 525 or newer", False),
        ("13.0", NONE, "unsatisfied", "CUDA 13.x needs driver 580 or newer", False),
        ("13.0", R580, "satisfied", "driver 580.65.06 supports CUDA 13.0", False),
        ("12.9", R580, "satisfied", "supports CUDA 13.0", False),
        ("11.8", R580, "satisfied", "supports CUDA 13.0", False),
        ("10.2", R580, "satisfied", "supports CUDA 13.0", False),
        ("13", R580, "satisfied", "supports CUDA 13.0", False),
        ("13.1", R580, "satisfied", "minor version compatibility", True),
        ("12.9", R525, "satisfied", "minor version compatibility", True),
        ("12.0", R525, "satisfied", "supports CUDA 12.0", False),
        ("12", R525, "satisfied", "supports CUDA 12.0", False),
        ("13.0", R535, "unsatisfied", "driver 535.183.01 supports CUDA 12.2; CUDA 13.x needs driver 580", False),
        ("11.8", R470, "satisfied", "minor version compatibility", True),
        ("12.0", R470, "unsatisfied", "CUDA 12.x needs driver 525 or newer", False),
        ("10.2", Gpu("440.33.01", "10.1"), "unsatisfied", "supports CUDA 10.1", False),
        ("12.2", SILENT_535, "satisfied", "by NVIDIA's table", False),
        ("12.9", SILENT_535, "satisfied", "minor version compatibility", True),
        ("13.0", SILENT_535, "unsatisfied", "CUDA 13.x needs driver 580", False),
        ("13.0", SILENT_700, "satisfied", "at least CUDA 13.0", False),
        ("14.0", SILENT_700, "unknown", "at least CUDA 13.0", False),
        ("12.0", SILENT_440, "unsatisfied", "driver 440.33.01 is too old; CUDA 12.x needs driver 525", False),
        ("10.2", SILENT_440, "unknown", "does not say which CUDA", False),
        ("12.0", Gpu(cuda="12.4"), "satisfied", "the driver supports CUDA 12.4", False),
    ],
)
def test_what_was_built_with_a_toolkit(version, gpu, status, says, warns):
    found, by, warning = judge_toolkit(version, gpu)
    assert (found, bool(warning)) == (status, warns)
    assert says in by
    if warns:
        assert f"CUDA {version}" in warning and "PTX" in warning
