# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Kernels that lie in their environment and are sealed with it: scope ``env``.

A Jupyter that is started from the environment shows them, no other. They are part of the generation, so ``conda_env`` makes
them when it builds, and ``ipykernel`` looks whether they are there.

This module util is private to the collection.
"""

from __future__ import annotations

import os
import typing as t

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.store import Store
from ansible_collections.lockstep.gpufleet.plugins.module_utils._jupyter import kernel_directory
from ansible_collections.lockstep.gpufleet.plugins.module_utils._jupyter.environment import locate, read_interpreter
from ansible_collections.lockstep.gpufleet.plugins.module_utils._jupyter.kernelspec import (
    Kernel,
    is_ours,
    parse_kernels,
    parse_text,
    render,
    to_text,
)
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem

FOLDER = "share/jupyter/kernels"


def asked_for(entry: t.Mapping[str, t.Any]) -> dict[str, t.Any] | None:
    """Return what an entry of ``environments`` asks to have built into its generation, as plain data; None for no kernel.

    Every key is filled in, so that the same kernel is the same data. Raises Problem.
    """
    if not isinstance(entry.get("kernel"), dict) or not entry["kernel"].get("scope"):
        return None
    kernels = parse_kernels([{"name": entry["name"], "kernel": entry["kernel"]}])
    return {
        "name": kernels[0].name,
        "display_name": kernels[0].display_name,
        "env": [list(pair) for pair in kernels[0].env],
        "metadata": kernels[0].metadata,
    }


def files(asked: t.Mapping[str, t.Any] | None, prefix: str, name: str, root: str) -> dict[str, bytes]:
    """Return the kernel's files, by path below ``prefix``, which already has all its packages. Raises Problem.

    The interpreter is called ``python``, by which Jupyter means the one that it runs in itself: the generation's, and in a clone
    of the environment the clone's.
    """
    if asked is None:
        return {}
    interpreter = read_interpreter(prefix, name)
    kernel = Kernel(
        name=asked["name"],
        environment=name,
        display_name=asked["display_name"],
        env=tuple((key, value) for key, value in asked["env"]),
        metadata=asked["metadata"],
        inside=True,
    )
    found = {**interpreter.resources, "kernel.json": to_text(render(kernel, interpreter, root)).encode("utf-8")}
    return {f"{FOLDER}/{kernel.name}/{file}": content for file, content in found.items()}


def report(
    kernels: t.Sequence[Kernel], root: str, generations: t.Mapping[str, str]
) -> tuple[list[dict[str, t.Any]], list[str]]:
    """Return what the module ``ipykernel`` reports of kernels that lie in their environment, and warnings; nothing is to change.

    Raises Problem for one that the environment's generation does not have, though no roll-back explains that.
    """
    entries, warnings = [], []
    for kernel in kernels:
        entry: dict[str, t.Any] = {
            "name": kernel.name,
            "display_name": kernel.display_name,
            "environment": kernel.environment,
            "state": "present" if kernel.wanted else "absent",
            "path": "",
            "changed": False,
        }
        entries.append(entry)
        if not kernel.wanted:
            continue
        prefix, predicted = locate(root, kernel.environment, generations)
        path = f"{prefix}/{FOLDER}/{kernel.name}"
        entry.update(path=path, prefix=prefix, ipykernel="")
        if predicted:
            continue
        entry["ipykernel"] = read_interpreter(prefix, kernel.environment).ipykernel
        if _is_there(kernel, path):
            continue
        # conda_env was asked in this play, or has left the environment where somebody took it back to: it knows better.
        if kernel.environment not in generations and not os.path.lexists(Store(root).hold(kernel.environment)):
            raise Problem(
                f"environment {kernel.environment!r}: kernel.scope is env, but there is no such kernel {kernel.name!r} in {prefix}. "
                "It is part of the environment: give the same entry to lockstep.gpufleet.conda_env first."
            )
        entry["state"] = "absent"
        warnings.append(
            f"Environment {kernel.environment!r} is at a generation without its kernel {kernel.name!r} (kernel.scope: env), as it was "
            "built before that was asked for."
        )
    return entries, warnings


def _is_there(kernel: Kernel, path: str) -> bool:
    content = (kernel_directory.look(path).files or {}).get("kernel.json")
    there = parse_text(content) if content is not None else None
    return is_ours(there) and (there or {}).get("display_name") == kernel.display_name
