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


def key(manager: str, name: str) -> str:
    """Return the name under which a package can be there once: conda keeps ``typing_extensions`` and ``typing-extensions`` apart, and
    environments have both; pip compares names as PEP 503 does.
    """
    return name.lower() if manager == "conda" else canonical(name)


def twins(packages: t.Iterable[Package]) -> list[tuple[Package, Package]]:
    """Return the pairs that cannot be in one environment: of the same key, or the same distribution by conda and by pip.

    conda's ``tzdata`` is no distribution for Python and pip's is: what needs no python is none, where needs are known at all.
    """
    packages = list(packages)
    informed = any(package.depends for package in packages if package.manager == "conda")
    found = []
    seen: dict[tuple[str, str], Package] = {}
    by_distribution: dict[tuple[str, str], Package] = {}
    for package in packages:
        manager, distribution = package.manager, canonical(package.name)
        other = seen.get((manager, key(manager, package.name)))
        of_python = manager == "pip" or not informed or "python" in map(name_of, package.depends)
        if of_python:
            other = other or by_distribution.get(("pip" if manager == "conda" else "conda", distribution))
            by_distribution.setdefault((manager, distribution), package)
        if other:
            found.append((other, package))
        seen.setdefault((manager, key(manager, package.name)), package)
    return found


def name_of(need: str) -> str:
    """Return the name of the package that a dependency, for conda or for pip, is about."""
    return _AFTER_NAME.split(need, maxsplit=1)[0]


def ordered(packages: t.Iterable[Package]) -> tuple[Package, ...]:
    """Sort so that each package follows those it depends on, conda before pip; cycles keep the given order.

    Names of packages that are not in the list (virtual packages among them) do not count.
    """
    result: list[Package] = []
    for manager in ("conda", "pip"):
        group = [package for package in packages if package.manager == manager]
        by_name = {key(manager, package.name): package for package in group}
        done: set[str] = set()

        for package in group:
            # Depth first without recursion: a hostile lock may be a chain of any length.
            stack = [(key(manager, package.name), False)]
            while stack:
                name, left = stack.pop()
                if left:
                    result.append(by_name[name])
                elif name in by_name and name not in done:
                    done.add(name)
                    stack.append((name, True))
                    needs = map(name_of, reversed(by_name[name].depends))
                    stack += [(key(manager, need), False) for need in needs]
    return tuple(result)
