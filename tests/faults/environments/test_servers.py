# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers that misbehave, each with one of the archives: the run says which and why, and what came through is kept."""

from __future__ import annotations

import dataclasses
import datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from faults.environments.arena import Arena, Target
from faults.environments.laboratory import SERVER, archives_of

FAULTS = {
    "404": ("answers 404", "the server answers 404"),
    "500": ("answers 500", "the server answers 500"),
    "hang": ("never answers", "no answer within 2 seconds"),
    "stall": ("stalls in the middle of a body", "no answer within 2 seconds"),
    "truncated": ("sends a short body", "the connection ended"),
    "reset": ("resets in the middle of a body", "reset by peer"),
    "corrupt": ("sends wrong bytes", "it was altered, or it is another file"),
}


@pytest.mark.parametrize("kind", FAULTS)
def test_the_server_misbehaves(small: Arena, kind):
    name, words = FAULTS[kind]
    small.set_up(f"{kind} tornado", cold=True)
    result = small.lab.apply(small.wanted(timeout=2, retries=1))[0]
    assert result["failed"] and result["changed"] is False, result
    assert "tornado" in result["msg"] and words in result["msg"], result["msg"]
    judge(small, f"a server that {name}", result)


def judge(arena: Arena, fault: str, result: dict) -> None:
    """The run ended by itself, so it has tidied up by itself; all that was fine is kept."""
    seen = arena.after_the_fault()
    assert seen["active"] == arena.old.generation and seen["litter"] == []
    fine = {sha256 for path, sha256 in archives_of(arena.new.lock).items() if "tornado" not in path}
    assert fine <= set(seen["archives"])
    arena.matrix.note(fault, "fetch", f"one clear error, {arena.is_active(seen)}, {arena.recover(seen)}")


@pytest.fixture
def encrypted(lab, small: Arena) -> Arena:
    """A fight whose archives come from a server with a certificate of an authority of our own."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "conda.bed.test")])
    now = datetime.datetime.now(datetime.timezone.utc)
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("conda.bed.test")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    ).public_bytes(serialization.Encoding.PEM).decode()
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    lab.bed(
        "exec", "web", "--", "sh", "-c",
        f"printf '%s' '{certificate}' > /run/lab.crt; printf '%s' '{secret}' > /run/lab.key; setsid python3 -u "
        "/srv/bed/faults.py 8443 /run/lab.crt /run/lab.key > /var/log/nginx/lab.log 2>&1 & echo $! > /run/lab.pid; sleep 1",
    )
    lab.console(
        f"printf '%s' '{certificate}' > /etc/lab.crt; printf '#!/bin/sh\nSSL_CERT_FILE=/etc/lab.crt exec /usr/bin/python3 \"$@\"' "
        "> /opt/faults/python-trusting; chmod 755 /opt/faults/python-trusting"
    )
    lock = small.lab.scratch / "encrypted.txt"
    lock.write_text(small.new.lock.read_text().replace(SERVER, SERVER.replace("http:", "https:").replace(":8081", ":8443")))
    small.new = Target(lock, small.new.generation, small.new.tree)
    small.lab = dataclasses.replace(lab, server="https://%s.2:8443/%s")
    yield small
    lab.bed("exec", "web", "--", "sh", "-c", "kill $(cat /run/lab.pid); rm -f /run/lab.*")
    lab.console("rm -f /etc/lab.crt")


def test_the_server_redirects_to_an_address_without_encryption(encrypted: Arena):
    encrypted.set_up("downgrade tornado", cold=True)
    trusting = "/opt/faults/python-trusting"
    result = encrypted.lab.apply(encrypted.wanted(), python=trusting)[0]
    assert result["failed"] and "which is not encrypted" in result["msg"], result
    seen = encrypted.after_the_fault()
    assert seen["active"] == encrypted.old.generation and seen["litter"] == []
    encrypted.lab.mood()
    first, second = encrypted.lab.apply(encrypted.wanted(), encrypted.wanted(), python=trusting)
    assert not first.get("failed") and first["changed"] and second["changed"] is False
    encrypted.matrix.note("a server that redirects from https to http", "fetch", "one clear error, old stays, next run builds")
    # Another address is another lock, with a generation of its own: back to the one that the other tests know.
    assert not encrypted.lab.apply(encrypted.former())[0].get("failed")
