# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A generation as files that conda, pip and this collection read. Pure: packages in, text out.

The texts depend on the generation alone, so that all hosts that have it export the same bytes.
This module util is private to the collection.
"""

from __future__ import annotations

import json
import re
import typing as t
from urllib.parse import unquote

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.packages import Package
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.urls import channel_of

#: conda's own short form of channels, which every conda understands.
_CHANNEL_ALIAS = "https://conda.anaconda.org/"

#: Scalars that are the same string to YAML without quotes; what looks like a number, a date, a null or a truth value is not.
_PLAIN = re.compile(r"[A-Za-z_/][A-Za-z0-9_./@+=!<>-]*(?::[A-Za-z0-9_./@+=!<>-]+)*")
_NOT_STRINGS = frozenset(("null", "true", "false", "yes", "no", "on", "off", "y", "n"))


def environment_yml(name: str, packages: t.Sequence[Package]) -> str:
    """Return what ``conda env export`` says of the environment, without the line ``prefix``."""
    conda = sorted((one for one in packages if one.manager == "conda"), key=lambda one: one.name)
    pip = sorted((one for one in packages if one.manager == "pip"), key=lambda one: one.name)
    channels: list[str] = []
    for package in conda:
        channel = _channel_name(channel_of(package.url))
        if channel not in channels:
            channels.insert(0, channel)
    lines = [f"name: {scalar(name)}", "channels:" if channels else "channels: []"]
    lines += [f"  - {scalar(channel)}" for channel in channels]
    lines.append("dependencies:" if packages else "dependencies: []")
    lines += [f"  - {scalar('='.join((one.name, one.version, one.build)))}" for one in conda]
    if pip:
        lines.append("  - pip:")
        lines += [f"      - {scalar(f'{one.name}=={one.version}')}" for one in pip]
    return "\n".join(lines) + "\n"


def explicit(
    title: str, platform: str, packages: t.Sequence[Package], md5: t.Mapping[str, str] | None = None
) -> str:
    """Return an ``@EXPLICIT`` list (CEP 23) in the order of ``packages``, which must be one that can be linked.

    ``title``: a line for people. ``platform``: empty for a list that suits every one. Wheels are the comments that conda-lock
    writes and ``conda_env`` reads. A package without sha256 has its md5. With ``md5``, by the sha256 of the package, the list
    has these instead of sha256, for a conda that knows no other (before 24.9); a package whose md5 is unknown has none then.
    """
    lines = [f"# {title}", *([f"# platform: {platform}"] if platform else []), "@EXPLICIT"]
    for package in packages:
        if package.manager == "conda":
            digest = package.md5 or (package.sha256 if md5 is None else md5.get(package.sha256, ""))
            lines.append(f"{package.url}#{digest}" if digest else package.url)
    for package in packages:
        if package.manager == "pip":
            digest = f"md5={package.md5}" if package.md5 else f"sha256={package.sha256}"
            lines.append(f"# pip {package.name} @ {package.url}#{digest}")
    return "\n".join(lines) + "\n"


def requirements(title: str, packages: t.Sequence[Package]) -> str:
    """Return the wheels of ``packages`` as pip's requirements with hashes; what conda brings is not among them."""
    pip = sorted((one for one in packages if one.manager == "pip"), key=lambda one: one.name)
    lines = [f"# {title}", *(f"{one.name}=={one.version} --hash=sha256:{one.sha256}" for one in pip)]
    return "\n".join(lines) + "\n"


def scalar(text: str) -> str:
    """Return ``text`` as a scalar of YAML 1.1 that is read as this very string."""
    if _PLAIN.fullmatch(text) and text.lower() not in _NOT_STRINGS:
        return text
    # A JSON string of ASCII is a double-quoted scalar, but for pairs of surrogates; such are no YAML at all.
    if text.isprintable():
        return "'" + text.replace("'", "''") + "'"
    return json.dumps(text)


def _channel_name(url: str) -> str:
    """Return the channel as conda calls it."""
    if url.startswith(_CHANNEL_ALIAS):
        return unquote(url[len(_CHANNEL_ALIAS) :])
    return url
