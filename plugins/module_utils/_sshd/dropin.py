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

DIRECTORY = "/etc/ssh/sshd_config.d"
PATH = DIRECTORY + "/00-lockstep.conf"
MAIN = "/etc/ssh/sshd_config"
#: The line above our Include in a main file that does not read the drop-in early enough.
MARK = "# lockstep.gpufleet: read before every other directive, because the first value wins"

#: Preferred algorithms, best first: hybrid post-quantum, then curve25519; AEAD, then counter mode; encrypt-then-mac.
#: Host keys: no DSA, no ECDSA on NIST curves, no SHA-1 signatures.
PREFERRED: dict[str, tuple[str, ...]] = {
    "KexAlgorithms": (
        "mlkem768x25519-sha256",
        "sntrup761x25519-sha512",
        "sntrup761x25519-sha512@openssh.com",
        "curve25519-sha256",
        "curve25519-sha256@libssh.org",
    ),
    "Ciphers": (
        "aes256-gcm@openssh.com",
        "aes128-gcm@openssh.com",
        "chacha20-poly1305@openssh.com",
        "aes256-ctr",
        "aes192-ctr",
        "aes128-ctr",
    ),
    "MACs": (
        "hmac-sha2-512-etm@openssh.com",
        "hmac-sha2-256-etm@openssh.com",
        "umac-128-etm@openssh.com",
    ),
    "HostKeyAlgorithms": (
        "ssh-ed25519-cert-v01@openssh.com",
        "sk-ssh-ed25519-cert-v01@openssh.com",
        "rsa-sha2-512-cert-v01@openssh.com",
        "rsa-sha2-256-cert-v01@openssh.com",
        "ssh-ed25519",
        "sk-ssh-ed25519@openssh.com",
        "rsa-sha2-512",
        "rsa-sha2-256",
    ),
}
#: What each list is called by ``ssh -Q``.
QUERY_NAMES = {"KexAlgorithms": "kex", "Ciphers": "cipher", "MACs": "mac", "HostKeyAlgorithms": "HostKeyAlgorithms"}
_POST_QUANTUM = ("mlkem768x25519", "sntrup761x25519")


@dataclasses.dataclass(frozen=True)
class Wanted:
    """What the user asked for. Empty lists of accounts and groups mean that everybody with a key may log in."""

    permit_root_login: str = "prohibit-password"
    allow_users: tuple[str, ...] = ()
    allow_groups: tuple[str, ...] = ()
    allow_tcp_forwarding: str = "local"


def choose_algorithms(supported: t.Mapping[str, t.Collection[str]]) -> dict[str, tuple[str, ...]]:
    """Return, for each directive, the preferred algorithms that this host knows; best first.

    sshd refuses a whole file for one unknown name. Raises Problem where none of a list is known.
    """
    chosen = {}
    for directive, preferred in PREFERRED.items():
        known = tuple(name for name in preferred if name in supported.get(directive, ()))
        if not known:
            raise Problem(f"this host's OpenSSH knows none of the algorithms that {directive} may name: {preferred}")
        chosen[directive] = known
    return chosen


def post_quantum(algorithms: t.Mapping[str, t.Sequence[str]]) -> bool:
    """Return whether the first key exchange is a hybrid post-quantum one."""
    return algorithms["KexAlgorithms"][0].startswith(_POST_QUANTUM)


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
        ("AllowAgentForwarding", "no"),
        ("X11Forwarding", "no"),
        ("PermitTunnel", "no"),
        ("GatewayPorts", "no"),
    ]


def render(
    wanted: Wanted, algorithms: t.Mapping[str, t.Sequence[str]], old_challenge_response: bool = False
) -> str:
    """Return the text of the drop-in.

    ``old_challenge_response``: an sshd before 8.7, where ChallengeResponseAuthentication is a directive of its own that
    switches keyboard-interactive on again; it is not allowed in Match blocks.
    """
    everywhere = directives(wanted)
    if wanted.allow_users:
        everywhere.append(("AllowUsers", " ".join(wanted.allow_users)))
    if wanted.allow_groups:
        everywhere.append(("AllowGroups", " ".join(wanted.allow_groups)))
    lines = [
        "# Managed by lockstep.gpufleet (ssh_hardening): changes here are undone by the next run.",
        "# Sorts first because sshd takes the first value; the closing block does the same for Match blocks.",
        *[f"{keyword} {value}" for keyword, value in everywhere],
    ]
    if old_challenge_response:
        lines.append("ChallengeResponseAuthentication no")
    lines += [f"{directive} {','.join(names)}" for directive, names in algorithms.items()]
    lines += ["Match all", *[f"    {keyword} {value}" for keyword, value in everywhere]]
    return "\n".join(lines) + "\n"


def expected(
    wanted: Wanted, algorithms: t.Mapping[str, t.Sequence[str]]
) -> dict[str, tuple[str, ...]]:
    """Return what ``sshd -T`` has to print for every subject: lower-case keyword to its values."""
    result = {keyword.lower(): (value,) for keyword, value in directives(wanted)}
    for directive, names in algorithms.items():
        result[directive.lower()] = (",".join(names),)
    if wanted.allow_users:
        result["allowusers"] = tuple(wanted.allow_users)
    if wanted.allow_groups:
        result["allowgroups"] = tuple(wanted.allow_groups)
    return result


def with_include(main: str) -> str:
    """Return the main file's text with the drop-in read first; unchanged where it is already.

    Distributions begin their file with ``Include /etc/ssh/sshd_config.d/*.conf``. Where no Include that reaches the
    drop-in stands before the first other directive, one marked line that includes only our file is put at the top:
    including the whole directory could switch on files that were never read.
    """
    for line in main.splitlines():
        words = line.split("#")[0].replace("=", " ").split()
        if not words:
            continue
        if words[0].lower() != "include":
            break
        if any(word.strip('"') in (PATH, DIRECTORY + "/*.conf", "sshd_config.d/*.conf") for word in words[1:]):
            return main
    return f"{MARK}\nInclude {PATH}\n{main}"


def without_include(main: str) -> str:
    """Return the main file's text without our marked line."""
    return main.replace(f"{MARK}\nInclude {PATH}\n", "", 1)
