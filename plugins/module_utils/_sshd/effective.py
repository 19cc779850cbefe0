# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The effective configuration: what ``sshd -T`` prints for a subject, compared with what must be in force.

This module util is private to the collection. Pure.
"""

from __future__ import annotations

import dataclasses
import re
import typing as t

if t.TYPE_CHECKING:
    from .configuration import ConfigLine

#: Words that mean the same for sshd: what ``sshd -T`` prints, for what people write.
_SAME = {"prohibit-password": "without-password", "all": "yes"}
_SETS = frozenset({"allowusers", "allowgroups"})
# Each value stands on a line of its own, or all on one, whichever the version likes.
_LISTS = frozenset({"acceptenv", "authenticationmethods", "permitlisten", "permitopen"})
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


@dataclasses.dataclass(frozen=True)
class Subject:
    """One connection as sshd judges it: ``sshd -T -C user=,host=,addr=,laddr=,lport=``."""

    user: str
    host: str
    addr: str
    laddr: str
    lport: int

    def specification(self) -> str:
        """Return the argument of ``-C``."""
        return f"user={self.user},host={self.host},addr={self.addr},laddr={self.laddr},lport={self.lport}"

    def __str__(self) -> str:
        return f"{self.user} from {self.addr}"


def parse_effective(output: str) -> dict[str, tuple[str, ...]]:
    """Read the output of ``sshd -T``: lower-case keyword to its values, repeated ones in order."""
    values: dict[str, list[str]] = {}
    for line in output.splitlines():
        keyword, _space, value = line.strip().partition(" ")
        if keyword:
            values.setdefault(keyword.lower(), []).append(value)
    return {keyword: tuple(found) for keyword, found in values.items()}


def differences(
    expected: t.Mapping[str, tuple[str, ...]], effective: t.Mapping[str, tuple[str, ...]]
) -> dict[str, tuple[tuple[str, ...], tuple[str, ...]]]:
    """Return keyword -> (expected, effective) for everything that is not in force.

    A keyword that this sshd does not print is not known to it, so there is nothing to switch off.
    """
    wrong = {}
    for keyword, values in expected.items():
        found = effective.get(keyword)
        if found is None and keyword not in _SETS:
            continue
        if _comparable(keyword, values) != _comparable(keyword, found or ()):
            wrong[keyword] = (values, found or ())
    return wrong


def _comparable(keyword: str, values: tuple[str, ...]) -> t.Any:
    if keyword in _SETS or keyword in _LISTS:
        return frozenset(word.lower() if keyword in _LISTS else word for value in values for word in value.split())
    if keyword == "clientaliveinterval":
        return tuple(_seconds(value) for value in values)
    return tuple(_SAME.get(value.lower(), value.lower()) for value in values)


def _seconds(text: str) -> int | str:
    """Read sshd's way to write a time (5m, 1h30m); anything else is left as it is."""
    parts = re.findall(r"(\d+)([smhdw]?)", text.lower())
    if "".join(number + unit for number, unit in parts) != text.lower():
        return text
    return sum(int(number) * _UNITS[unit] for number, unit in parts)


def blame(keyword: str, lines: t.Iterable[ConfigLine], own: str) -> list[ConfigLine]:
    """Return the lines outside our drop-in that set ``keyword`` and beat us.

    The first value wins, so those are the ones that are read before ours; where there is none, any of them.
    """
    aliases = {
        "kbdinteractiveauthentication": {"challengeresponseauthentication", "skeyauthentication"},
        "port": {"listenaddress"},
    }
    names = {keyword} | aliases.get(keyword, set())
    found = [line for line in lines if line.path != own and line.keyword.lower() in names]
    return [line for line in found if line.early] or found
