# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Lines for pip: requirements (PEP 508) and the options that may stand among them.

This plugin util is private to the collection.
"""

from __future__ import annotations

from packaging.requirements import InvalidRequirement, Requirement

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.ordering import canonical
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._specification.mistakes import Mistakes
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._specification.model import PipOptions, PipRequirement, Where


class Reader:
    """Takes lines one by one. ``mistakes`` and ``notes`` grow on the way."""

    def __init__(self, path: str, mistakes: Mistakes) -> None:
        self.path = path
        self.mistakes = mistakes
        self.notes: list[str] = []
        self.requirements: list[PipRequirement] = []

    def line(self, text: str, where: Where) -> None:
        """Take one line."""
        text = text.partition(" #")[0].strip()
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            self.mistakes.add(where, f"{text} is no requirement of pip's; write NAME==VERSION")
            return
        self.requirements.append(PipRequirement(text, canonical(requirement.name), where))

    def options(self) -> PipOptions:
        """Return what the options among the lines said."""
        return PipOptions()
