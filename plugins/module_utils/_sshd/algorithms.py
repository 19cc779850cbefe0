# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Algorithms: what is preferred, by profile, out of what this host's OpenSSH knows and its crypto policy allows.

This module util is private to the collection. Pure.
"""

from __future__ import annotations

import dataclasses
import shlex
import typing as t

from .._plan import Problem
from .configuration import split_keyword

#: Where RHEL and its family say what the host may use. Only read: whoever sets the policy has the last word.
CRYPTO_POLICY = "/etc/crypto-policies/back-ends/opensshserver.config"

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
#: The smallest RSA keys, in bits, that are accepted of users and shown as host keys.
RSA_BITS = {"modern": 2048, "strict": 3072}


@dataclasses.dataclass(frozen=True)
class Policy:
    """A crypto policy of the host: its lists by lower-case directive, and the smallest RSA key; ``path``: its file."""

    path: str = ""
    lists: dict[str, frozenset[str]] = dataclasses.field(default_factory=dict)
    rsa_bits: int = 0


def parse_policy(path: str, text: str) -> Policy:
    """Read a crypto policy: directives of sshd_config (RHEL 9 on), or options in CRYPTO_POLICY='...' (RHEL 8)."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        keyword, value = split_keyword(line)
        if keyword == "CRYPTO_POLICY":
            for option in shlex.split(" ".join(shlex.split(value))):
                name, _equals, setting = option.partition("=")
                found[(name[2:] if name.startswith("-o") else name).lower()] = setting
        elif keyword:
            found[keyword.lower()] = value
    lists = {
        directive.lower(): frozenset(found[directive.lower()].split(","))
        for directive in PREFERRED
        if directive.lower() in found
    }
    bits = found.get("requiredrsasize", "")
    return Policy(path, lists, int(bits) if bits.isdigit() else 0)


def choose(
    supported: t.Mapping[str, t.Collection[str]], profile: str = "modern", policy: Policy | None = None
) -> dict[str, tuple[str, ...]]:
    """Return, for each directive, the preferred algorithms that this host knows and its policy allows; best first.

    sshd refuses a whole file for one unknown name. Raises Problem where nothing of a list is left.
    """
    chosen = {}
    for directive, preferred in PREFERRED.items():
        if profile == "strict" and directive == "KexAlgorithms":
            preferred = tuple(name for name in preferred if name.startswith(_POST_QUANTUM))
        known = [name for name in preferred if name in supported.get(directive, ())]
        if not known and profile == "strict" and directive == "KexAlgorithms":
            raise Problem(
                "profile is strict, but this host's OpenSSH knows no post-quantum key exchange; OpenSSH 8.5 or newer "
                "has one. Upgrade it, or set profile to modern"
            )
        if not known:
            raise Problem(f"this host's OpenSSH knows none of the algorithms that {directive} may name: {preferred}")
        allowed = policy.lists.get(directive.lower()) if policy is not None else None
        chosen[directive] = tuple(name for name in known if allowed is None or name in allowed)
        if not chosen[directive] and policy is not None:
            raise Problem(
                f"the crypto policy of this host ({policy.path}) allows none of the algorithms that {directive} may "
                f"name{' with profile strict' if profile == 'strict' else ''}: {', '.join(known)}. Change the policy "
                "(update-crypto-policies --set), or the profile"
            )
    return chosen


def rsa_bits(profile: str, policy: Policy | None = None) -> int:
    """Return the smallest RSA key that is accepted: the profile's, or the policy's where that asks for more."""
    return max(RSA_BITS[profile], policy.rsa_bits if policy is not None else 0)


def post_quantum(algorithms: t.Mapping[str, t.Sequence[str]]) -> bool:
    """Return whether the first key exchange is a hybrid post-quantum one."""
    return algorithms["KexAlgorithms"][0].startswith(_POST_QUANTUM)
