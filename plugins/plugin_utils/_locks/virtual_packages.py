# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Virtual packages that a lock was solved for, as ``pixi.lock`` has them, and the match specs that a host must fulfil.

A solver was told that there is ``__glibc=2.28``: what it chose may need all of that, so a host needs that much or more.

This plugin util is private to the collection.
"""

from __future__ import annotations

import re

_NAME = re.compile(r"__[a-z0-9_]+")

#: Name, and version and build after ``=`` each; a build may hold what a version does not.
_WRITTEN = re.compile(r"(__[a-z0-9_]+)(?:=([^=\s<>!~,|]+)(?:=([^=\s]+))?)?")

#: Those whose version says nothing: there is one, or the build says which it is.
_NO_VERSION = ("__unix", "__archspec")


def spec_of(written: str) -> str:
    """Return the match spec of ``NAME=VERSION=BUILD``; build and version may be missing. Raises ValueError.

    A match spec is accepted as well, since older versions of pixi wrote what its users had.
    """
    match = _WRITTEN.fullmatch(written.strip())
    if match is None:
        name = _NAME.match(written.strip())
        if name is None:
            raise ValueError(f"{written!r} is no virtual package")
        return f"{name[0]} {written.strip()[name.end() :].strip()}".strip()
    name, version, build = match.groups()
    if name in _NO_VERSION:
        # pixi: build 0 of __archspec says that the processor is not known.
        return name if build in (None, "0") else f"{name} * {build}"
    return f"{name} >={version}" if version else name


def written(spec: str) -> str:
    """Return the text that ``spec_of`` makes the match spec of, as pixi writes it."""
    name, _blank, constraint = spec.partition(" ")
    if name in _NO_VERSION:
        return f"{name}=0={constraint.removeprefix('* ') or '0'}"
    version = constraint.removeprefix(">=")
    return f"{name}={version}" if re.fullmatch(r"[^=\s<>!~,|*]+", version) else spec
