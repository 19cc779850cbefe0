# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""conda's order of versions and its constraints, as far as virtual packages use them. Pure.

Source: conda's ``conda/models/version.py`` (``VersionOrder``, ``VersionSpec``), as its documentation of package
specifications describes them. Regular expressions (``^...$``) and parentheses are not supported: no package asks of a
host in that way.

This module util is private to the collection.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import re
import typing as t

_Part = t.Union[int, float, str]

_VERSION = re.compile(r"(?:\d+!)?[a-z0-9]+(?:[._-]?[a-z0-9]+)*[._-]?(?:\+[a-z0-9]+(?:[._-][a-z0-9]+)*)?")
_OPERATOR = re.compile(r"(==|!=|<=|>=|~=|<|>|=)?\s*(.*)", re.S)


@functools.total_ordering
class Version:
    """A version with conda's order: numbers before words, ``dev`` before other words, ``post`` after numbers.

    Raises ValueError for text that is no version.
    """

    def __init__(self, text: str) -> None:
        self.text = text.strip()
        plain = self.text.lower()
        if not _VERSION.fullmatch(plain):
            raise ValueError(f"{text!r} is no version")
        epoch, mark, rest = plain.rpartition("!")
        release, _plus, local = rest.partition("+")
        self.release = [[int(epoch) if mark else 0], *map(_parts, _split(release))]
        self.local = list(map(_parts, _split(local))) if local else []

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"Version({self.text!r})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Version):
            return NotImplemented
        return _compare(self.release, other.release) == 0 and _compare(self.local, other.local) == 0

    def __lt__(self, other: Version) -> bool:
        return (_compare(self.release, other.release) or _compare(self.local, other.local)) < 0

    def starts_with(self, other: Version) -> bool:
        """Tell whether ``other`` is the beginning of this version, part by part: 1.10 does not start with 1.1."""
        if other.local:
            return _compare(self.release, other.release) == 0 and _starts_with(self.local, other.local)
        return _starts_with(self.release, other.release)


def _split(release: str) -> list[str]:
    """Split at dots, dashes and underscores; one at the very end belongs to the last part (openssl's ``1.0.1_``)."""
    closing = "_" if release[-1:] in ("_", "-") else ""
    parts = re.split(r"[._-]", release.rstrip("_-"))
    parts[-1] += closing
    return parts


def _parts(component: str) -> list[_Part]:
    """Split one component into numbers and words; one that begins with a word gets a zero before it."""
    result: list[_Part] = []
    for part in re.findall(r"\d+|\D+", component):
        if part.isdigit():
            result.append(int(part))
        elif part == "post":
            result.append(float("inf"))
        else:
            # Capital letters sort before small ones, so that dev releases come first.
            result.append("DEV" if part == "dev" else part)
    if not component[:1].isdigit():
        result.insert(0, 0)
    return result


def _compare(left: list[list[_Part]], right: list[list[_Part]]) -> int:
    """Return -1, 0 or 1; what is missing on one side counts as zero."""
    for one, other in itertools.zip_longest(left, right, fillvalue=[]):
        for a, b in itertools.zip_longest(one, other, fillvalue=0):
            if a == b:
                continue
            if isinstance(a, str) != isinstance(b, str):
                return -1 if isinstance(a, str) else 1
            return -1 if a < b else 1  # type: ignore[operator]
    return 0


def _starts_with(whole: list[list[_Part]], beginning: list[list[_Part]]) -> bool:
    last = len(beginning) - 1
    if _compare(whole[:last], beginning[:last]) != 0:
        return False
    component = whole[last] if last < len(whole) else []
    wanted = beginning[last]
    position = len(wanted) - 1
    if _compare([component[:position]], [wanted[:position]]) != 0:
        return False
    found: _Part = component[position] if position < len(component) else 0
    if isinstance(wanted[position], str):
        return isinstance(found, str) and found.startswith(str(wanted[position]))
    return found == wanted[position]


@dataclasses.dataclass(frozen=True)
class Constraint:
    """A constraint such as ``>=2.17,<3.0.a0|4.*``: alternatives, each a list of conditions that must all hold.

    A condition is an operator and a version: ``==``, ``!=``, ``<``, ``<=``, ``>``, ``>=``, ``~=``, and ``=`` and ``!=*``
    for "starts with" and "does not start with".
    """

    text: str
    alternatives: tuple[tuple[tuple[str, Version], ...], ...]

    @classmethod
    def parse(cls, text: str) -> Constraint:
        """Read a constraint; ``*`` and nothing allow every version. Raises ValueError for what is none."""
        alternatives = []
        for alternative in text.split("|"):
            conditions = [_condition(condition.strip()) for condition in alternative.split(",")]
            alternatives.append(tuple(condition for condition in conditions if condition))
        return cls(text, tuple(alternatives))

    def allows(self, version: Version) -> bool:
        """Tell whether ``version`` is within the constraint."""
        return any(
            all(_holds(version, operator, bound) for operator, bound in conditions) for conditions in self.alternatives
        )


def _condition(text: str) -> tuple[str, Version] | None:
    if text in ("", "*", "=*", "==*"):
        return None
    match = _OPERATOR.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no constraint")
    operator, bound = match[1] or "", match[2].strip()
    starred = bound.endswith("*")
    if starred:
        bound = bound[:-1].rstrip(".")
    version = Version(bound)
    if starred and operator in ("", "=", "=="):
        return "=", version
    if starred and operator == "!=":
        return "!=*", version
    return operator or "==", version


def _holds(version: Version, operator: str, bound: Version) -> bool:
    if operator == "=":
        return version.starts_with(bound)
    if operator == "!=*":
        return not version.starts_with(bound)
    if operator == "~=":
        stem = Version(bound.text.rpartition(".")[0] or bound.text)
        return version >= bound and version.starts_with(stem)
    return {
        "==": version == bound,
        "!=": version != bound,
        "<": version < bound,
        "<=": version <= bound,
        ">": version > bound,
        ">=": version >= bound,
    }[operator]
