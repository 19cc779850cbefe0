# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where kernels of a scope lie: for everybody, or with one or several users.

This module util is private to the collection.
"""

from __future__ import annotations

import dataclasses
import os
import pwd
import typing as t

from ansible_collections.lockstep.gpufleet.plugins.module_utils._jupyter.kernel_directory import data_directory
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem


@dataclasses.dataclass(frozen=True)
class Place:
    """A data directory of Jupyter, and whose rights reach it: a user's, or None for the system's."""

    user: str | None
    data: str


def places(scope: str, users: t.Sequence[str] | None) -> list[Place]:
    """Return the places that the options mean. Raises Problem, before anything is read, for users that are unknown."""
    if scope == "system":
        if users:
            raise Problem("users: it says whose kernels are meant, so it needs scope: user.")
        return [Place(None, data_directory(None))]
    if users is not None and not users:
        raise Problem("users: the list is empty; name at least one user, or use scope: system for everybody.")
    names = users or [pwd.getpwuid(os.geteuid()).pw_name]
    found = [Place(user, data_directory(user)) for user in dict.fromkeys(names)]
    others = [place.user for place in found if os.geteuid() != 0 and pwd.getpwnam(place.user or "").pw_uid != os.geteuid()]
    if others:
        raise Problem(f"users: only root can register kernels of {', '.join(map(str, others))}. Run the task with become: true.")
    return found
