# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One locked package, the digest of a set of them, and the difference of two sets.

The controller makes them from a lock of any format, the target installs them; both sides share this file.
This module util is private to the collection.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import typing as t

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.urls import file_name


@dataclasses.dataclass(frozen=True)
class Package:
    """A package as a lock names it.

    ``manager``: ``conda`` or ``pip``. ``build``: conda's build string, empty for pip. ``subdir``: ``linux-64``,
    ``noarch`` ..., empty where the lock does not say. ``url``: the archive's public address, which holds no secret.
    ``sha256``: of the archive, 64 lower-case hex digits; empty where the lock names an md5 only, until the archive was
    fetched. ``depends``: match specs (``NAME`` or ``NAME CONSTRAINT``) as far as the lock has them; names order the
    installation, specs of virtual packages (``__cuda >=12``) are what a host must have.
    ``md5``: only where the lock names no sha256; 32 lower-case hex digits. ``source``: where to fetch from, if that is not
    ``url``: the same with its credentials (for nothing but memory and the task's own folder), or a path on the machine
    that reads this.
    """

    manager: str
    name: str
    version: str
    build: str
    subdir: str
    url: str
    sha256: str
    depends: tuple[str, ...] = ()
    md5: str = ""
    source: str = ""

    @property
    def file_name(self) -> str:
        return file_name(self.url)

    @property
    def label(self) -> str:
        """What a person reads: name, version and, for conda, build."""
        return " ".join(part for part in (self.name, self.version, self.build) if part)

    def identity(self) -> list[str]:
        """What makes this package this package: from the lock alone, neither credentials nor the order of installation."""
        return [self.manager, self.name, self.version, self.build, self.subdir, self.url, self.md5 or self.sha256]


def digest_of(packages: t.Iterable[Package]) -> str:
    """Return the lock's digest: the sha256 over the sorted identities, the same whatever format the lock had."""
    identities = sorted(package.identity() for package in packages)
    return hashlib.sha256(json.dumps(identities, separators=(",", ":")).encode()).hexdigest()


def to_data(package: Package) -> list[t.Any]:
    """Return the package as JSON can hold it."""
    return [list(value) if isinstance(value, tuple) else value for value in dataclasses.astuple(package)]


def from_data(data: list[t.Any]) -> Package:
    """Return the package that ``to_data`` wrote."""
    return Package(*(tuple(value) if isinstance(value, list) else value for value in data))


@dataclasses.dataclass(frozen=True)
class Change:
    """One package that differs: ``before`` is None for an added one, ``after`` is None for a removed one."""

    before: Package | None
    after: Package | None

    @property
    def manager(self) -> str:
        package = self.after or self.before
        if package is None:
            raise AssertionError("a difference of nothing and nothing")
        return package.manager


def changes(before: t.Iterable[Package], after: t.Iterable[Package]) -> list[Change]:
    """Compare two sets package by package, keyed by manager and name, in that order.

    Packages count as equal when version, build and content are: another mirror of the same archive is no change.
    """
    old = {(p.manager, p.name): p for p in before}
    new = {(p.manager, p.name): p for p in after}
    result = []
    for key in sorted(old.keys() | new.keys()):
        left, right = old.get(key), new.get(key)
        if left and right and (left.version, left.build) == (right.version, right.build) and _same_content(left, right):
            continue
        result.append(Change(left, right))
    return result


def _same_content(left: Package, right: Package) -> bool:
    """Compare by sha256, or by md5 while a package of a lock without sha256 was not fetched yet."""
    if left.sha256 and right.sha256:
        return left.sha256 == right.sha256
    return bool(left.md5) and left.md5 == right.md5
