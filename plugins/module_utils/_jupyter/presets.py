# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Named sets of environment variables for kernels: data, ours and the user's. Pure.

This module util is private to the collection.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem

Variables = t.Tuple[t.Tuple[str, str], ...]

_LEGAL_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")

BUILT_IN: t.Mapping[str, t.Mapping[str, str]] = {
    # GPU numbers as nvidia-smi shows them (CUDA's own order is by speed), and kernels loaded when they are first used.
    "cuda": {"CUDA_DEVICE_ORDER": "PCI_BUS_ID", "CUDA_MODULE_LOADING": "LAZY"},
    # Say what is wrong, and nothing else: without it a failed collective is silent.
    "nccl": {"NCCL_DEBUG": "WARN", "TORCH_NCCL_ASYNC_ERROR_HANDLING": "1"},
    # A share of the cores: each of these libraries takes all of them otherwise, in every kernel of every user.
    "omp": {"OMP_NUM_THREADS": "8", "MKL_NUM_THREADS": "8", "OPENBLAS_NUM_THREADS": "8", "NUMEXPR_NUM_THREADS": "8"},
}


def variables(value: t.Any, where: str) -> Variables:
    """Return a dictionary of environment variables, sorted. Raises Problem naming ``where`` and key."""
    if not isinstance(value, dict):
        raise Problem(f"{where} must be a dictionary of environment variables; it is {value!r}.")
    found = []
    for key, content in sorted(value.items(), key=lambda item: str(item[0])):
        if not isinstance(key, str) or not _LEGAL_VARIABLE.match(key):
            raise Problem(f"{where}: {key!r} is no legal name of an environment variable.")
        if isinstance(content, bool) or not isinstance(content, (str, int, float)):
            raise Problem(f"{where}.{key} must be a text or a number; it is {content!r}. Put quotes around it.")
        found.append((key, str(content)))
    return tuple(found)


def known(own: t.Any) -> dict[str, Variables]:
    """Return all presets by name: the built-in ones, and ``own``, which replace those of the same name."""
    if not isinstance(own, dict):
        raise Problem(f"env_presets must be a dictionary of presets; it is {own!r}.")
    presets = {name: tuple(sorted(content.items())) for name, content in BUILT_IN.items()}
    for name, content in own.items():
        if not isinstance(name, str) or not name.strip():
            raise Problem(f"env_presets: {name!r} is no name of a preset.")
        presets[name] = variables(content, f"env_presets.{name}")
    return presets


def combine(names: t.Any, own: Variables, presets: t.Mapping[str, Variables], where: str) -> Variables:
    """Return the variables of the presets ``names``, later ones winning, and over all of them ``own``."""
    if not isinstance(names, (list, tuple)):
        raise Problem(f"{where} must be a list of presets; it is {names!r}.")
    merged: dict[str, str] = {}
    for name in names:
        if name not in presets:
            raise Problem(
                f"{where}: there is no preset {name!r}. Known: {', '.join(sorted(presets))}; "
                "the option env_presets of the task adds others."
            )
        merged.update(presets[name])
    merged.update(own)
    return tuple(sorted(merged.items()))
