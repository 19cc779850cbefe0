# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The user's exceptions: Match blocks as data, which stand before our closing block and win for whom they name.

This module util is private to the collection. Pure.
"""

from __future__ import annotations

import dataclasses
import typing as t

from .._plan import Problem
from .matching import Criteria, check_exception

#: Directives that an exception may set, by their lower-case name; all of them may stand in a Match block.
ALLOWED = {
    name.lower(): name
    for name in (
        "AcceptEnv", "AllowAgentForwarding", "AllowStreamLocalForwarding", "AllowTcpForwarding",
        "AuthenticationMethods", "Banner", "ChrootDirectory", "ClientAliveCountMax",
        "ClientAliveInterval", "DisableForwarding", "ForceCommand", "GatewayPorts", "KbdInteractiveAuthentication",
        "LogLevel", "MaxAuthTries", "MaxSessions", "PasswordAuthentication", "PermitListen", "PermitOpen",
        "PermitRootLogin", "PermitTTY", "PermitTunnel", "PermitUserRC", "PubkeyAuthentication",
        "StreamLocalBindUnlink", "X11DisplayOffset", "X11Forwarding", "X11UseLocalhost",
    )
}
# Values that no reason is good enough for, and directives that would hide the change from its own checks.
_DANGEROUS_VALUES = {("permitrootlogin", "yes"): "root could log in with a password; say forced-commands-only"}
_DANGEROUS = {
    "permitemptypasswords": "accounts without a password would be open to everybody",
    "hostbasedauthentication": "another host would vouch for its users",
    "authorizedkeysfile": "the keys that let people in would be others than those that were proven",
    "authorizedkeyscommand": "a program would decide who gets in",
    "authorizedprincipalscommand": "a program would decide who gets in",
    "trustedusercakeys": "another authority would decide who gets in",
    "allowusers": "say it with allow_users",
    "allowgroups": "say it with allow_groups",
    "include": "what another file says cannot be checked here",
    "match": "an exception is one Match block; write another entry",
}


@dataclasses.dataclass(frozen=True)
class Exemption:
    """One exception: for whom, and what holds for them instead."""

    match: str
    criteria: Criteria
    settings: tuple[tuple[str, str], ...]


def parse(entries: t.Sequence[t.Mapping[str, t.Any]]) -> tuple[Exemption, ...]:
    """Read the option; raises Problem for what is not known, not safe or not one line."""
    return tuple(_parse_one(entry) for entry in entries)


def _parse_one(entry: t.Mapping[str, t.Any]) -> Exemption:
    match = str(entry["match"]).strip()
    criteria = check_exception(match)
    settings = entry["settings"]
    if not settings:
        raise Problem(f"exceptions: the entry for '{match}' has no settings; say what holds for it instead")
    return Exemption(match, criteria, tuple(_setting(match, key, value) for key, value in settings.items()))


def _setting(match: str, key: str, value: t.Any) -> tuple[str, str]:
    lower = key.lower()
    if lower in _DANGEROUS:
        raise Problem(f"exceptions: {key} for '{match}' is refused: {_DANGEROUS[lower]}")
    if lower not in ALLOWED:
        raise Problem(
            f"exceptions: {key} for '{match}' is not a directive that may be set there; it is one of: "
            + ", ".join(ALLOWED.values())
        )
    text = _text(value)
    if not text or "\n" in text or "\r" in text or "\0" in text:
        raise Problem(f"exceptions: the value of {key} for '{match}' has to be one line, and not empty")
    if (lower, text.lower()) in _DANGEROUS_VALUES:
        raise Problem(f"exceptions: {key} {text} for '{match}' is refused: {_DANGEROUS_VALUES[lower, text.lower()]}")
    return ALLOWED[lower], text


def _text(value: t.Any) -> str:
    """Return a value of YAML as sshd writes it: a bare yes has become True on the way."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return " ".join(_text(word) for word in value)
    return str(value).strip()


def render(exemptions: t.Iterable[Exemption]) -> list[str]:
    """Return the lines of the Match blocks."""
    return [
        line
        for exemption in exemptions
        for line in (
            f"Match {exemption.match}",
            *(f"    {keyword} {value}" for keyword, value in exemption.settings),
        )
    ]
