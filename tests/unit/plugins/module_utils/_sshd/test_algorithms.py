# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which algorithms are left of those that are preferred."""

from __future__ import annotations

import pytest
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem
from ansible_collections.lockstep.gpufleet.plugins.module_utils._sshd import algorithms

EVERYTHING = {directive: frozenset(names) for directive, names in algorithms.PREFERRED.items()}
RHEL9 = """\
Ciphers aes256-gcm@openssh.com,aes256-ctr
MACs hmac-sha2-256-etm@openssh.com,hmac-sha2-256
GSSAPIKeyExchange no
KexAlgorithms curve25519-sha256,curve25519-sha256@libssh.org,ecdh-sha2-nistp256
HostKeyAlgorithms ecdsa-sha2-nistp256,ssh-ed25519,rsa-sha2-256
RequiredRSASize 3072
"""
RHEL8 = "CRYPTO_POLICY='-oCiphers=aes256-gcm@openssh.com -oKexAlgorithms=curve25519-sha256'\n"


@pytest.mark.parametrize(
    ("kex", "first", "post_quantum"),
    [
        (EVERYTHING["KexAlgorithms"], "mlkem768x25519-sha256", True),
        ({"sntrup761x25519-sha512@openssh.com", "curve25519-sha256", "ecdh-sha2-nistp256"},
         "sntrup761x25519-sha512@openssh.com", True),
        ({"curve25519-sha256", "diffie-hellman-group14-sha1"}, "curve25519-sha256", False),
    ],
)
def test_algorithms_are_what_this_host_knows_best_first(kex, first, post_quantum):
    chosen = algorithms.choose({**EVERYTHING, "KexAlgorithms": frozenset(kex)})
    assert chosen["KexAlgorithms"][0] == first
    assert set(chosen["KexAlgorithms"]) <= set(kex)
    assert algorithms.post_quantum(chosen) is post_quantum


def test_an_sshd_that_knows_none_of_them_is_a_problem():
    with pytest.raises(Problem, match="MACs"):
        algorithms.choose({**EVERYTHING, "MACs": frozenset({"hmac-md5"})})


def test_strict_has_no_fallback():
    chosen = algorithms.choose(EVERYTHING, "strict")
    assert all(name.startswith(("mlkem768", "sntrup761")) for name in chosen["KexAlgorithms"])
    assert chosen["Ciphers"] == algorithms.choose(EVERYTHING)["Ciphers"]
    old = {**EVERYTHING, "KexAlgorithms": {"curve25519-sha256"}}
    with pytest.raises(Problem, match="knows no post-quantum key exchange"):
        algorithms.choose(old, "strict")


@pytest.mark.parametrize("text", [RHEL9, RHEL8])
def test_a_crypto_policy_has_the_last_word(text):
    policy = algorithms.parse_policy("/p", text)
    chosen = algorithms.choose(EVERYTHING, "modern", policy)
    assert chosen["KexAlgorithms"][0] == "curve25519-sha256"
    assert "aes256-gcm@openssh.com" in chosen["Ciphers"] and "aes128-ctr" not in chosen["Ciphers"]
    assert algorithms.choose(EVERYTHING, "modern", algorithms.Policy("/p")) == algorithms.choose(EVERYTHING)
    with pytest.raises(Problem, match=r"\(/p\) allows none of the algorithms that KexAlgorithms may name with profile strict"):
        algorithms.choose(EVERYTHING, "strict", policy)


@pytest.mark.parametrize(
    ("profile", "text", "bits"), [("modern", "", 2048), ("modern", RHEL9, 3072), ("strict", "", 3072), ("strict", RHEL8, 3072)]
)
def test_the_smallest_rsa_key(profile, text, bits):
    assert algorithms.rsa_bits(profile, algorithms.parse_policy("/p", text)) == bits
