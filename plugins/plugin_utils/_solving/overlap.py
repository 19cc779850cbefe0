# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What both pip is asked for and conda brings: where it agrees, and where not.

This plugin util is private to the collection.
"""

from __future__ import annotations

import typing as t

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.urls import public_url
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locks import normal_form
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._solving.provided import Provided
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._solving.wanted import Wanted
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._specification.model import Specification

_REMEDY = "Let one of both bring it: remove the line for pip, or change what conda is asked for."


def brought(one: Provided, specification: Specification) -> str:
    """Say what conda brings, with the line that asks for it, if one does."""
    package = one.conda.package
    line = next((spec.where for spec in specification.conda if spec.name == package.name.lower()), None)
    taken = f", which pip takes for {one.version}" if one.assumed else ""
    return f"conda brings {package.name} {package.version}{taken} ({line or 'other packages need it'})"


def agree(specification: Specification, wanted: t.Sequence[Wanted], there: t.Mapping[str, Provided]) -> list[str]:
    """Return a note for each requirement that conda meets already, and for each version that had to be guessed.

    Raises one Problem that lists the requirements that conda does not meet, each with both lines.
    """
    wrong = []
    notes = []
    for one in wanted:
        found = there.get(one.name)
        if found is None:
            continue
        if one.requirement.url:
            wrong.append(f"pip wants {one.name} from {public_url(one.requirement.url)} ({one.where}), {brought(found, specification)}")
        elif not one.requirement.specifier.contains(found.version, prereleases=True):
            wrong.append(f"pip wants {one.text} ({one.where}), {brought(found, specification)}")
        else:
            notes.append(f"{one.where}: {one.text} is not installed by pip; {brought(found, specification)}.")
    if wrong:
        raise Problem(normal_form.listing("pip and conda contradict each other", wrong, _REMEDY))
    return notes
