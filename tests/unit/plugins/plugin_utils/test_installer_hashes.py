# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of installers is well-formed, and holds what the defaults name."""

from __future__ import annotations

import pathlib
import re

import pytest
import yaml

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda import bases
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._installer_hashes import INSTALLERS

ROOT = pathlib.Path(__file__).resolve().parents[4]


def test_every_entry_is_well_formed() -> None:
    for name, hashes in INSTALLERS.items():
        assert re.fullmatch(r"(Miniconda3-py3\d\d_|Miniforge3-)\d+\.\d+\.\d+-\d+", name)
        assert set(hashes) == {"x86_64", "aarch64"}
        assert all(re.fullmatch(r"[0-9a-f]{64}", sha256) for sha256 in hashes.values())
    every = [sha256 for hashes in INSTALLERS.values() for sha256 in hashes.values()]
    assert len(every) == len(set(every)) == 158


@pytest.mark.parametrize(
    ("name", "architecture", "sha256"),
    [
        ("Miniconda3-py310_26.5.3-1", "x86_64", "4a82fe0a50a28e8a9406b3ed8e465b7009aa7d0225566802c3370df96b10d834"),
        ("Miniconda3-py310_26.5.3-1", "aarch64", "d2988632a30ea71e158874b9c5386d016660908fec38ee58125af7783b1a0bf6"),
        ("Miniconda3-py314_26.5.3-1", "x86_64", "42cfece170da342364a78d629e06b94dfd81b0f2717d7655729100d888d606b4"),
        ("Miniforge3-26.3.2-3", "aarch64", "2c113a69297e612b01ca0f320c22a3107a11f2ab9b573d79ac868a175945ce29"),
    ],
)
def test_known_values(name: str, architecture: str, sha256: str) -> None:
    assert INSTALLERS[name][architecture] == sha256


def test_the_roles_default_is_known() -> None:
    defaults = yaml.safe_load((ROOT / "roles/miniconda/defaults/main.yml").read_text())
    assert "%s-%s" % (defaults["miniconda_distribution"], defaults["miniconda_release"]) in INSTALLERS
    assert set(bases.VENDORS) == {name.partition("-")[0] for name in INSTALLERS}
