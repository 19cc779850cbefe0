# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The channels of an input: names, URLs, and those that specs bring along.

This plugin util is private to the collection.
"""

from __future__ import annotations

import dataclasses
import re
import typing as t

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.urls import public_url
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locks import addresses, normal_form
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._solving.channels import urls
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._specification import conda_specs
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._specification.model import Channel, CondaSpec, Where

#: conda's word for "not those that its configuration names": here none are ever added, so it says nothing.
_NO_DEFAULTS = "nodefaults"

_SPACE = re.compile(r"\s")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_.-]+)*")


def read(text: str, where: Where) -> Channel | None:
    """Return the channel, or None for ``nodefaults``; environment variables in a URL are the controller's.

    Raises ValueError with what is wrong, fit to be shown.
    """
    if text == _NO_DEFAULTS:
        return None
    if "://" in text:
        shown = public_url(text)
        text = addresses.expanded(text)
        if not normal_form.is_url(text) or _SPACE.search(text):
            raise ValueError(f"{shown} is no address of a channel; http://, https:// and file:// are")
    elif not _NAME.fullmatch(text):
        raise ValueError(f"{text} is neither a channel's name nor a URL")
    return Channel(text.rstrip("/"), where)


def with_those_of_specs(
    channels: t.Sequence[Channel], conda: t.Sequence[CondaSpec], notes: list[str]
) -> tuple[tuple[Channel, ...], tuple[CondaSpec, ...]]:
    """Return ``channels`` and, after them, those that only specs such as ``nvidia::cuda`` name, as conda does; adds notes.

    And the specs, those that name a channel by its URL with ``exact``: the solver compares text.
    Raises Problem where a spec names no channel.
    """
    found = list({channel.text: channel for channel in channels}.values())
    specs = []
    for spec in conda:
        text = conda_specs.read(spec.text).channel
        channel = _channel(text, spec.where) if text else None
        if channel and not _addresses([channel]) <= _addresses(found):
            found.append(channel)
            shown = public_url(text) if "://" in text else text
            notes.append(f"{spec.where}: the channel {shown} is not among channels; it is taken as the last of them.")
        if channel and "://" in text:
            same = next((one.text for one in found if _addresses([one]) == _addresses([channel])), channel.text)
            exact = spec.text.replace(text, same, 1)
            spec = dataclasses.replace(spec, exact="" if exact == spec.text else exact)
        specs.append(spec)
    return tuple(found), tuple(specs)


def _channel(text: str, where: Where) -> Channel | None:
    try:
        return read(text, where)
    except ValueError as error:
        raise Problem(f"{where}: {error}.") from None


def _addresses(channels: t.Iterable[Channel]) -> set[str]:
    return set(map(public_url, urls(channels)))
