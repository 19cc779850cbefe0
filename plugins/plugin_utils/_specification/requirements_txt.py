# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Requirements files, above all those that ``pip freeze`` writes.

This plugin util is private to the collection.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._specification import pip_lines
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._specification.mistakes import Mistakes
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._specification.model import Specification

KIND = "requirements.txt"

_REQUIREMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\s*(\[[^\]]*\]\s*)?($|[=<>!~@;(]| +[0-9][^ ]*$)|-|\.{0,2}/|[A-Za-z][A-Za-z0-9+.-]*://")


def looks_like(text: str) -> bool:
    """Tell whether at least half of the lines of ``text`` that count could stand in such a file; what is wrong with others is told."""
    lines = [line for _number, line in pip_lines.logical_lines(text)]
    return bool(lines) and 2 * sum(bool(_REQUIREMENT.match(line)) for line in lines) >= len(lines)


def parse(text: str, path: str, pypi_names: t.Mapping[str, str]) -> Specification:
    """Return what ``text`` wants, with the file and line of each part; raises one Problem that lists what is wrong.

    What ``pip freeze`` says of packages that conda built becomes a dependency for conda; ``pypi_names``: as
    in ``pip_requirements.built_by_conda``.
    """
    mistakes = Mistakes()
    reader = pip_lines.Reader(mistakes, pypi_names)
    reader.text(text, path)
    options = reader.finish()
    mistakes.raise_any(path)
    return Specification(
        path,
        KIND,
        conda=tuple(reader.conda),
        pip=tuple(reader.requirements),
        pip_options=options,
        notes=tuple(reader.notes),
    )
