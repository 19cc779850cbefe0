# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Channels as URLs: names are conda's, ``defaults`` is two channels, and some want a licence.

This plugin util is private to the collection.
"""

from __future__ import annotations

import typing as t
from urllib.parse import urlsplit

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.urls import public_url
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._solving.model import Settings
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._specification.model import Channel

#: Where conda looks for channels that are named without a server (``channel_alias``).
_ALIAS = "https://conda.anaconda.org"

#: What conda means by ``defaults`` on Linux (``default_channels``).
_DEFAULTS = ("https://repo.anaconda.com/pkgs/main", "https://repo.anaconda.com/pkgs/r")

_COMMERCIAL = "repo.anaconda.com"


def urls(channels: t.Iterable[Channel]) -> list[str]:
    """Return the URLs of channels, in order, each once; they may hold credentials."""
    found: list[str] = []
    for channel in channels:
        if channel.text == "defaults":
            found += _DEFAULTS
        elif "://" in channel.text:
            found.append(channel.text.rstrip("/"))
        elif channel.text.startswith(("pkgs/main", "pkgs/r", "pkgs/msys2")):
            found.append(f"https://{_COMMERCIAL}/{channel.text}")
        else:
            found.append(f"{_ALIAS}/{channel.text}")
    return list(dict.fromkeys(found))


def asked(channels: t.Iterable[Channel], settings: Settings) -> list[str]:
    """Return the URLs that are asked instead of ``urls``: those of mirrors where there are any."""
    return [settings.network.locate(url) for url in urls(channels)]


def original(url: str, channels: t.Iterable[Channel], settings: Settings) -> str:
    """Return the address of a package as the channel itself has it, without secrets; ``url``: where a mirror has it."""
    for own in urls(channels):
        beginning = settings.network.locate(own).rstrip("/") + "/"
        if url.startswith(beginning) or public_url(url).startswith(public_url(beginning)):
            return public_url(own) + "/" + public_url(url)[len(public_url(beginning)) :]
    return public_url(url)


def is_commercial(channel: Channel) -> bool:
    """Tell whether the channel is one that Anaconda's terms of service are about."""
    return any(urlsplit(url).hostname == _COMMERCIAL for url in urls([channel]))
