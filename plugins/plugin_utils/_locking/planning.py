# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What has to be locked, and why: an input whose lock is up to date needs no network.

This plugin util is private to the collection.
"""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import json
import typing as t

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.ordering import canonical
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locking import hosts
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locking.options import near
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locks.document import Document, Entry
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._solving.model import Target
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._specification.model import Specification

#: Facts in a lock's ``custom``.
SPECIFICATION = "lockstep.specification"
POLICY = "lockstep.policy"
EXCLUDE_NEWER = "lockstep.exclude_newer"
VIRTUAL_PACKAGES = "lockstep.virtual_packages."

#: The options that said what the input does not; who reads it again needs them.
PYTHON = "lockstep.python"
CHANNELS = "lockstep.channels"
PYPI_NAMES = "lockstep.pypi_names"

#: From lax to strict: what was examined strictly need not be examined again laxly.
POLICIES = ("off", "warn", "enforce")

#: The same, as a lock records it: under ``warn`` all pins that could be written may have been.
_PINNED = "warn, pinned"
_EXAMINED = ("off", "warn", _PINNED, "enforce")


@dataclasses.dataclass(frozen=True)
class Options:
    """Of the module, those that say what a lock is. ``update``: None if it was not given. ``code``: a directory.
    ``formats``: further files, see ``files``."""

    platforms: tuple[str, ...] = ()
    virtual_packages: t.Mapping[str, t.Mapping[str, t.Any]] = dataclasses.field(default_factory=dict)
    exclude_newer: str = ""
    update: tuple[str, ...] | None = None
    policy: str = "enforce"
    pin: bool = False
    code: str | None = None
    formats: tuple[str, ...] = ()


def targets(
    asked: hosts.Asked, specification: Specification, options: Options, present: Document | None = None
) -> tuple[list[Target], list[str]]:
    """Return the platforms to lock for, with what their hosts have, and warnings. Raises Problem.

    What the ``present`` lock was made for counts where hosts that use it did not tell what they have, and where there are no hosts:
    it is not made for less, or for more, only because of who was asked this time.
    """
    by_platform: dict[str, list[hosts.Host]] = {}
    for host in asked.hosts:
        by_platform.setdefault(host.platform, []).append(host)
    before = _recorded(present)
    there = dict.fromkeys([*by_platform, *(before if asked.absent else ())])
    platforms = options.platforms or tuple(there) or specification.platforms or tuple(before) or (hosts.DEFAULT_PLATFORM,)
    for platform in options.virtual_packages:
        if platform not in platforms:
            raise Problem(f"virtual_packages: {platform} is not locked for; the platforms are {', '.join(sorted(platforms))}.")
    warnings = _about_absent(asked, platforms, by_platform, options, before)
    for platform in sorted(set(by_platform) - set(platforms)):
        names = hosts.listed([host.name for host in by_platform[platform]])
        warnings.append(f"platforms: {platform} is not among them, so {asked.lock} has nothing for {names}.")
    found = []
    for platform in sorted(set(platforms)):
        given = options.virtual_packages.get(platform) or {}
        have, said = hosts.least(by_platform.get(platform, ()), given)
        warnings += said
        if platform in before and (asked.absent or not asked.hosts):
            have = hosts.lower(platform, have, before[platform]) if platform in by_platform else before[platform]
        if platform in by_platform and "__cuda" not in {**have, **given} and before.get(platform, {}).get("__cuda"):
            raise Problem(_loses_cuda(asked.lock, platform, by_platform[platform], before[platform]["__cuda"]))
        assumed = {} if platform in before and not asked.hosts else hosts.assumed(platform)
        packages = {**assumed, **have, **{name: str(text or "") for name, text in given.items()}}
        if packages.get("__archspec") and " " not in packages["__archspec"]:
            packages["__archspec"] = f"1 {packages['__archspec']}"  # as conda has it: the name is the build
        found.append(Target(platform, {name: text for name, text in sorted(packages.items()) if text}))
    return found, warnings


def recorded(virtual_packages: t.Mapping[str, str]) -> str:
    """Return the text that a lock has of what it was made for."""
    return " ".join(f"{name}={version.replace(' ', '=')}" for name, version in sorted(virtual_packages.items()))


def _recorded(present: Document | None) -> dict[str, dict[str, str]]:
    """Return, by platform, what the present lock was made for, if it says so."""
    found: dict[str, dict[str, str]] = {}
    for platform in present.platforms if present else ():
        pairs = [one.partition("=") for one in present.custom.get(VIRTUAL_PACKAGES + platform, "").split()]  # type: ignore[union-attr]
        if pairs and all(map(hosts.is_version, (version.partition("=")[0] for _name, _equals, version in pairs))):
            found[platform] = {name: version.replace("=", " ") for name, _equals, version in pairs}
    return found


def _about_absent(
    asked: hosts.Asked,
    platforms: t.Collection[str],
    by_platform: t.Mapping[str, t.Sequence[hosts.Host]],
    options: Options,
    before: t.Mapping[str, t.Mapping[str, str]],
) -> list[str]:
    """Return what is said about hosts that did not tell what they have; raises Problem if nothing else tells it."""
    if not asked.absent:
        return []
    who = f"{asked.lock}: of the hosts that use it, {hosts.listed(asked.absent)} did not tell what {'it has' if len(asked.absent) == 1 else 'they have'}"
    if all(options.virtual_packages.get(platform) for platform in platforms):
        return [f"{who}; what virtual_packages says counts."]
    if before:
        made_for = "; ".join(f"{platform}: {recorded(have)}" for platform, have in sorted(before.items()))
        return [f"{who}: the lock stays for what it was made for ({made_for}), or less. Lock again when all of them can be asked."]
    least = {platform: hosts.least(those)[0] for platform, those in sorted(by_platform.items())}
    example = json.dumps({"conda_lock_virtual_packages": least or {hosts.DEFAULT_PLATFORM: {"__glibc": "2.36", "__cuda": "12.4"}}})
    remedy = "This is what the others have" if least else "For instance"
    raise Problem(
        f"{who}, and there is no lock yet that says what they are taken to have: the lock might ask too much of them. Lock once when all "
        "can be asked, without --limit and before any serial play (ansible-playbook lockstep.gpufleet.lock -i INVENTORY), or say what "
        f"all have, for each platform. {remedy}: -e '{example}'"
    )


def _loses_cuda(lock: str, platform: str, those: t.Sequence[hosts.Host], cuda: str) -> str:
    lacking = sorted(host.name for host in those if not host.virtual_packages.get("__cuda"))
    return (
        f"{lock}: it was made for __cuda={cuda} on {platform}, but {hosts.listed(lacking)} {'has' if len(lacking) == 1 else 'have'} no CUDA "
        "driver (or it does not answer): all hosts would get builds without CUDA. Repair the driver there, give hosts without GPUs a "
        f"""lock of their own, or say that this is meant: -e '{{"conda_lock_virtual_packages": {{"{platform}": {{"__cuda": ""}}}}}}'"""
    )


def content_hash(digest: str, target: Target, options: Options) -> str:
    """Return the sha256 of what the packages for ``target`` follow from; ``digest``: of the specification."""
    parts = [digest, target.platform, sorted(target.virtual_packages.items()), options.exclude_newer]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def reason(
    present: Document | None, digest: str, those: t.Sequence[Target], options: Options
) -> str | None:
    """Say why there has to be another lock, or return None if ``present`` is the one that is wanted."""
    if present is None:
        return "there is no lock yet"
    made_from = present.custom.get(SPECIFICATION)
    if made_from is None:
        return "the present lock does not say what it was made from"
    if made_from != digest:
        return "what is wanted has changed since"
    if moving := [name for name in options.update or () if canonical(name) in _names(present)]:
        return f"{', '.join(moving)} may change"
    before = _EXAMINED.index(present.custom[POLICY]) if present.custom.get(POLICY) in _EXAMINED else 0
    if _EXAMINED.index(options.policy) > before:
        return "its pins were not looked at yet"
    if options.pin and _EXAMINED.index(_PINNED) > before:
        return "its pins were not written yet"
    if present.custom.get(EXCLUDE_NEWER, "") != options.exclude_newer:
        return "exclude_newer has changed since"
    platforms = [target.platform for target in those]
    if sorted(present.platforms) != sorted(platforms):
        return f"it is for {', '.join(sorted(present.platforms))}"
    for target in those:
        if present.content_hash.get(target.platform) != content_hash(digest, target, options):
            return f"what the hosts of {target.platform} have has changed since{_difference(_recorded(present).get(target.platform), target)}"
    return None


def _difference(before: t.Mapping[str, str] | None, target: Target) -> str:
    now = target.virtual_packages
    parts = [
        f"{name} {now.get(name) or 'none'}, not {before.get(name) or 'none'}"
        for name in sorted({*now, *(before or {})})
        if before and now.get(name) != before.get(name)
    ]
    return f" ({'; '.join(parts)})" if parts else ""


def examined(options: Options, loose: bool) -> str:
    """Return how strictly a lock has been examined, as it records it. ``loose``: whether anything is left that is not pinned."""
    if options.policy == "off" and not options.pin:
        return "off"
    if not loose:
        return "enforce"
    return _PINNED if options.pin else options.policy


def check_update(update: t.Sequence[str] | None, jobs: t.Iterable[tuple[Document | None, Specification]]) -> None:
    """Raise Problem if ``update`` names what neither a present lock has nor an input asks for. ``jobs``: all that are locked."""
    known: set[str] = set()
    for present, specification in jobs:
        known |= _names(present) if present else set()
        known |= {canonical(one.name) for one in (*specification.conda, *specification.pip)}
    unknown = [name for name in update or () if canonical(name) not in known]
    if unknown:
        meant = "".join(near(canonical(name), known) for name in unknown[:1])
        raise Problem(f"update: {', '.join(unknown)}: no present lock has such a package, and no input asks for it{meant}.")


def _names(present: Document) -> set[str]:
    return {canonical(entry.package.name) for entries in present.platforms.values() for entry in entries}


def kept(present: Document | None, update: t.Sequence[str] | None) -> dict[str, list[Entry]]:
    """Return by platform the entries that stay where they can: all but those that ``update`` names."""
    if update is None or present is None:
        return {}
    names = {canonical(name) for name in update}
    return {
        platform: [entry for entry in entries if canonical(entry.package.name) not in names]
        for platform, entries in present.platforms.items()
    }


def moment(exclude_newer: str | None) -> datetime.datetime | None:
    """Return the moment that the option means: a date is its end, in UTC. Raises Problem."""
    if not exclude_newer:
        return None
    try:
        if len(exclude_newer) == len("2026-11-25"):
            day = datetime.datetime.combine(datetime.date.fromisoformat(exclude_newer), datetime.time(), datetime.timezone.utc)
            return day + datetime.timedelta(days=1)
        found = datetime.datetime.fromisoformat(exclude_newer)
        if found.tzinfo is None:
            raise ValueError
        return found.astimezone(datetime.timezone.utc)
    except (ValueError, OverflowError):
        raise Problem(
            f"exclude_newer: {exclude_newer} is neither a date (2026-11-25) nor a moment with its time zone (2026-11-25T12:00:00Z)."
        ) from None
