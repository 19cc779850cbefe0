# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is wrong with an input, gathered so that one error tells all of it.

This plugin util is private to the collection.
"""

from __future__ import annotations

from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locks import addresses, normal_form
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._specification.model import Where


class Mistakes:
    """Sentences without a full stop, each with its place. Secrets in URLs are taken out of them."""

    def __init__(self) -> None:
        self._found: list[str] = []
        self._remedies: dict[str, None] = {}

    def add(self, where: Where, text: str, remedy: str = "") -> None:
        """Remember that ``text`` is wrong at ``where``. ``remedy``: a whole sentence, told once for all that share it."""
        self._found.append(addresses.shown(f"{where}: {text}"))
        if remedy:
            self._remedies[remedy] = None

    def raise_any(self, path: str) -> None:
        """Raise one Problem that lists what was added; do nothing if there is nothing."""
        remedy = " ".join(self._remedies)
        if len(self._found) == 1:
            raise Problem(f"{self._found[0]}. {remedy}".rstrip())
        if self._found:
            raise Problem(normal_form.listing(f"{path} cannot be locked as it stands", self._found, remedy))
