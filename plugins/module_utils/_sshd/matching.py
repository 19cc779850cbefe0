# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Match lines: whom they mean, and one example of whom they mean.

This module util is private to the collection. Pure: the accounts of the host come as data.
"""

from __future__ import annotations

import dataclasses
import fnmatch
import ipaddress
import itertools
import typing as t

from .._plan import Problem
from .configuration import ConfigLine, split_keyword, words
from .effective import Subject

#: Criteria that ``sshd -T -C`` can be asked about, and the field of a Subject that each is about.
FIELDS = {
    "user": "user", "group": "user", "host": "host", "address": "addr", "localaddress": "laddr", "localport": "lport",
}
# Names for accounts and hosts that exist nowhere, to stand for a wildcard.
_FILLERS = ("x", "xx", "lockstep-example", "x1", "1")

#: The groups of each account of the host.
Accounts = t.Mapping[str, t.Collection[str]]
#: Criterion and its patterns, all of which have to hold.
Criteria = t.Tuple[t.Tuple[str, t.Tuple[str, ...]], ...]


def parse_criteria(text: str) -> Criteria | None:
    """Read what stands after ``Match``: () for ``all``, None where a criterion is not one that can be asked about."""
    found = words(text)
    if [word.lower() for word in found] == ["all"]:
        return ()
    pairs = []
    rest = iter(found)
    for word in rest:
        name, equals, value = word.partition("=")
        if not equals:
            value = next(rest, "")
            if value.startswith("="):
                value = value[1:] or next(rest, "")
        if name.lower() not in FIELDS or not value:
            return None
        pairs.append((name.lower(), tuple(value.split(","))))
    return tuple(pairs) or None


def holds(criteria: Criteria, subject: Subject, accounts: Accounts) -> bool:
    """Whether a Match line with these criteria is about ``subject``, by sshd's rules."""
    for criterion, patterns in criteria:
        value = getattr(subject, FIELDS[criterion])
        if criterion == "group":
            if not _group_holds(patterns, accounts.get(value, ())):
                return False
        elif criterion == "localport":
            if str(value) not in patterns:
                return False
        elif criterion in ("address", "localaddress"):
            if not _list_holds(patterns, lambda pattern, value=value: address_matches(value, pattern)):
                return False
        elif not _list_holds(patterns, lambda pattern, value=value: wildcard_matches(value, pattern)):
            return False
    return True


def _list_holds(patterns: t.Iterable[str], matches: t.Callable[[str], bool]) -> bool:
    """A negated pattern that matches decides against, whatever else matches; at least one other has to match."""
    found = False
    for pattern in patterns:
        if pattern.startswith("!"):
            if matches(pattern[1:]):
                return False
        elif matches(pattern):
            found = True
    return found


def _group_holds(patterns: t.Iterable[str], groups: t.Collection[str]) -> bool:
    wanted = list(patterns)
    refused = [pattern[1:] for pattern in wanted if pattern.startswith("!")]
    if any(wildcard_matches(group, pattern) for pattern in refused for group in groups):
        return False
    return any(
        wildcard_matches(group, pattern) for pattern in wanted if not pattern.startswith("!") for group in groups
    )


def wildcard_matches(value: str, pattern: str) -> bool:
    """Match with ``*`` and ``?`` alone: brackets mean themselves to sshd."""
    return fnmatch.fnmatchcase(value, pattern.replace("[", "[[]"))


def address_matches(value: str, pattern: str) -> bool:
    """Match an address with a network or with wildcards."""
    try:
        return ipaddress.ip_address(value) in ipaddress.ip_network(pattern, strict=False)
    except ValueError:
        return "/" not in pattern and wildcard_matches(value, pattern.lower())


def sample(criteria: Criteria, base: Subject, accounts: Accounts) -> Subject | None:
    """Return a subject that all ``criteria`` hold for, as much like ``base`` as can be, or None where none is found."""
    fields: dict[str, list[t.Any]] = {}
    for criterion, patterns in criteria:
        fields.setdefault(FIELDS[criterion], []).extend(_candidates(criterion, patterns, base, accounts))
    for values in itertools.islice(itertools.product(*fields.values()), 5000):
        subject = dataclasses.replace(base, **dict(zip(fields, values)))
        if holds(criteria, subject, accounts):
            return subject
    return None


def _candidates(criterion: str, patterns: t.Sequence[str], base: Subject, accounts: Accounts) -> t.Iterator[t.Any]:
    wanted = [pattern for pattern in patterns if not pattern.startswith("!")]
    if criterion in ("user", "group"):
        yield base.user
        yield from accounts
        if criterion == "user":
            yield from _filled(wanted)
    elif criterion == "host":
        yield base.host
        yield from _filled(wanted)
    elif criterion == "localport":
        yield from (int(pattern) for pattern in wanted if pattern.isdigit())
    else:
        yield base.addr if criterion == "address" else base.laddr
        for pattern in wanted:
            yield from _addresses(pattern)


def _filled(patterns: t.Iterable[str]) -> t.Iterator[str]:
    for pattern in patterns:
        for filler in _FILLERS if "*" in pattern or "?" in pattern else ("",):
            yield pattern.replace("*", filler).replace("?", filler[:1])


def _addresses(pattern: str) -> t.Iterator[str]:
    try:
        network = ipaddress.ip_network(pattern, strict=False)
    except ValueError:
        if "/" in pattern:
            return
        for digit in "1234":
            # fe80::*, 10.1.*, 10.0.0.?: as many parts as an address of that family needs.
            filled = pattern.replace("?", digit).replace("*", digit)
            if ":" not in filled and set(filled) <= set("0123456789."):
                filled += f".{digit}" * (3 - filled.count("."))
            try:
                yield str(ipaddress.ip_address(filled))
            except ValueError:
                continue
        return
    first, last = int(network.network_address), int(network.broadcast_address)
    # The ends, the middle and a few between, since a negated pattern may take a part of the network away.
    step = max(1, (last - first) // 16)
    for number in dict.fromkeys([min(first + 1, last), first, last, *range(first, last, step)]):
        yield str(type(network.network_address)(number))


def subjects_of(
    lines: t.Iterable[ConfigLine], base: t.Sequence[Subject], accounts: Accounts
) -> tuple[list[Subject], list[ConfigLine]]:
    """Return examples of each Match line, and the Match lines that no example could be made for.

    ``base``: one subject for each account of interest. A line that does not name accounts gives an example for each.
    """
    subjects: dict[Subject, None] = {}
    unproven = []
    for line in lines:
        if line.keyword.lower() != "match":
            continue
        criteria = _with_outer(line)
        if criteria == ():
            continue
        if criteria is None:
            unproven.append(line)
            continue
        names_accounts = any(FIELDS[criterion] == "user" for criterion, _patterns in criteria)
        found = [sample(criteria, subject, accounts) for subject in (base[:1] if names_accounts else base)]
        if None in found:
            unproven.append(line)
        subjects.update(dict.fromkeys(subject for subject in found if subject is not None))
    return list(subjects), unproven


def _with_outer(line: ConfigLine) -> Criteria | None:
    """The criteria of a Match line, and of the blocks that include its file: all of them have to hold."""
    outer = [split_keyword(part)[1] for part in line.match.split(" + ")] if line.match else []
    parsed = [parse_criteria(text) for text in [*outer, line.value]]
    if None in parsed:
        return None
    return tuple(pair for criteria in parsed for pair in criteria or ())


def check_exception(text: str) -> Criteria:
    """Return the criteria of a user's exception; raises Problem for what nobody could prove, or what means everybody."""
    criteria = parse_criteria(text) if "\n" not in text and "\r" not in text else None
    if criteria is None:
        raise Problem(
            f"exceptions: the match '{text}' is not understood; write criteria of sshd_config(5) such as "
            f"'User backup Address 10.0.0.0/8', out of {', '.join(name.capitalize() for name in FIELDS)}"
        )
    if all(_means_everybody(criterion, patterns) for criterion, patterns in criteria):
        raise Problem(
            f"exceptions: the match '{text}' means every connection, which would switch the hardening off; "
            "name accounts or addresses"
        )
    return criteria


def _means_everybody(criterion: str, patterns: t.Sequence[str]) -> bool:
    # 'User *,!root' is everybody as well, for what it is worth.
    return any(set(pattern) <= {"*"} or pattern.endswith("/0") for pattern in patterns) or criterion == "localport"
