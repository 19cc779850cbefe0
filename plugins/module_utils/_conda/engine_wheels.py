# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which engine: versions and hashes, as data, so that a run that builds nothing loads nothing of what builds.

This module util is private to the collection.
"""

from __future__ import annotations

#: Versions go into the generation's id: another engine may lay files out differently.
VERSIONS = {"py-rattler": "0.28.0", "uv": "0.13.9"}

#: The oldest Python that py-rattler's abi3 wheel (cp310) can be imported by.
OLDEST_PYTHON = (3, 10)

PYPI = "https://files.pythonhosted.org/packages"

#: Wheels as PyPI serves them, by conda's platform: path below PyPI's file host, and sha256.
WHEELS = {
    "linux-64": (
        (
            "8f/6d/3fa200701f73ba8c2230d76f01c4e928c1abad98d6c43722f5cace3c12ab/"
            "py_rattler-0.28.0-cp310-abi3-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
            "4f4ab1d34d5394e7ce130a86e59009c95ace4f5757d9c3af04de1351bcea47eb",
        ),
        (
            "3d/aa/26d64642d808de4a652579ef950d7cd2d37f080a8babf9c67c6b75fc4c3f/"
            "uv-0.13.9-py3-none-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
            "d7f459fe4fd247d830351c75686d3996ace3c6f3f728eb0e85a30b7ada0cef19",
        ),
    ),
    "linux-aarch64": (
        (
            "ab/d1/2160739ab3796b2285871c3b653ceefab19fa5d7dcf3179e7435f0bfacbd/"
            "py_rattler-0.28.0-cp310-abi3-manylinux_2_28_aarch64.whl",
            "61b24202374188e72130f1b3dc63b455befaafc3e49e5481a38b6a6c8828c1e0",
        ),
        (
            "57/15/94b6cd62ac3ff6550288328e8035288875197cbc183f51554b266a69877b/"
            "uv-0.13.9-py3-none-manylinux_2_17_aarch64.manylinux2014_aarch64.musllinux_1_1_aarch64.whl",
            "5435c5ce14a56431208ca0996416d310f1598e8c2c8ba707688985a16bb82dbe",
        ),
    ),
}
