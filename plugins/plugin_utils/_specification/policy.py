# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a person should know of a specification before it is locked: loose pins, and what is there twice, unused or better had
elsewhere. Pure.

This plugin util is private to the collection.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.ordering import canonical
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.urls import channel_of, public_url
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.version import Version
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locks import addresses
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locks.document import Entry
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._solving import channels, provided
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._solving.model import Candidate
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._specification import environment_yml, pins
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._specification.model import Specification, Where

#: Kinds of findings: stable names in results.
LOOSE = "loose"
TWICE = "conda_and_pip"
IN_CHANNELS = "pip_has_conda_package"
UNUSED_CHANNEL = "unused_channel"
COMMERCIAL = "commercial_channel"


@dataclasses.dataclass(frozen=True)
class Finding:
    """``kind``: see above. ``text``: a sentence with what to do. ``pin``: of a loose dependency, what to write instead of it,
    with the credentials that its own line has.
    """

    kind: str
    where: Where
    text: str
    pin: str | None = dataclasses.field(default=None, repr=False)

    def __str__(self) -> str:
        return f"{self.where}: {self.text}"

    def data(self) -> dict[str, t.Any]:
        """Return it as a return value."""
        return {"kind": self.kind, "where": str(self.where), "text": self.text, "pin": self.pin and addresses.shown(self.pin)}


def names_to_look_up(specification: Specification, pypi_names: t.Mapping[str, str]) -> list[str]:
    """Return the conda packages whose builds ``examine`` wants to know, sorted."""
    names = {spec.name for spec in specification.conda}
    for requirement in specification.pip:
        names |= set(_called(requirement.name, pypi_names))
    return sorted(names)


def examine(
    specification: Specification,
    solved: t.Mapping[str, t.Sequence[Entry]],
    offered: t.Mapping[str, t.Sequence[Candidate]],
    pypi_names: t.Mapping[str, str],
) -> list[Finding]:
    """Return what there is to say, in the order of lines. ``solved``: by platform; ``offered``: by name (``names_to_look_up``)."""
    found = [
        *_loose_conda(specification, solved, offered),
        *_loose_pip(specification, solved, pypi_names),
        *_twice(specification, solved, offered, pypi_names),
        *_about_channels(specification, solved),
    ]
    return sorted(found, key=lambda one: (one.where.path != specification.path, one.where, one.kind))


def rewritable(specification: Specification, findings: t.Iterable[Finding]) -> list[tuple[int, str]]:
    """Return the pins that can be written into the specification's own file, with their lines."""
    if specification.kind != environment_yml.KIND:
        return []
    return [
        (one.where.number, one.pin)
        for one in findings
        if one.kind == LOOSE and one.pin and one.where.path == specification.path and one.where.number
    ]


def _loose_conda(
    specification: Specification,
    solved: t.Mapping[str, t.Sequence[Entry]],
    offered: t.Mapping[str, t.Sequence[Candidate]],
) -> t.Iterator[Finding]:
    for spec in specification.conda:
        if pins.conda_is_pinned(spec.text, [one.version for one in offered.get(spec.name, ())]):
            continue
        versions = {
            platform: entry.package.version
            for platform, entries in solved.items()
            for entry in entries
            if entry.package.manager == "conda" and entry.package.name == spec.name
        }
        yield _loose(spec.text, spec.where, versions, lambda version, text=spec.text: pins.conda_pin(text, version))


def _loose_pip(
    specification: Specification, solved: t.Mapping[str, t.Sequence[Entry]], pypi_names: t.Mapping[str, str]
) -> t.Iterator[Finding]:
    there: dict[str, dict[str, str]] = {}
    for platform, entries in solved.items():
        conda = [one for one in entries if one.package.manager == "conda"]
        there[platform] = {name: one.version for name, one in provided.distributions(conda, pypi_names).items()}
        there[platform] |= {canonical(one.package.name): one.package.version for one in entries if one.package.manager == "pip"}
    for requirement in specification.pip:
        if pins.pip_is_pinned(requirement.text):
            continue
        versions = {platform: found[requirement.name] for platform, found in there.items() if requirement.name in found}
        yield _loose(
            requirement.text, requirement.where, versions, lambda version, text=requirement.text: pins.pip_pin(text, version)
        )


def _loose(text: str, where: Where, versions: t.Mapping[str, str], pin: t.Callable[[str], str]) -> Finding:
    different = set(versions.values())
    if len(different) == 1:
        wanted = pin(different.pop())
        return Finding(LOOSE, where, f"{addresses.shown(text)} is not pinned; {addresses.shown(wanted)} is what was found for it", wanted)
    if not different:
        return Finding(LOOSE, where, f"{addresses.shown(text)} is not pinned, and no platform has it; write a version or take it out")
    each = " and ".join(f"{version} for {platform}" for platform, version in sorted(versions.items()))
    return Finding(LOOSE, where, f"{addresses.shown(text)} is not pinned; {each} were found for it: write a version that all have")


def _twice(
    specification: Specification,
    solved: t.Mapping[str, t.Sequence[Entry]],
    offered: t.Mapping[str, t.Sequence[Candidate]],
    pypi_names: t.Mapping[str, str],
) -> t.Iterator[Finding]:
    asked = {spec.name: spec for spec in specification.conda}
    conda = [entry for entries in solved.values() for entry in entries if entry.package.manager == "conda"]
    there = provided.distributions(conda, pypi_names)
    for requirement in specification.pip:
        name = requirement.name
        if name in there and "[" in requirement.text:
            continue  # what conda does not have, its extras, is what pip is asked for
        if name in there:
            package = there[name].conda.package
            direct = f" ({asked[package.name].where})" if package.name in asked else ""
            text = f"conda brings {package.name} {package.version}{direct} already; take {name} out of pip:"
            yield Finding(TWICE, requirement.where, text)
            continue
        for other in _called(name, pypi_names):
            if candidates := offered.get(other):
                newest = max((one.version for one in candidates), key=Version)
                channel = candidates[0].channel
                text = f"{channel} has {other} (up to {newest}); ask conda for it, and pip for nothing that conda has"
                yield Finding(IN_CHANNELS, requirement.where, text)
                break


def _about_channels(specification: Specification, solved: t.Mapping[str, t.Sequence[Entry]]) -> t.Iterator[Finding]:
    used = {
        public_url(channel_of(entry.package.url))
        for entries in solved.values()
        for entry in entries
        if entry.package.manager == "conda"
    }
    for channel in specification.channels:
        if channels.is_commercial(channel):
            yield Finding(
                COMMERCIAL,
                channel.where,
                f"{channel.public} is Anaconda's, whose terms of service ask larger organisations for a licence; conda-forge has most of it",
            )
        if not used & {public_url(url) for url in channels.urls([channel])}:
            yield Finding(UNUSED_CHANNEL, channel.where, f"nothing came from the channel {channel.public}; take it out")


def _called(name: str, pypi_names: t.Mapping[str, str]) -> list[str]:
    """Return what conda may call the distribution ``name`` of PyPI, the likeliest first."""
    known = {**provided.WELL_KNOWN, **pypi_names}
    others = [conda for conda, pypi in known.items() if canonical(pypi) == name]
    return [name, *(other for other in others if other != name)]
