# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who passes: the lists of accounts and groups, as sshd judges them.

This module util is private to the collection. Pure.
"""

from __future__ import annotations

import typing as t

from .matching import address_matches, wildcard_matches


def accounts_shut_out(
    user: str,
    groups: t.Collection[str],
    allow_users: t.Sequence[str],
    allow_groups: t.Sequence[str],
    address: str | None = None,
) -> str | None:
    """Return why ``user`` would not pass the lists (sshd_config(5): both must admit), or None."""
    if allow_users and not any(_admits(pattern, user, address) for pattern in allow_users):
        return f"allow_users {list(allow_users)} does not name {_who(user, address, allow_users)}"
    if allow_groups and not any(wildcard_matches(group, pattern) for pattern in allow_groups for group in groups):
        return f"{user} is in none of allow_groups {list(allow_groups)} (its groups: {', '.join(sorted(groups))})"
    return None


def login_refused(
    user: str,
    groups: t.Collection[str],
    values: t.Mapping[str, tuple[str, ...]],
    address: str | None = None,
) -> str | None:
    """Return why sshd with these effective values would not let ``user`` in with a key, or None.

    Only what can be judged from the configuration; ``values`` as ``sshd -T`` prints them for that user.
    """

    def words(keyword: str) -> list[str]:
        return [word for value in values.get(keyword, ()) for word in value.split()]

    hit = [word for word in words("denyusers") if _admits(word, user, address)]
    if hit:
        return f"denyusers names {', '.join(hit)}"
    hit = [word for word in words("denygroups") if any(wildcard_matches(group, word) for group in groups)]
    if hit:
        return f"denygroups names {', '.join(hit)}"
    users, allowed_groups = words("allowusers"), words("allowgroups")
    if users and not any(_admits(pattern, user, address) for pattern in users):
        return f"allowusers {' '.join(users)} does not name {_who(user, address, users)}"
    if allowed_groups and not any(wildcard_matches(group, word) for word in allowed_groups for group in groups):
        return f"allowgroups {' '.join(allowed_groups)} names none of its groups"
    methods = words("authenticationmethods")
    if methods and methods != ["any"] and not any(set(method.split(",")) <= {"publickey"} for method in methods):
        return f"authenticationmethods {' '.join(methods)} asks for more than a key"
    return None


def _admits(pattern: str, user: str, address: str | None) -> bool:
    """USER@HOST restricts the address too; without one (a local connection) only the account is judged."""
    account, at, place = pattern.rpartition("@")
    if not at:
        return wildcard_matches(user, pattern)
    return wildcard_matches(user, account) and (address is None or address_matches(address, place))


def _who(user: str, address: str | None, patterns: t.Iterable[str]) -> str:
    return f"{user} from {address}" if address and any("@" in pattern for pattern in patterns) else user
