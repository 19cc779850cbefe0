# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Snapshots: what a generation was, kept on the controller as ``HOST/ENVIRONMENT/GENERATION/``.

This plugin util is private to the collection.
"""

from __future__ import annotations

import dataclasses
import os
import typing as t

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.store import split_generation
from ansible_collections.lockstep.gpufleet.plugins.module_utils._files import read_or_none, write_atomically
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Plan, Problem, text_diff

#: The exports that make a snapshot (``conda_env_info``), and their files.
FILES = {
    "environment_yml": "environment.yml",
    "explicit": "explicit.txt",
    "requirements": "requirements.txt",
    "seal": "seal.json",
}

_UNKNOWN = "What it says is known when the generation is built.\n"


@dataclasses.dataclass(frozen=True)
class Snapshot:
    """The files of one generation that are missing or differ. A text is None in check mode if the generation is not built yet."""

    environment: str
    generation: str
    directory: str
    texts: t.Mapping[str, str | None]

    def __str__(self) -> str:
        return f"{self.environment}: write {', '.join(sorted(self.texts))} of generation {self.generation}"


def place(directory: str, beside: str, host: str) -> str:
    """Return where the snapshots of ``host`` go; a relative ``directory`` is meant from ``beside``. Raises Problem."""
    if not directory:
        raise Problem("directory: name a directory on the controller.")
    if host in (".", "..") or "/" in host or "\0" in host:
        raise Problem(f"The host's name {host!r} in the inventory cannot be the name of a directory.")
    return os.path.join(os.path.abspath(os.path.join(beside, os.path.expanduser(directory))), host)


def make_plan(directory: str, wanted: t.Mapping[str, str], found: t.Iterable[t.Mapping[str, t.Any]]) -> Plan:
    """Return what has to be written below ``directory``.

    ``wanted``: prefixes by the environment's name, as ``conda_env`` returns them. ``found``: what ``conda_env_info`` returns of
    them. Where a generation is wanted that the host does not have active (check mode), nothing is known but its id: its
    files are those that it has on every host, so what is here already is right. Raises Problem where an active one has no seal.
    """
    entries = {entry["name"]: entry for entry in found}
    steps = []
    diffs = []
    for name, prefix in sorted(wanted.items()):
        entry = entries[name]
        generation = os.path.basename(os.path.dirname(os.path.dirname(prefix)))
        if split_generation(generation) is None:
            raise Problem(f"generations: {prefix!r} is no path of a generation of {name}.")
        known = entry["generation"] == generation
        if known and not entry["sealed"]:
            raise Problem(f"{name}: no snapshot can be made. {' '.join(entry['notes'])}")
        folder = os.path.join(directory, name, generation)
        texts: dict[str, str | None] = {}
        for export, file_name in FILES.items():
            path = os.path.join(folder, file_name)
            before = read_or_none(path)
            text = entry["exports"][export] if known else None
            if (before is None) if text is None else (before != text.encode()):
                texts[file_name] = text
                old = None if before is None else before.decode("utf-8", "replace")
                diffs.append(text_diff(path, old, _UNKNOWN if text is None else text))
        if texts:
            steps.append(Snapshot(name, generation, folder, texts))
    return Plan(steps=tuple(steps), diff=tuple(diffs))


def apply(plan: Plan) -> None:
    """Write the files, each all at once. Raises OSError."""
    for step in plan.steps:
        os.makedirs(step.directory, exist_ok=True)
        for file_name, text in sorted(step.texts.items()):
            if text is None:
                raise AssertionError("a snapshot of a generation that does not exist")
            write_atomically(os.path.join(step.directory, file_name), text.encode())
