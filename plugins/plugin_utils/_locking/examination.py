# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is said about a specification once it is solved, and how loose pins are tightened.

This plugin util is private to the collection.
"""

from __future__ import annotations

import typing as t

from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locking import planning
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locks import normal_form
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locks.document import Entry
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._solving import conda
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._solving.model import Settings
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._specification import imports, policy, rewriting
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._specification.model import Specification

_WAYS_OUT = (
    "Write these pins, or have them written (pin: true, the role's conda_lock_pin), or accept what is loose (policy: warn, the "
    "role's conda_lock_policy)."
)


def examine(
    specification: Specification, solved: t.Mapping[str, t.Sequence[Entry]], options: planning.Options, settings: Settings
) -> list[policy.Finding]:
    """Return all findings; nothing, and no question to channels, where the policy is ``off``."""
    found = []
    if options.policy != "off" or options.pin:
        names = policy.names_to_look_up(specification, settings.pypi_names)
        offered = conda.look_up(specification.channels, list(solved), names, settings) if names else {}
        found += policy.examine(specification, solved, offered, settings.pypi_names)
    return [*found, *examine_code(specification, options, settings)]


def examine_code(specification: Specification, options: planning.Options, settings: Settings) -> list[policy.Finding]:
    """Return what there is to say about the code, which can change while its lock stays; nobody is asked."""
    return imports.examine(specification, options.code, settings.pypi_names) if options.code else []


def refuse_loose(file: str, findings: t.Iterable[policy.Finding]) -> None:
    """Raise one Problem that lists all dependencies that are not pinned."""
    loose = [str(one) for one in findings if one.kind == policy.LOOSE]
    if loose:
        raise Problem(normal_form.listing(f"{file} asks for what is not pinned", loose, _WAYS_OUT, most=len(loose)))


def pinned(content: bytes, file: str, pins: t.Iterable[tuple[int, str]]) -> str:
    """Return the ``content`` of ``file`` with ``pins`` on their lines. Raises Problem."""
    try:
        return rewriting.pinned(content.decode(), file, pins)
    except UnicodeDecodeError:
        raise Problem(f"{file} is not in UTF-8: pins are written into no other encoding. Save it as UTF-8.") from None
