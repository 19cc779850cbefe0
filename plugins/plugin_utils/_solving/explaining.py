# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What py-rattler says about a failure, in the words of the user's own file.

This plugin util is private to the collection.
"""

from __future__ import annotations

import difflib
import re
import typing as t
from urllib.parse import urlsplit

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.urls import public_url
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.version import Version
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locks import normal_form
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._solving import channels, rattler
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._solving.model import Settings, Target
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._specification.model import Channel, Specification

_URL = re.compile(r"[a-z]+://[^\s)'\"]+")
_STATUS = re.compile(r"\((\d{3}) [^)]*\)")
_UNKNOWN = re.compile(r"No candidates were found for ([a-z0-9_.-]+)")
_VIRTUAL = re.compile(r"(?<![\w.-])__[a-z]")
_CAUSE = "Caused by: "

#: What a server sends instead of a channel's index: a page of a portal, a file that was cut off.
_NO_INDEX = re.compile(r"failed to decode|failed to parse|invalid or truncated|deserializ")

#: Platforms that are asked whether a package is there at least.
_EVERYWHERE = ("linux-64", "linux-aarch64", "osx-64", "osx-arm64", "win-64", "noarch")

#: Lines of a solver's explanation that are shown: the tree of a large conflict has thousands.
_MOST_LINES = 60


def about_channels(refused: rattler.Refused, those: t.Sequence[Channel], settings: Settings) -> Problem | None:
    """Return what is wrong with a channel, or None if it is not about channels."""
    text = str(refused)
    match = _STATUS.search(text)
    status = match[1] if match else ""
    found = _URL.search(text)
    channel = _channel_of(found[0], those, settings) if found else None
    shown = channel.public if channel else ""
    if "could not find subdir" in text or (found and status == "404"):
        return Problem(f"{channel.where if channel else 'channels'}: there is no channel at {shown or (found[0] if found else '')}.")
    if found and status in ("401", "403", "407"):
        known = channel is not None and any(map(settings.network.authorization, channels.urls([channel])))
        which = "other credentials than it was given" if known else "credentials"
        return Problem(
            f"{channel.where if channel else 'channels'}: the channel {shown} answers {status}: it wants {which}. Give them by the "
            "option credentials (the role's conda_lock_credentials), in a netrc file, or as an environment variable in its URL."
        )
    if found and not status and _NO_INDEX.search(text):
        shown = shown or public_url(found[0])
        return Problem(
            f"{channel.where if channel else 'channels'}: what the channel {shown} says of its packages cannot be read ({_last_cause(text)})."
        )
    if found and (status or "error sending request" in text or "timed out" in text or "error decoding" in text):
        why = f"answers {status}" if status else f"cannot be reached from the controller ({_last_cause(text)})"
        return Problem(f"{channel.where if channel else 'channels'}: the channel {shown or public_url(found[0])} {why}.")
    if "repodata" in text and ("parse" in text or "deserialize" in text):
        shown = " or ".join(one.public for one in those)
        return Problem(f"{those[0].where if those else 'channels'}: what the channel {shown} says of its packages cannot be read ({_last_cause(text)}).")
    return None


def about_solving(
    refused: rattler.Refused, specification: Specification, targets: t.Sequence[Target], settings: Settings
) -> Problem:
    """Return why what is wanted cannot be had."""
    problem = about_channels(refused, specification.channels, settings)
    if problem:
        return problem
    text = str(refused).strip()
    for spec in specification.conda:
        if refused.about == spec.text:
            return Problem(f"{spec.where}: {spec.text} is no spec that can be solved: {text}.")
    target = next((one for one in targets if one.platform == refused.about), None)
    if target is None:
        return Problem(f"{specification.path}: cannot be solved: {text}")
    unknown = [
        wrong
        for name in dict.fromkeys(_UNKNOWN.findall(text))
        if (wrong := _unknown(name, specification, target, settings))
    ]
    if unknown:
        return Problem(normal_form.listing(f"{specification.path} asks for what the channels do not have", unknown))
    text = text.removeprefix("Cannot solve the request because of: ")
    lines = text.splitlines()
    if len(lines) > _MOST_LINES:
        lines = [*lines[:_MOST_LINES], f"(and {len(lines) - _MOST_LINES} lines more)"]
    parts = [f"{specification.path} cannot be solved for {target.platform}:", *lines]
    mine = [f"- {spec.where}: {spec.text}" for spec in specification.conda if re.search(rf"(?<![\w.-]){re.escape(spec.name)}(?![\w.-])", text)]
    if mine:
        parts += ["What you wrote of that:", *mine]
    if _VIRTUAL.search(text):
        has = ", ".join(f"{name}={version.split(' ')[-1]}" for name, version in sorted(target.virtual_packages.items()))
        parts.append(
            f"It was solved for hosts with {has or 'nothing that is known of'}. Say what they have (virtual_packages, the role's "
            "conda_lock_virtual_packages), or have the hosts asked (hosts)."
        )
    return Problem("\n".join(parts))


def _unknown(name: str, specification: Specification, target: Target, settings: Settings) -> str:
    """Say what is wrong with asking for ``name``; empty if the channels have it, so that only its version is wrong."""
    spec = next((one for one in specification.conda if one.name == name), None)
    where = f"{spec.where}: {spec.text}" if spec else name
    there = channels.asked(specification.channels, settings)
    names: list[str] = rattler.call({"do": "names", "platforms": [target.platform, "noarch"]}, there, settings)
    if name in names:
        records = rattler.call(
            {"do": "look_up", "platforms": [target.platform, "noarch"], "names": [name]}, there, settings
        )
        versions = sorted({record["version"] for record in records}, key=Version)
        return f"{where}: no such version; there are {', '.join(versions[-8:])}" if spec and versions else ""
    elsewhere = rattler.call({"do": "look_up", "platforms": list(_EVERYWHERE), "names": [name]}, there, settings)
    platforms = sorted({record["subdir"] for record in elsewhere})
    if platforms:
        return f"{where}: it is there for {' and '.join(platforms)}, not for {target.platform}"
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.75)
    shown = " and ".join(one.public for one in specification.channels)
    return f"{where}: {shown} {'has' if len(specification.channels) == 1 else 'have'} no such package" + (
        f" (did you mean {' or '.join(near)}?)" if near else ""
    )


def _channel_of(url: str, those: t.Sequence[Channel], settings: Settings) -> Channel | None:
    """Return the channel that an address of its repodata belongs to; addresses in errors have ``***`` for secrets."""
    plain = _plain(url)
    found = [(asked, channel) for channel in those for asked in channels.asked([channel], settings) if plain.startswith(_plain(asked))]
    return max(found, key=lambda pair: len(pair[0]))[1] if found else None


def _plain(url: str) -> str:
    parts = urlsplit(public_url(url.replace("***@", "")))
    return f"{parts.netloc.rpartition('@')[2]}{parts.path}".rstrip("/")


def _last_cause(text: str) -> str:
    return text.strip().splitlines()[-1].removeprefix(_CAUSE).strip()
