# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The conda part: solved by py-rattler for every platform at once.

This plugin util is private to the collection.
"""

from __future__ import annotations

import typing as t

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.packages import Package
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.urls import channel_of
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locks.document import Entry
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._solving import channels, explaining, rattler
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._solving.model import Candidate, Settings, Target
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._specification.model import Channel, Specification


def solve(
    specification: Specification,
    targets: t.Sequence[Target],
    settings: Settings,
    keep: t.Mapping[str, t.Sequence[Entry]] | None = None,
) -> dict[str, tuple[Entry, ...]]:
    """Return the packages of conda of each target, by platform and in the order of their names.

    ``keep``: entries that stay where the specification allows it. Raises Problem.
    """
    specs = sorted(one.exact or one.text for one in specification.conda)
    jobs = [
        {
            "platform": target.platform,
            "specs": specs,
            "virtual_packages": [_virtual(name, text) for name, text in sorted(target.virtual_packages.items()) if text],
            "keep": {
                one.package.name: one.package.file_name
                for one in (keep or {}).get(target.platform, ())
                if one.package.manager == "conda"
            },
        }
        for target in targets
    ]
    moment = settings.exclude_newer
    request = {"do": "solve", "jobs": jobs, "exclude_newer": moment.timestamp() if moment else None}
    try:
        answers = rattler.call(request, channels.asked(specification.channels, settings), settings)
    except rattler.Refused as refused:
        raise explaining.about_solving(refused, specification, targets, settings) from None
    return {
        target.platform: tuple(
            entry(record, channels.original(record["url"], specification.channels, settings)) for record in records
        )
        for target, records in zip(targets, answers, strict=True)
    }


def look_up(
    those: t.Sequence[Channel], platforms: t.Sequence[str], names: t.Sequence[str], settings: Settings
) -> dict[str, tuple[Candidate, ...]]:
    """Return all builds that the channels offer of ``names``, by name; names that they do not have are missing."""
    request = {"do": "look_up", "platforms": [*platforms, "noarch"], "names": sorted(names)}
    try:
        records = rattler.call(request, channels.asked(those, settings), settings)
    except rattler.Refused as refused:
        problem = explaining.about_channels(refused, those, settings)
        raise problem or Problem(f"The channels cannot be asked: {refused}") from None
    found: dict[str, list[Candidate]] = {}
    for record in records:
        channel = channel_of(channels.original(record["url"], those, settings))
        found.setdefault(record["name"], []).append(
            Candidate(
                record["name"], record["version"], record["build"], record["build_number"], channel, record["subdir"]
            )
        )
    return {name: tuple(candidates) for name, candidates in found.items()}


def _virtual(name: str, text: str) -> tuple[str, str, str]:
    version, _blank, build = text.partition(" ")
    return name, version, build or "0"


def entry(record: t.Mapping[str, t.Any], url: str) -> Entry:
    """Return what is locked of a record of a channel, as ``rattler_program`` has it. ``url``: public."""
    md5 = record["md5"]
    package = Package(
        "conda",
        record["name"],
        record["version"],
        record["build"],
        record["subdir"],
        url,
        record["sha256"],
        tuple(record["depends"]),
        md5="" if record["sha256"] else md5,
    )
    return Entry(
        package,
        md5=md5 if record["sha256"] else "",
        build_number=record["build_number"],
        size=record["size"],
        timestamp=record["timestamp"],
        noarch=record["noarch"],
        constrains=tuple(record["constrains"]),
        track_features=tuple(record["track_features"]),
        license=record["license"],
        license_family=record["license_family"],
        purls=tuple(record["purls"]),
        python_site_packages_path=record["python_site_packages_path"],
    )
