# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The drop-in: what key-only means as sshd_config(5) directives.

This module util is private to the collection. Pure.

sshd takes the first value it reads for a directive, and a Match block of a later file overrides global values. So the
drop-in sorts first, and says everything that may stand in a Match block once more in a closing ``Match all`` block:
then the first value is ours both globally and among the Match blocks.
"""

from __future__ import annotations

import dataclasses
import typing as t

from .._plan import Problem
from .effective import Subject
from .exceptions import Exemption
from .exceptions import render as render_exceptions
from .matching import Accounts, holds


@dataclasses.dataclass(frozen=True)
class Wanted:
    """What the user asked for.

    Empty lists of accounts and groups mean that everybody with a key may log in, ``permit_open`` empty that tunnels may
    lead anywhere, ``ports`` empty that the ports are left as they are.
    """

    permit_root_login: str = "prohibit-password"
    allow_users: tuple[str, ...] = ()
    allow_groups: tuple[str, ...] = ()
    allow_tcp_forwarding: str = "local"
    profile: str = "modern"
    permit_open: tuple[str, ...] = ()
    exceptions: tuple[Exemption, ...] = ()
    ports: tuple[int, ...] = ()


def check(wanted: Wanted) -> None:
    """Raise Problem for values that would write something else than they say, or that sshd refuses."""
    for option in ("allow_users", "allow_groups", "permit_open"):
        for value in getattr(wanted, option):
            if not value or any(letter in value for letter in " \t\r\n\"'#\\"):
                raise Problem(f"{option}: '{value}' is not one word; each entry is one pattern of sshd_config(5)")
    for port in wanted.ports:
        if not 1 <= port <= 65535:
            raise Problem(f"ports: {port} is not a port; it must be from 1 to 65535")
    if len(set(wanted.ports)) != len(wanted.ports):
        raise Problem(f"ports: {list(wanted.ports)} names a port twice")


def directives(wanted: Wanted) -> list[tuple[str, str]]:
    """Return the directives that may stand in a Match block, except the lists of accounts."""
    return [
        ("PubkeyAuthentication", "yes"),
        ("PasswordAuthentication", "no"),
        ("KbdInteractiveAuthentication", "no"),
        ("PermitEmptyPasswords", "no"),
        ("HostbasedAuthentication", "no"),
        ("PermitRootLogin", wanted.permit_root_login),
        ("AllowTcpForwarding", wanted.allow_tcp_forwarding),
        ("AllowStreamLocalForwarding", wanted.allow_tcp_forwarding),
        *([("PermitOpen", " ".join(wanted.permit_open))] if wanted.permit_open else []),
        ("AllowAgentForwarding", "no"),
        ("X11Forwarding", "no"),
        ("PermitTunnel", "no"),
        ("GatewayPorts", "no"),
    ]


def render(
    wanted: Wanted,
    algorithms: t.Mapping[str, t.Sequence[str]],
    old_challenge_response: bool = False,
    rsa_bits: int = 0,
    ports: t.Sequence[int] = (),
) -> str:
    """Return the text of the drop-in.

    ``old_challenge_response``: an sshd before 8.7, where ChallengeResponseAuthentication is a directive of its own that
    switches keyboard-interactive on again; it is not allowed in Match blocks. ``rsa_bits``: the smallest RSA key, 0 for
    an sshd before 9.1, which has no such directive. ``ports``: those that no other file names already.
    """
    everywhere = directives(wanted)
    if wanted.allow_users:
        everywhere.append(("AllowUsers", " ".join(wanted.allow_users)))
    if wanted.allow_groups:
        everywhere.append(("AllowGroups", " ".join(wanted.allow_groups)))
    lines = [
        "# Managed by lockstep.gpufleet (ssh_hardening): changes here are undone by the next run.",
        "# Sorts first because sshd takes the first value; the closing block does the same for Match blocks.",
        *[f"Port {port}" for port in ports],
        *[f"{keyword} {value}" for keyword, value in everywhere],
    ]
    if old_challenge_response:
        lines.append("ChallengeResponseAuthentication no")
    lines += [f"{directive} {','.join(names)}" for directive, names in algorithms.items()]
    if rsa_bits:
        lines.append(f"RequiredRSASize {rsa_bits}")
    lines += render_exceptions(wanted.exceptions)
    lines += ["Match all", *[f"    {keyword} {value}" for keyword, value in everywhere]]
    return "\n".join(lines) + "\n"


def expected(
    wanted: Wanted, algorithms: t.Mapping[str, t.Sequence[str]], rsa_bits: int = 0
) -> dict[str, tuple[str, ...]]:
    """Return what ``sshd -T`` has to print for a subject without an exception: lower-case keyword to its values."""
    result = {keyword.lower(): (value,) for keyword, value in directives(wanted)}
    for directive, names in algorithms.items():
        result[directive.lower()] = (",".join(names),)
    if rsa_bits:
        result["requiredrsasize"] = (str(rsa_bits),)
    if wanted.allow_users:
        result["allowusers"] = tuple(wanted.allow_users)
    if wanted.allow_groups:
        result["allowgroups"] = tuple(wanted.allow_groups)
    return result


def expected_for(
    subject: Subject, plain: t.Mapping[str, tuple[str, ...]], wanted: Wanted, accounts: Accounts
) -> dict[str, tuple[str, ...]]:
    """Return what ``sshd -T`` has to print for ``subject``, of whom the user's exceptions may say something else."""
    excepted: dict[str, tuple[str, ...]] = {}
    for exemption in wanted.exceptions:
        if holds(exemption.criteria, subject, accounts):
            for keyword, value in exemption.settings:
                excepted.setdefault(keyword.lower(), (value,))
    return {**plain, **excepted}
