# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What an input of ``conda_lock`` is, told by its content.

This plugin util is private to the collection.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._specification import channel_list, environment_yml
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._specification.model import CondaSpec, Specification, Where

#: Bytes. An @EXPLICIT list of a thousand packages has 150,000.
LARGEST = 8 * 1024 * 1024


def read(path: str, channels: t.Sequence[str] = (), python: str | None = None) -> Specification:
    """Return what the file at ``path`` wants; raises Problem that names it. See ``parse``."""
    try:
        with open(path, "rb") as file:
            content = file.read(LARGEST + 1)
    except OSError as error:
        raise Problem(f"{path} cannot be read: {error.strerror}.") from None
    return parse(content, path, channels, python)


def parse(content: bytes, path: str, channels: t.Sequence[str] = (), python: str | None = None) -> Specification:
    """Return what ``content`` wants; raises Problem that names ``path`` and the line.

    ``channels`` and ``python``, an exact version, are for an input that names none.
    """
    if len(content) > LARGEST:
        raise Problem(f"{path} is larger than {LARGEST // 1024**2} MiB: nothing that can be locked is.")
    specification = environment_yml.parse(content.decode("utf-8-sig"), path)
    if python and not any(spec.name == "python" for spec in specification.conda):
        spec = CondaSpec(f"python=={python}", "python", Where("the option python"))
        specification = dataclasses.replace(specification, conda=(*specification.conda, spec))
    if not specification.channels:
        given = [channel_list.read(text, Where("the option channels")) for text in channels]
        specification = dataclasses.replace(specification, channels=tuple(one for one in given if one))
    return specification
