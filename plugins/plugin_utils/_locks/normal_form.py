# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The one form that locks of all formats are brought into, and its order.

This plugin util is private to the collection.
"""

from __future__ import annotations

import dataclasses
import json
import re
import shlex
import typing as t
from urllib.parse import urlsplit

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.ordering import ordered, twins
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.packages import (
    Package,
    digest_of,
    from_data,
    to_data,
)
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem

#: The key of packages that suit every platform, in a lock that names none.
ANY = "any"

#: conda's subdirs (CEP 26): what may stand before the file name in a package's URL.
SUBDIRS = frozenset(
    [
        *("noarch", "linux-32", "linux-64", "linux-aarch64", "linux-armv6l", "linux-armv7l", "linux-ppc64"),
        *("linux-ppc64le", "linux-riscv32", "linux-riscv64", "linux-s390x", "osx-64", "osx-arm64", "win-32", "win-64"),
        *("win-arm64", "emscripten-wasm32", "wasi-wasm32", "zos-z", "freebsd-64"),
    ]
)

#: A need as ``contract.needs_stated`` takes it: who states it, in which field, and the match spec of a virtual package.
Stated = t.Tuple[str, str, str]

_LISTED = 20
_SHA256 = re.compile(r"[0-9a-f]{64}")
_MD5 = re.compile(r"[0-9a-f]{32}")


@dataclasses.dataclass(frozen=True)
class NormalForm:
    """Packages by platform, each list in the order of installation: conda before pip, needed before needing.

    ``contracts``: by platform, what the lock says of hosts beside ``depends`` (``contract.needs_stated``). ``unclear``: platforms
    that the lock has several sets of packages for, with the sets' names, when none of them was chosen. ``variables``: what
    ``conda activate`` sets.
    """

    platforms: dict[str, tuple[Package, ...]]
    contracts: dict[str, tuple[Stated, ...]] = dataclasses.field(default_factory=dict)
    unclear: dict[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    variables: dict[str, str] = dataclasses.field(default_factory=dict)

    def digests(self) -> dict[str, str]:
        """Return the digest of each platform's packages."""
        return {platform: digest_of(packages) for platform, packages in self.platforms.items()}

    def packages(self, platform: str) -> tuple[Package, ...]:
        """Return the packages of ``platform``; raises KeyError if the lock has none for it."""
        return self.platforms[platform if platform in self.platforms else ANY]

    def to_json(self) -> str:
        """Return the text that ``from_json`` reads."""
        platforms = {name: [to_data(p) for p in packages] for name, packages in self.platforms.items()}
        return json.dumps([platforms, self.contracts, self.unclear, self.variables])

    @classmethod
    def from_json(cls, text: str) -> NormalForm:
        """Read what ``to_json`` wrote."""
        platforms, contracts, unclear, variables = json.loads(text)
        return cls(
            {name: tuple(map(from_data, packages)) for name, packages in platforms.items()},
            {name: tuple(tuple(row) for row in rows) for name, rows in contracts.items()},
            {name: tuple(names) for name, names in unclear.items()},
            variables,
        )


def require_sha256(form: NormalForm, path: str) -> None:
    """Raise one Problem that lists all packages of the lock at ``path`` that name an md5 only."""
    found = [
        f"{package.file_name}{'' if platform == ANY else ' for ' + platform} (md5 only)"
        for platform, packages in form.platforms.items()
        for package in packages
        if package.md5
    ]
    if found:
        raise Problem(
            listing(
                f"{path} has entries without a sha256",
                found,
                f"{completing(path)} Or accept the weaker md5: require_sha256: false (the role's conda_env_require_sha256).",
            )
        )


def completing(path: str) -> str:
    """Return what to do about the lock at ``path``, whose hashes are missing or weak."""
    return f"This makes a lock of exactly these builds, with the sha256 of each: {locking(path)}."


def locking(path: str) -> str:
    """Return the command that locks the file at ``path``."""
    return f"ansible-playbook lockstep.gpufleet.lock -e {shlex.quote('file=' + shlex.quote(path))}"


def make(
    path: str,
    platforms: t.Mapping[str, t.Sequence[Package]],
    contracts: t.Mapping[str, tuple[Stated, ...]] | None = None,
    unclear: t.Mapping[str, tuple[str, ...]] | None = None,
) -> NormalForm:
    """Check what holds for every format, and sort; raises Problem that names ``path``."""
    problems = []
    for platform, packages in platforms.items():
        for other, package in twins(packages):
            by = "" if other.manager == package.manager else f" (by {other.manager} and by {package.manager})"
            problems.append(f"{package.name} is listed twice for {platform}{by}")
    if problems:
        raise Problem(listing(f"{path} contradicts itself", problems))
    return NormalForm(
        {platform: ordered(packages) for platform, packages in sorted(platforms.items())}, dict(contracts or {}), dict(unclear or {})
    )


def is_sha256(text: str | None) -> bool:
    """Tell whether ``text`` is 64 lower-case hex digits."""
    return bool(text and _SHA256.fullmatch(text))


def is_md5(text: str | None) -> bool:
    """Tell whether ``text`` is 32 lower-case hex digits."""
    return bool(text and _MD5.fullmatch(text))


def is_url(text: str) -> bool:
    """Tell whether archives can be fetched from ``text``: http, https with a host, or file with an absolute path."""
    try:
        parts = urlsplit(text)
        port = parts.port  # raises if it is no number
    except ValueError:
        return False
    return (parts.scheme in ("http", "https") and bool(parts.hostname) and port != 0) or (
        parts.scheme == "file" and parts.netloc in ("", "localhost") and parts.path.startswith("/")
    )


def split_conda_name(file_name: str) -> tuple[str, str, str] | None:
    """Return name, version and build of a conda package by its file name, or None if it is none."""
    for extension in (".conda", ".tar.bz2"):
        if file_name.endswith(extension):
            parts = file_name[: -len(extension)].rsplit("-", 2)
            if len(parts) == 3 and all(parts):
                return parts[0], parts[1], parts[2]
    return None


def split_wheel_name(file_name: str) -> tuple[str, str] | None:
    """Return name and version of a wheel by its file name (PEP 427), or None if it is none."""
    parts = file_name[:-4].split("-") if file_name.endswith(".whl") else []
    return (parts[0], parts[1]) if len(parts) in (5, 6) and all(parts) else None


def listing(what: str, items: t.Sequence[str], remedy: str = "", most: int = _LISTED) -> str:
    """Return one message: what is wrong, a line for each item (not too many: ``most``), and what to do."""
    if len(items) == 1:
        text = f"{what}: {items[0]}."
    else:
        lines = [f"{what}:", *(f"- {item}" for item in items[:most])]
        if len(items) > most:
            lines.append(f"- and {len(items) - most} more")
        text = "\n".join(lines) + "\n"
    return f"{text} {remedy}".replace("\n ", "\n").rstrip() if remedy else text.rstrip()
