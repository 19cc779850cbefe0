# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Names of packages as they are compared, and the order in which packages can be installed.

This module util is private to the collection.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.packages import Package

_SEPARATORS = re.compile(r"[-_.]+")

#: What may end the name in a match spec.
_AFTER_NAME = re.compile(r"[\s<>=!~\[]")


def canonical(name: str) -> str:
    """Return the name as PEP 503 compares it."""
    return _SEPARATORS.sub("-", name).lower()


def ordered(packages: t.Iterable[Package]) -> tuple[Package, ...]:
    """Sort so that each package follows those it depends on, conda before pip; cycles keep the given order.

    Names of packages that are not in the list (virtual packages among them) do not count.
    """
    result: list[Package] = []
    for manager in ("conda", "pip"):
        group = [package for package in packages if package.manager == manager]
        by_name = {canonical(package.name): package for package in group}
        done: set[str] = set()

        for package in group:
            # Depth first without recursion: a hostile lock may be a chain of any length.
            stack = [(canonical(package.name), False)]
            while stack:
                name, left = stack.pop()
                if left:
                    result.append(by_name[name])
                elif name in by_name and name not in done:
                    done.add(name)
                    stack.append((name, True))
                    needs = (_AFTER_NAME.split(need, maxsplit=1)[0] for need in reversed(by_name[name].depends))
                    stack += [(canonical(need), False) for need in needs]
    return tuple(result)
