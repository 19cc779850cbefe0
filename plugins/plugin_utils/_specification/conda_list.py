# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What ``conda list --export`` writes: ``NAME=VERSION=BUILD`` on each line.

This plugin util is private to the collection.
"""

from __future__ import annotations

import re

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.ordering import canonical
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locks import explicit
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._specification import conda_specs, pip_lines
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._specification.mistakes import Mistakes
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._specification.model import (
    CondaSpec,
    PipRequirement,
    Specification,
    Where,
)

KIND = "conda list"

_LINE = re.compile(r"(?P<name>[A-Za-z0-9_][A-Za-z0-9_.-]*)=(?P<version>[A-Za-z0-9_.+!]+)=(?P<build>[A-Za-z0-9_.+]+)")

#: What conda calls the build of a package that pip installed.
_BY_PIP = "pypi"


def looks_like(text: str) -> bool:
    """Tell whether ``text`` is such a list: every line that counts has that form."""
    lines = [line for _number, line in pip_lines.logical_lines(text)]
    return bool(lines) and all(map(_LINE.fullmatch, lines))


def parse(text: str, path: str) -> Specification:
    """Return what ``text``, of which ``looks_like`` holds, wants, with the line of each part; raises Problem."""
    conda, pip = [], []
    mistakes = Mistakes()
    for number, line in pip_lines.logical_lines(text):
        match = _LINE.fullmatch(line)
        if match and match["build"].startswith(_BY_PIP):
            pip.append(PipRequirement(f"{match['name']}=={match['version']}", canonical(match["name"]), Where(path, number)))
            continue
        try:
            conda.append(CondaSpec(line, conda_specs.read(line).name, Where(path, number)))
        except ValueError as error:
            mistakes.add(Where(path, number), str(error))
    mistakes.raise_any(path)
    return Specification(path, KIND, conda=tuple(conda), pip=tuple(pip), platforms=tuple(sorted(explicit.said(text))))
