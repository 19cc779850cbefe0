# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Public keys as people give them, and files of them."""

from __future__ import annotations

import base64
import pathlib
import subprocess

import pytest

from ansible_collections.lockstep.gpufleet.plugins.module_utils._accounts.keys import Key, key_of, merge, parse_keys
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem


def encode(*fields: bytes) -> str:
    """Return a key's base64 text with these fields."""
    return base64.b64encode(b"".join(len(field).to_bytes(4, "big") + field for field in fields)).decode()


def ed25519(number: int) -> str:
    """Return one of many well-formed keys."""
    return encode(b"ssh-ed25519", bytes([number]) * 32)


A, B, C = (Key("ssh-ed25519", ed25519(number), "", name) for number, name in enumerate(("ann", "bob", "cem")))
SHORT_RSA = encode(b"ssh-rsa", b"\x01\x00\x01", b"\x00" + b"\xff" * 64)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (A.line, [A]),
        ("  %s  \r\n" % A.line, [A]),
        ("# two people\n\n%s\n%s\n" % (A.line, B.line), [A, B]),
        ("ssh-ed25519 %s" % A.blob, [Key("ssh-ed25519", A.blob)]),
        ("ssh-ed25519   %s  Ann's new laptop" % A.blob, [Key("ssh-ed25519", A.blob, "", "Ann's new laptop")]),
        (
            'from="10.0.0.0/8,::1",command="echo \\"hi, you\\"",restrict ssh-ed25519 %s ann' % A.blob,
            [Key("ssh-ed25519", A.blob, 'from="10.0.0.0/8,::1",command="echo \\"hi, you\\"",restrict', "ann")],
        ),
    ],
)
def test_good_keys(text: str, expected: list[Key]) -> None:
    assert list(parse_keys(text, "key 1 of ann")) == expected


@pytest.mark.parametrize("kind", ["ed25519", "rsa", "ecdsa -b 256", "ecdsa -b 384", "ecdsa -b 521"])
def test_what_ssh_keygen_makes_is_good(tmp_path: pathlib.Path, kind: str) -> None:
    file = tmp_path / "id"
    subprocess.run(["ssh-keygen", "-q", "-N", "", "-C", "a comment", "-f", str(file), "-t", *kind.split()], check=True)
    text = (tmp_path / "id.pub").read_text()
    (key,) = parse_keys(text, "key")
    assert key.line == text.strip() and key.comment == "a comment"
    assert key.bits == (3072 if kind == "rsa" else None)
    with pytest.raises(Problem, match="line 1 is not a usable public key: this is a private key"):
        parse_keys(file.read_text(), "key")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "key 2 of ann is empty"),
        ("# only a comment\n", "key 2 of ann is empty"),
        ("ann", "line 1 .* none of the types"),
        ("%s\n\nssh-ed25519\n" % A.line, "key 2 of ann, line 3 .* missing after its type"),
        ("ssh-ed25519 %s ann" % A.blob[:-4], "damaged or cut off"),
        ("ssh-ed25519 %s ann" % A.blob[:-1], "damaged or cut off"),
        ("ssh-ed25519 %s… ann" % A.blob[:20], "damaged or cut off"),
        ("ssh-rsa %s ann" % A.blob, "does not match its type ssh-rsa"),
        ("ssh-rsa %s ann" % SHORT_RSA, "an RSA key of 512 bits is ignored by sshd"),
        ("ssh-ed25519 %s" % encode(b"ssh-ed25519", b"short"), "damaged"),
        ("ssh-dss AAAAB3NzaC1kc3M= ann", "no longer accepts keys of type ssh-dss"),
        ('from="10.0.0.0/8 ssh-ed25519 %s' % A.blob, "none of the types"),
        ("no,=options ssh-ed25519 %s" % A.blob, "not a list of key options"),
        ("---- BEGIN SSH2 PUBLIC KEY ----", "another format"),
        ("<html><body>404</body></html>", "none of the types"),
    ],
)
def test_bad_keys_are_refused_by_name_and_line(text: str, words: str) -> None:
    with pytest.raises(Problem, match=words) as caught:
        parse_keys(text, "key 2 of ann")
    assert "\n" not in str(caught.value)


def test_a_private_key_is_not_shown() -> None:
    with pytest.raises(Problem) as caught:
        parse_keys("-----BEGIN OPENSSH PRIVATE KEY-----\nc2VjcmV0\n-----END OPENSSH PRIVATE KEY-----\n", "key")
    assert "c2VjcmV0" not in str(caught.value)


@pytest.mark.parametrize(
    ("line", "limits"),
    [
        (A.line, ()),
        ("no-pty,restrict %s" % A.line, ()),
        ('from="10.0.0.0/8",no-pty %s' % A.line, ("from",)),
        ('FROM="x",command="from=y",expiry-time="20300101" %s' % A.line, ("from", "command", "expiry-time")),
        ("cert-authority %s" % A.line, ("cert-authority",)),
    ],
)
def test_options_that_may_refuse_a_login(line: str, limits: tuple[str, ...]) -> None:
    (key,) = parse_keys(line, "key")
    assert key.limits == limits


def test_lines_of_existing_files_that_are_no_keys() -> None:
    assert [key_of(line) for line in ("", "# x", "garbage", "ssh-ed25519 AAAA")] == [None] * 4
    assert key_of(A.line) == A


RESTRICTED = 'from="10.0.0.0/8" ' + A.line
EXISTING = "# Ann\n%s\ngarbage\n%s\n" % (A.line, B.line)


@pytest.mark.parametrize(
    ("existing", "wanted", "unwanted", "exclusive", "keep", "text", "kept", "removed"),
    [
        ("", [A], [], False, [], A.line + "\n", [], []),
        (EXISTING, [A], [], False, [], EXISTING, [], []),
        (EXISTING, [C], [], False, [], EXISTING + C.line + "\n", [], []),
        (EXISTING.rstrip("\n"), [C], [], False, [], EXISTING + C.line + "\n", [], []),
        (EXISTING, [C], [], True, [], C.line + "\n", [], [A, B]),
        (EXISTING, [C], [], True, [A.blob], A.line + "\n" + C.line + "\n", [A], [B]),
        (EXISTING, [], [B.blob], False, [], "# Ann\n%s\ngarbage\n" % A.line, [], [B]),
        (EXISTING, [], [B.blob], False, [B.blob], EXISTING, [B], []),
        (EXISTING, [], [C.blob], False, [], EXISTING, [], []),
        # a second line with the same key would lift the limits of the first
        (RESTRICTED + "\n" + A.line + "\n", [key_of(RESTRICTED)], [], False, [], RESTRICTED + "\n", [], []),
        (A.line + "\n", [key_of(RESTRICTED)], [], False, [], RESTRICTED + "\n", [], []),
    ],
)
def test_merge(
    existing: str,
    wanted: list[Key],
    unwanted: list[str],
    exclusive: bool,
    keep: list[str],
    text: str,
    kept: list[Key],
    removed: list[Key],
) -> None:
    merged = merge(existing, wanted, unwanted, exclusive, keep)
    assert (merged.text, list(merged.kept), list(merged.removed)) == (text, kept, removed)
    again = merge(merged.text, wanted, unwanted, exclusive, keep)
    assert again.text == merged.text and not again.removed
