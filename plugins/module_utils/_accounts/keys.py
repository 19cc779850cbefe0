# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Public keys and the text of an authorized_keys file (format: sshd(8), AUTHORIZED_KEYS FILE FORMAT).

This module util is private to the collection. Everything here is pure.
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
import re
import typing as t

from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem

KEY_TYPES = (
    "ssh-ed25519",
    "ssh-rsa",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
)
"""What current OpenSSH accepts. ``ssh-dss`` is left out: no supported sshd takes it any more."""

RSA_MINIMUM_BITS = 1024
"""sshd's own default (``RequiredRSASize``); shorter keys are ignored by it."""

LIMITING_OPTIONS = ("cert-authority", "command", "expiry-time", "from", "principals")
"""Options that can make a key useless for Ansible's next login."""

_OPTIONS = re.compile(r'(?:[^\s"]|"(?:\\"|[^"])*")+')
_OPTION_NAME = re.compile(r'([A-Za-z-]+)(?:="(?:\\"|[^"])*")?(?:,|$)')


@dataclasses.dataclass(frozen=True)
class Key:
    """One public key with what may stand around it.

    ``blob``: its base64 text, which is its identity. ``options``: what stands before the type, or "".
    """

    type: str
    blob: str
    options: str = ""
    comment: str = ""

    @property
    def line(self) -> str:
        """The key as one line of an authorized_keys file, without the line's end."""
        return " ".join(part for part in (self.options, self.type, self.blob, self.comment) if part)

    @property
    def label(self) -> str:
        """Few words that tell a person which key is meant."""
        return "%s …%s%s" % (self.type, self.blob[-12:], " (%s)" % self.comment if self.comment else "")

    @property
    def bits(self) -> int | None:
        """The length of an RSA key's modulus; None for other types, whose length is always enough."""
        if self.type != "ssh-rsa":
            return None
        return int.from_bytes(_fields(base64.b64decode(self.blob))[2], "big").bit_length()

    @property
    def limits(self) -> tuple[str, ...]:
        """Names of the options that may forbid a login that the bare key would allow."""
        return tuple(name for name in _option_names(self.options) if name in LIMITING_OPTIONS)


def parse_keys(text: str, where: str) -> tuple[Key, ...]:
    """Return the keys in ``text``, which is one key or a whole file of them; blank lines and comments are skipped.

    ``where``: how to name the text in an error ("key 2 of alice"). Raises ``Problem`` that names the first
    malformed line, or says that there is no key at all.
    """
    keys = []
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        try:
            keys.append(parse_line(stripped))
        except ValueError as error:
            raise Problem("%s, line %d is not a usable public key: %s." % (where, number, error)) from error
    if not keys:
        raise Problem("%s is empty: give a public key, the content of a file such as id_ed25519.pub." % where)
    return tuple(keys)


def parse_line(line: str) -> Key:
    """Return the key in ``line``; raises ValueError, whose text says what is wrong and shows no part of the line."""
    if "PRIVATE KEY" in line:
        raise ValueError("this is a private key; give the public one (the .pub file), and replace this key pair")
    if line.startswith(("---- BEGIN", "-----BEGIN")):
        raise ValueError("this is another format; `ssh-keygen -i -f FILE` converts it")
    options, rest = "", line
    if line.split(None, 1)[0] not in KEY_TYPES:
        match = _OPTIONS.match(line)
        options, rest = (match.group(), line[match.end() :].strip()) if match else ("", line)
    kind, _space, rest = rest.partition(" ")
    if kind not in KEY_TYPES:
        if "ssh-dss" in (kind, options):
            raise ValueError("sshd no longer accepts keys of type ssh-dss; make one with `ssh-keygen -t ed25519`")
        raise ValueError("it has none of the types %s" % ", ".join(KEY_TYPES))
    if options and not _option_names(options):
        raise ValueError("what stands before the type is not a list of key options")
    blob, _space, comment = rest.strip().partition(" ")
    _check_blob(kind, blob)
    return Key(kind, blob, options, comment.strip())


def _option_names(options: str) -> tuple[str, ...]:
    """Return the lower-case names in ``options``, or nothing if it is malformed."""
    names, position = [], 0
    while position < len(options):
        match = _OPTION_NAME.match(options, position)
        if not match:
            return ()
        names.append(match.group(1).lower())
        position = match.end()
    return tuple(names)


def _check_blob(kind: str, blob: str) -> None:
    """Raise ValueError unless ``blob`` is a whole key of type ``kind`` (RFC 4253, section 6.6)."""
    if not blob:
        raise ValueError("the key itself is missing after its type")
    try:
        data = base64.b64decode(blob, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("its base64 text is damaged or cut off") from None
    fields = _fields(data)
    if not fields or fields[0] != kind.encode():
        raise ValueError("its content does not match its type %s: it is damaged or cut off" % kind)
    expected = 3 if kind in ("ssh-rsa", "sk-ssh-ed25519@openssh.com") or kind.startswith("ecdsa") else 2
    expected = 4 if kind.startswith("sk-ecdsa") else expected
    if len(fields) != expected or (kind.endswith("ssh-ed25519") and len(fields[1]) != 32):
        raise ValueError("it is damaged or cut off")
    if kind == "ssh-rsa":
        bits = int.from_bytes(fields[2], "big").bit_length()
        if bits < RSA_MINIMUM_BITS:
            raise ValueError("an RSA key of %d bits is ignored by sshd (at least %d)" % (bits, RSA_MINIMUM_BITS))


def _fields(data: bytes) -> list[bytes]:
    """Return the length-prefixed strings of ``data``, or nothing if it is cut off."""
    fields = []
    while data:
        size = int.from_bytes(data[:4], "big")
        if len(data) < 4 + size:
            return []
        fields.append(data[4 : 4 + size])
        data = data[4 + size :]
    return fields


def key_of(line: str) -> Key | None:
    """Return the key that ``line`` of an existing file holds, or None for comments and whatever else stands there."""
    stripped = line.strip()
    if not stripped or stripped.startswith("#"):
        return None
    try:
        return parse_line(stripped)
    except ValueError:
        return None


@dataclasses.dataclass(frozen=True)
class Merged:
    """The new text of a file, the unwanted keys that were kept, and the ones that go."""

    text: str
    kept: tuple[Key, ...]
    removed: tuple[Key, ...]


def merge(
    existing: str, wanted: t.Iterable[Key], unwanted: t.Container[str], exclusive: bool, keep: t.Container[str]
) -> Merged:
    """Return what an authorized_keys file with text ``existing`` should hold.

    Every key of ``wanted`` stands there exactly once, as given: a second line with the same key could lift the
    first one's limits. Keys whose blob is in ``unwanted`` go; with ``exclusive`` everything goes that is not wanted,
    comments too. Keys whose blob is in ``keep`` never go. Other lines and the order stay.
    """
    lines: list[str] = []
    kept: list[Key] = []
    removed: list[Key] = []
    remaining = {key.blob: key for key in wanted}
    done: set[str] = set()
    for line in existing.splitlines():
        key = key_of(line)
        if key is None:
            if not exclusive:
                lines.append(line)
        elif key.blob in done:
            continue
        elif key.blob in remaining:
            lines.append(remaining.pop(key.blob).line)
            done.add(key.blob)
        elif not exclusive and key.blob not in unwanted:
            lines.append(line)
        elif key.blob in keep:
            lines.append(line)
            kept.append(key)
        else:
            removed.append(key)
    lines.extend(key.line for key in remaining.values())
    return Merged("".join(line + "\n" for line in lines), tuple(kept), tuple(removed))
