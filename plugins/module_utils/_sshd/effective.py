# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The effective configuration: what ``sshd -T`` prints for a subject, compared with what must be in force.

This module util is private to the collection. Pure.
"""

from __future__ import annotations

import dataclasses
import fnmatch
import ipaddress
import typing as t

#: Words that mean the same for sshd: what ``sshd -T`` prints, for what people write.
_SAME = {"prohibit-password": "without-password"}
_SETS = frozenset({"allowusers", "allowgroups"})


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


@dataclasses.dataclass(frozen=True)
class ConfigLine:
    """One directive in one file. ``match``: the Match line it stands under, or an empty string."""

    path: str
    number: int
    keyword: str
    value: str
    match: str = ""

    def __str__(self) -> str:
        under = f" (under '{self.match}')" if self.match else ""
        return f"{self.path} line {self.number}: {self.keyword} {self.value}{under}"


def parse_effective(output: str) -> dict[str, tuple[str, ...]]:
    """Read the output of ``sshd -T``: lower-case keyword to its values, repeated ones in order."""
    values: dict[str, list[str]] = {}
    for line in output.splitlines():
        keyword, _space, value = line.strip().partition(" ")
        if keyword:
            values.setdefault(keyword.lower(), []).append(value)
    return {keyword: tuple(found) for keyword, found in values.items()}


def parse_lines(path: str, text: str) -> list[ConfigLine]:
    """Read the directives of one configuration file with the Match line that each stands under."""
    found = []
    match = ""
    for number, line in enumerate(text.splitlines(), start=1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        keyword, _space, value = stripped.replace("=", " ", 1).partition(" ")
        if "\t" in keyword:
            keyword, _tab, value = stripped.partition("\t")
        if keyword.lower() == "match":
            match = stripped
        found.append(ConfigLine(path, number, keyword, value.strip(), "" if keyword.lower() == "match" else match))
    return found


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
    if keyword in _SETS:
        return frozenset(word for value in values for word in value.split())
    return tuple(_SAME.get(value.lower(), value.lower()) for value in values)


def blame(keyword: str, lines: t.Iterable[ConfigLine], own: str) -> list[ConfigLine]:
    """Return the lines outside our drop-in that set ``keyword``: one of them beats us."""
    aliases = {"kbdinteractiveauthentication": {"challengeresponseauthentication", "skeyauthentication"}}
    names = {keyword} | aliases.get(keyword, set())
    return [line for line in lines if line.path != own and line.keyword.lower() in names]


def match_subjects(
    lines: t.Iterable[ConfigLine], base: Subject, members: t.Callable[[str], t.Sequence[str]]
) -> tuple[list[Subject], list[ConfigLine]]:
    """Return one subject for each Match line, and the Match lines that no subject could be made for.

    ``base``: the subject whose values stand for criteria that a line does not name. ``members``: accounts of a group.
    """
    subjects, unproven = [], []
    for line in lines:
        if line.keyword.lower() != "match" or line.value.strip().lower() == "all":
            continue
        subject = _sample(line.value, base, members)
        if subject is None:
            unproven.append(line)
        else:
            subjects.append(subject)
    return subjects, unproven


def _sample(criteria: str, base: Subject, members: t.Callable[[str], t.Sequence[str]]) -> Subject | None:
    words = criteria.replace("=", " ").split()
    if len(words) % 2:
        return None
    values: dict[str, t.Any] = {}
    for criterion, patterns in zip(words[::2], words[1::2]):
        chosen = _choose(criterion.lower(), patterns.strip('"').split(","), base, members)
        if chosen is None:
            return None
        values.update([chosen])
    return dataclasses.replace(base, **values)


def _choose(
    criterion: str, patterns: list[str], base: Subject, members: t.Callable[[str], t.Sequence[str]]
) -> tuple[str, t.Any] | None:
    """Return a field of Subject with a value that one of the patterns matches, or None."""
    field = {"user": "user", "host": "host", "address": "addr", "localaddress": "laddr", "localport": "lport"}
    if criterion == "group":
        accounts = [account for pattern in patterns if not pattern.startswith("!") for account in members(pattern)]
        return ("user", accounts[0]) if accounts else None
    if criterion not in field:
        return None
    name = field[criterion]
    for pattern in patterns:
        if pattern.startswith("!"):
            continue
        if name in ("addr", "laddr") and "/" in pattern:
            try:
                network = ipaddress.ip_network(pattern, strict=False)
            except ValueError:
                return None
            address = network.network_address + (1 if network.num_addresses > 1 else 0)
            value: t.Any = str(address)
        else:
            value = pattern.replace("*", "x" if name in ("user", "host") else "1").replace("?", "x")
        if any(word.startswith("!") and fnmatch.fnmatchcase(str(value), word[1:]) for word in patterns):
            continue
        return name, int(value) if name == "lport" else value
    return None


def accounts_shut_out(
    user: str, groups: t.Collection[str], allow_users: t.Sequence[str], allow_groups: t.Sequence[str]
) -> str | None:
    """Return why ``user`` would not pass the lists (sshd_config(5): both must admit), or None."""
    if allow_users and not any(_admits(pattern, user) for pattern in allow_users):
        return f"allow_users {list(allow_users)} does not name {user}"
    if allow_groups and not any(fnmatch.fnmatchcase(group, pattern) for pattern in allow_groups for group in groups):
        return f"{user} is in none of allow_groups {list(allow_groups)} (its groups: {', '.join(sorted(groups))})"
    return None


def login_refused(user: str, groups: t.Collection[str], values: t.Mapping[str, tuple[str, ...]]) -> str | None:
    """Return why sshd with these effective values would not let ``user`` in with a key, or None.

    Only what can be judged from the configuration; ``values`` as ``sshd -T`` prints them for that user.
    """

    def words(keyword: str) -> list[str]:
        return [word for value in values.get(keyword, ()) for word in value.split()]

    for keyword, names in (("denyusers", {user}), ("denygroups", set(groups))):
        hit = [word for word in words(keyword) if any(_admits(word, name) for name in names)]
        if hit:
            return f"{keyword} names {', '.join(hit)}"
    users, allowed_groups = words("allowusers"), words("allowgroups")
    if users and not any(_admits(pattern, user) for pattern in users):
        return f"allowusers {' '.join(users)} does not name {user}"
    if allowed_groups and not any(_admits(pattern, group) for pattern in allowed_groups for group in groups):
        return f"allowgroups {' '.join(allowed_groups)} names none of its groups"
    methods = words("authenticationmethods")
    if methods and methods != ["any"] and not any(set(method.split(",")) <= {"publickey"} for method in methods):
        return f"authenticationmethods {' '.join(methods)} asks for more than a key"
    return None


def _admits(pattern: str, user: str) -> bool:
    # USER@HOST restricts the host too; only the account is judged here, the rest by the fresh login.
    return fnmatch.fnmatchcase(user, pattern.rpartition("@")[0] or pattern)
