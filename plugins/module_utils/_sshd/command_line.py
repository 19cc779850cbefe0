# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What sshd is started with: options in its unit and in /etc/default/ssh or /etc/sysconfig/sshd beat every file.

This module util is private to the collection. Pure.
"""

from __future__ import annotations

import dataclasses
import re
import shlex
import typing as t

# Options of sshd(8) that take an argument.
_WITH_ARGUMENT = frozenset("CEbcfghkopu")
#: A file and its text.
Text = t.Tuple[str, str]


@dataclasses.dataclass(frozen=True)
class UnitLine:
    """One setting in a unit file or an environment file."""

    path: str
    number: int
    name: str
    value: str

    def __str__(self) -> str:
        return f"{self.path} line {self.number}: {self.name}={self.value}"


@dataclasses.dataclass(frozen=True)
class Option:
    """One option of sshd's command line, and the line that it comes from."""

    flag: str
    value: str
    origin: UnitLine

    @property
    def keyword(self) -> str:
        """The directive that the option sets, in lower case; empty for other options."""
        if self.flag == "p":
            return "port"
        if self.flag == "o":
            return re.split(r"[\s=]", self.value.strip(), maxsplit=1)[0].lower()
        return ""


def settings(texts: t.Iterable[Text], section: str, name: str) -> list[UnitLine]:
    """Return the settings ``name`` of ``section`` in unit files, read in order; an empty one forgets those before."""
    found: list[UnitLine] = []
    for path, text in texts:
        current = ""
        for number, line in _logical_lines(text):
            if line.startswith("[") and line.endswith("]"):
                current = line[1:-1]
                continue
            key, equals, value = line.partition("=")
            if not equals or current != section or key.strip() != name:
                continue
            if value.strip():
                found.append(UnitLine(path, number, name, value.strip()))
            else:
                found = []
    return found


def _logical_lines(text: str) -> t.Iterator[tuple[int, str]]:
    """Give lines with their numbers, without comments, continued lines joined."""
    start, joined = 0, ""
    for number, line in enumerate(text.splitlines(), start=1):
        stripped = line.strip()
        if not joined and (not stripped or stripped.startswith(("#", ";"))):
            continue
        start = start if joined else number
        if stripped.endswith("\\"):
            joined += stripped[:-1] + " "
            continue
        yield start, (joined + stripped).strip()
        joined = ""
    if joined:
        yield start, joined.strip()


def environment_files(texts: t.Iterable[Text]) -> list[str]:
    """Return the paths that EnvironmentFile names in unit files."""
    return [line.value.lstrip("-") for line in settings(list(texts), "Service", "EnvironmentFile")]


def options(units: t.Sequence[Text], environments: t.Iterable[Text]) -> list[Option]:
    """Return the options of sshd's command line, with variables resolved from ``environments`` and the units."""
    variables: dict[str, UnitLine] = {}
    for line in settings(units, "Service", "Environment"):
        for assignment in _split(line.value):
            name, _equals, value = assignment.partition("=")
            variables[name] = UnitLine(line.path, line.number, name, value)
    for path, text in environments:
        for number, content in _logical_lines(text):
            name, equals, value = content.partition("=")
            if equals:
                variables[name.strip()] = UnitLine(path, number, name.strip(), " ".join(_split(value)))
    found = []
    for line in settings(units, "Service", "ExecStart"):
        arguments: list[tuple[str, UnitLine]] = []
        for word in _split(line.value.lstrip("-@:+!"))[1:]:
            variable = re.fullmatch(r"\$(?:\{(\w+)\}|(\w+))", word)
            if variable is None:
                arguments.append((word, line))
            elif (origin := variables.get(variable.group(1) or variable.group(2))) is not None:
                arguments += [(part, origin) for part in _split(origin.value)]
        found += list(_parse(arguments))
    return found


def _split(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        return text.split()


def _parse(arguments: t.Iterable[tuple[str, UnitLine]]) -> t.Iterator[Option]:
    """getopt(3) with sshd's options."""
    rest = iter(arguments)
    for word, origin in rest:
        if not word.startswith("-") or word == "-":
            return
        letters = word[1:]
        while letters:
            flag, letters = letters[0], letters[1:]
            if flag in _WITH_ARGUMENT:
                value = letters or next(rest, ("", origin))[0]
                yield Option(flag, value, origin)
                break
            yield Option(flag, "", origin)


def for_test_mode(found: t.Iterable[Option]) -> list[str]:
    """Return the arguments that make ``sshd -T`` say what the daemon with these options does."""
    return [word for option in found if option.flag in "op" for word in (f"-{option.flag}", option.value)]


def other_configuration(found: t.Iterable[Option], usual: str) -> UnitLine | None:
    """Return the line that has sshd read another main file than the ``usual`` one."""
    return next((option.origin for option in found if option.flag == "f" and option.value != usual), None)
