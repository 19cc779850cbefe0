# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Lists of builds without hashes, or with md5 only, completed: exactly these builds, with what their channels know of them.

This plugin util is private to the collection.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
import typing as t
from urllib.parse import unquote, urlsplit

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda import download
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.urls import channel_of, directory_name, file_name
from ansible_collections.lockstep.gpufleet.plugins.module_utils._files import file_sha256
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locks import addresses, normal_form
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locks.document import Entry
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._solving import conda, explaining, rattler
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._solving.model import Settings
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._specification.model import (
    Channel,
    Specification,
    WantedArchive,
)


class Completed(t.NamedTuple):
    """``entries``: in the order of the list. ``notes``: sentences on what was not in any index."""

    entries: tuple[Entry, ...]
    notes: tuple[str, ...]


class Unlockable(Problem):
    """``lost``: reasons by the place where an archive is named, of archives that are gone or are not what the list says."""

    def __init__(self, message: str, lost: t.Mapping[str, str]) -> None:
        super().__init__(message)
        self.lost = lost


@dataclasses.dataclass(frozen=True)
class _Archive:
    wanted: WantedArchive
    address: addresses.Address

    @property
    def name(self) -> str:
        return file_name(self.address.url)

    @property
    def subdir(self) -> str:
        return directory_name(self.address.url)

    @property
    def fetched_from(self) -> str:
        return self.address.source or self.address.url


def complete(specification: Specification, settings: Settings) -> Completed:
    """Return the entries of all ``archives`` of ``specification``.

    A build is looked for in the index of its channel. One that is not there any more, or whose channel has no index, is
    fetched, and says itself what it needs. Raises one Problem that lists what has other hashes than the list says, or cannot be
    had: Unlockable, unless a channel does not answer.
    """
    archives = [_Archive(one, addresses.read(one.address)) for one in specification.archives]
    records = _indexed(archives, settings)
    found: dict[str, Entry] = {}
    wrong: list[tuple[str, str]] = []
    notes = []
    rest = []
    for archive in archives:
        record = records.get(archive.address.url)
        if record is None or not record["sha256"]:
            rest.append(archive)
            continue
        for kind in ("sha256", "md5"):
            said = getattr(archive.wanted, kind)
            if said and record[kind] and said != record[kind]:
                wrong.append((str(archive.wanted.where), f"{archive.name} has {kind} {said}, but its channel says {record[kind]}"))
        found[archive.address.url] = _located(conda.entry(record, archive.address.url), archive)
    fetched, failed = _fetched(rest, settings)
    wrong += failed
    if wrong:
        lines = [f"{where}: {why}" for where, why in wrong]
        raise Unlockable(normal_form.listing(f"{specification.path} names what cannot be locked", lines), dict(wrong))
    for archive in rest:
        found[archive.address.url] = fetched[archive.address.url]
        known = "" if archive.wanted.md5 or archive.wanted.sha256 else ", and that no hash was known: it is locked as it is today"
        notes.append(f"{archive.wanted.where}: {archive.name} is in no channel's index; it was fetched{known}.")
    return Completed(tuple(found[archive.address.url] for archive in archives), tuple(notes))


def _indexed(archives: t.Sequence[_Archive], settings: Settings) -> dict[str, dict[str, t.Any]]:
    """Return the records of those archives that their channels' indexes have, by public URL."""
    by_channel: dict[str, list[_Archive]] = {}
    for archive in archives:
        if archive.subdir in normal_form.SUBDIRS and "://" in archive.fetched_from:
            by_channel.setdefault(channel_of(archive.fetched_from), []).append(archive)
    found = {}
    for url, those in by_channel.items():
        names = sorted({parts[0] for one in those if (parts := normal_form.split_conda_name(one.name))})
        request = {"do": "look_up", "platforms": sorted({one.subdir for one in those} | {"noarch"}), "names": names}
        channel = Channel(url, those[0].wanted.where)
        try:
            records = rattler.call(request, [settings.network.locate(url)], settings)
        except rattler.Refused as refused:
            if "could not find subdir" in str(refused):
                continue  # a directory of archives, or a channel that is gone
            problem = explaining.about_channels(refused, [channel], settings)
            raise problem or Problem(f"{channel.where}: its channel cannot be asked: {refused}") from None
        by_name = {(record["subdir"], file_name(record["url"])): record for record in records}
        for archive in those:
            if record := by_name.get((archive.subdir, archive.name)):
                found[archive.address.url] = record
    return found


def _fetched(archives: t.Sequence[_Archive], settings: Settings) -> tuple[dict[str, Entry], list[tuple[str, str]]]:
    """Fetch archives, and return their entries by public URL, and places and reasons of what could not be had."""
    paths: dict[str, str] = {}
    hashes: dict[str, str] = {}
    failed = []
    for archive in archives:
        try:
            paths[archive.address.url], hashes[archive.address.url] = _have(archive, settings)
        except Problem as problem:
            failed.append((str(archive.wanted.where), str(problem).rstrip(".")))
    if failed or not archives:
        return {}, failed
    try:
        described = rattler.call({"do": "describe", "paths": [paths[one.address.url] for one in archives]}, [], settings)
    except rattler.Refused as refused:
        raise Problem(f"{archives[0].wanted.where.path}: an archive cannot be read: {refused}") from None
    found = {}
    for archive, said in zip(archives, described, strict=True):
        path = paths[archive.address.url]
        with open(path, "rb") as file:
            md5 = hashlib.md5(file.read(), usedforsecurity=False).hexdigest()
        record = {**said, "subdir": archive.subdir, "sha256": hashes[archive.address.url], "md5": md5, "size": os.path.getsize(path)}
        found[archive.address.url] = _located(conda.entry(record, archive.address.url), archive)
    return found, failed


def _have(archive: _Archive, settings: Settings) -> tuple[str, str]:
    """Return where an archive lies on the controller, fetched if it has to be, and its sha256. Raises Problem."""
    source = archive.fetched_from
    if "://" not in source or source.startswith("file://"):
        path = unquote(urlsplit(source).path) if "://" in source else os.path.expanduser(source)
        if not os.path.isfile(path):
            raise Problem(f"{path} is not on the controller")
        found = file_sha256(path)
        if archive.wanted.sha256 and found != archive.wanted.sha256:
            raise Problem(f"{path} has sha256 {found}, but {archive.wanted.sha256} is wanted")
        return path, found
    folder = f"{settings.cache}/archives/{hashlib.sha256(archive.address.url.encode()).hexdigest()[:16]}"
    os.makedirs(folder, mode=0o700, exist_ok=True)
    path = f"{folder}/{archive.name}"
    wanted = archive.wanted
    unverified = not (wanted.sha256 or wanted.md5)
    return path, download.fetch(source, path, wanted.sha256, settings.network, md5=wanted.md5, unverified=unverified)


def _located(entry: Entry, archive: _Archive) -> Entry:
    """Return the entry with where to fetch from, if that is not its public URL, and the subdir that its place says."""
    subdir = archive.subdir if archive.subdir in normal_form.SUBDIRS else ""
    return dataclasses.replace(entry, package=dataclasses.replace(entry.package, subdir=subdir, source=archive.address.source))
