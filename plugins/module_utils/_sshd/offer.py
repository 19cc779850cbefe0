# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The offer: what sshd tells a login without a key that it would take, read out of what ssh(1) says.

This module util is private to the collection. Pure; used on both sides.
"""

from __future__ import annotations

import re
import typing as t

#: What makes ssh(1) ask a server for its methods and offer none: no key, no agent, nobody's configuration or known hosts.
WITHOUT_A_KEY = (
    "-o", "PreferredAuthentications=none", "-o", "PubkeyAuthentication=no", "-o", "IdentityAgent=none",
    "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes",
)


def parse_offer(status: int, said: str) -> list[str] | None:
    """Return the methods in what ssh(1) said when it was refused, ['none'] where it was let in, None where neither."""
    if status == 0:
        return ["none"]
    found = re.findall(r"Permission denied \(([\w,-]*)\)", said)
    return found[-1].split(",") if found else None


def check_offer(offered: t.Sequence[str], wished: t.Sequence[str]) -> str | None:
    """Return what is wrong with the methods that are offered on the wire, or None."""
    if set(offered) <= set(wished) and "publickey" in offered:
        return None
    return (
        f"sshd offers {', '.join(offered)} to a login without a key, instead of {', '.join(wished)} alone: the sshd that "
        "answers does not run with the configuration that was written"
    )
