# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One lock: looked at, made where that is needed, and the files that come of it.

This plugin util is private to the collection.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import hashlib
import json
import os
import typing as t

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.urls import public_url
from ansible_collections.lockstep.gpufleet.plugins.module_utils._files import read_or_none, write_atomically
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locking import differences, examination, files, hosts, planning
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locks import documents
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locks.document import VARIABLES, Document, Entry
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._solving import completing, conda, pip
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._solving.model import Settings, Target
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._specification import policy, reading, sources
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._specification.model import (
    Channel,
    Specification,
    WantedArchive,
    Where,
)

if t.TYPE_CHECKING:
    from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.packages import Change


#: The kind of an input that is a lock already.
KIND = "lock"


@dataclasses.dataclass(frozen=True)
class Input:
    """What of the options says how inputs are read. ``channels`` and ``python``: for inputs that name none.

    ``pypi_names``: PyPI's names of conda packages that are called otherwise there.
    """

    channels: tuple[str, ...] = ()
    python: str | None = None
    pypi_names: t.Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Job:
    """A lock and what it is made from. ``why``: None if the lock is as wanted already. ``warnings``: about hosts, for when it is made."""

    asked: hosts.Asked
    specification: Specification
    targets: tuple[Target, ...]
    present: Document | None
    why: str | None
    notes: tuple[str, ...]
    reader: Input = Input()
    warnings: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Outcome:
    """``texts``: what has to be written, by path; those that are there already are missing. ``changes``: by platform."""

    job: Job
    document: Document
    texts: t.Mapping[str, str]
    changes: t.Mapping[str, t.Sequence[Change]]
    notes: tuple[str, ...] = ()
    findings: tuple[policy.Finding, ...] = ()

    def __str__(self) -> str:
        number = differences.count(self.changes)
        what = f"{number} package{' changes' if number == 1 else 's change'}" if number else "no package changes"
        others = [os.path.basename(path) for path in self.texts if path != self.job.asked.lock]
        platforms = " and ".join(sorted(self.document.platforms))
        return f"lock {self.job.asked.lock} for {platforms}: {what}" + (f"; write {', '.join(others)}" if others else "")


def cache_directory() -> str:
    """Return where on the controller is kept what channels and indexes said, of the user who runs Ansible."""
    return os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "lockstep-gpufleet", "locking")


@contextlib.contextmanager
def alone(lock: str, cache: str) -> t.Iterator[None]:
    """Wait until no other run on this controller works at ``lock``."""
    os.makedirs(cache, mode=0o700, exist_ok=True)
    name = hashlib.sha256(os.path.abspath(lock).encode()).hexdigest()
    with open(f"{cache}/{name}.lock", "w", encoding="ascii") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        yield


def observe(asked: hosts.Asked, reader: Input, options: planning.Options) -> Job:
    """Read the input and the present lock, and tell whether it has to be made. Raises Problem."""
    content = sources.content(asked.file)
    if documents.is_lock(content):
        specification = Specification(asked.file, KIND)
        return Job(asked, specification, (), None, "it is a lock, which is written in other formats", (), reader)
    specification = _read(content, asked.file, reader)
    present = None
    if os.path.lexists(asked.lock):
        present = documents.read(asked.lock)
        documents.check_unedited(present, asked.lock)
    targets, warnings = planning.targets(asked, specification, options, present)
    why = planning.reason(present, specification.digest(), targets, options)
    return Job(asked, specification, tuple(targets), present, why, specification.notes, reader, tuple(warnings))


def make(job: Job, options: planning.Options, settings: Settings) -> Outcome:
    """Return what the lock has to be, solved if it has to be. Raises Problem."""
    if job.specification.kind == KIND:
        return _converted(job, options, settings)
    if job.why is None and job.present is not None:
        texts = _different(files.texts(job.present, job.asked.lock, options.formats))
        # The lock does not have all that a pixi.lock says, so one that is there is taken for what was written with the lock.
        pixi = files.pixi_lock(job.asked.lock)
        return Outcome(job, job.present, {path: text for path, text in texts.items() if path != pixi or not os.path.exists(pixi)}, {})
    keep = planning.kept(job.present, options.update)
    solved, notes = _conda_part(job, settings, keep)
    platforms: dict[str, tuple[Entry, ...]] = {}
    for target in job.targets:
        brought = solved[target.platform]
        wheels = pip.resolution(job.specification, target, brought, settings, keep.get(target.platform, ()))
        notes += wheels.notes
        platforms[target.platform] = (*brought, *wheels.entries)
    findings = examination.examine(job.specification, platforms, options, settings)
    written = {}
    if options.pin and (pins := policy.rewritable(job.specification, findings)):
        text = examination.pinned(job.asked.file, pins)
        written[job.asked.file] = text
        job = dataclasses.replace(job, specification=_read(text.encode(), job.asked.file, job.reader))
        findings = [one for one in findings if one.where.number not in pins or one.kind != policy.LOOSE]
    if options.policy == "enforce":
        examination.refuse_loose(job.asked.file, findings)
    made = document(job, platforms, options)
    written |= _different(files.texts(made, job.asked.lock, options.formats))
    changes = differences.between(job.present, made)
    return Outcome(job, made, written, changes, tuple(dict.fromkeys(notes)), tuple(findings))


def _converted(job: Job, options: planning.Options, settings: Settings) -> Outcome:
    """Return a lock in other formats: nothing is solved. Packages of conda that have an md5 only get their sha256."""
    found = documents.read(job.asked.file)
    documents.check_unedited(found, job.asked.file)
    platforms = {}
    notes: list[str] = []
    for platform, entries in found.platforms.items():
        weak = [entry for entry in entries if entry.package.manager == "conda" and not entry.package.sha256]
        archives = [
            WantedArchive(entry.package.source or entry.package.url, entry.package.md5, "", Where(f"{job.asked.file}: {entry.package.name}"))
            for entry in weak
        ]
        done = completing.complete(Specification(job.asked.file, KIND, archives=tuple(archives)), settings)
        known = {one.package.url: one for one in done.entries}
        notes += done.notes
        platforms[platform] = tuple(
            _with_sha256(entry, known[entry.package.url]) if entry.package.url in known else entry for entry in entries
        )
    made = dataclasses.replace(found, platforms=platforms)
    texts = files.texts(made, job.asked.lock, options.formats)
    if made == found and os.path.realpath(job.asked.lock) == os.path.realpath(job.asked.file):
        del texts[job.asked.lock]
    return Outcome(job, made, _different(texts), {}, tuple(notes))


def _with_sha256(entry: Entry, completed: Entry) -> Entry:
    package = entry.package
    return dataclasses.replace(
        entry, package=dataclasses.replace(package, sha256=completed.package.sha256, md5=""), md5=package.md5
    )


def _conda_part(
    job: Job, settings: Settings, keep: t.Mapping[str, t.Sequence[Entry]]
) -> tuple[dict[str, tuple[Entry, ...]], list[str]]:
    """Return conda's packages by platform, and notes: solved, or, of a list of builds, completed."""
    if not job.specification.archives:
        if not job.specification.conda:
            return {target.platform: () for target in job.targets}, []
        return conda.solve(job.specification, job.targets, settings, keep), []
    if len(job.targets) != 1:
        names = ", ".join(target.platform for target in job.targets)
        raise Problem(f"{job.asked.file}: a list of builds is for one platform; platforms are {names}.")
    done = completing.complete(job.specification, settings)
    return {job.targets[0].platform: done.entries}, list(done.notes)


def _different(texts: t.Mapping[str, str]) -> dict[str, str]:
    """Return those texts that are not what their files hold already."""
    return {path: text for path, text in texts.items() if read_or_none(path) != text.encode()}


def _read(content: bytes, file: str, reader: Input) -> Specification:
    return reading.parse(content, file, reader.channels, reader.python, reader.pypi_names)


def write(outcome: Outcome) -> None:
    """Write the files, each all at once. Raises Problem."""
    for path, text in outcome.texts.items():
        try:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            write_atomically(path, text.encode())
        except OSError as error:
            raise Problem(f"{path} cannot be written: {error.strerror}.") from None


def document(job: Job, platforms: t.Mapping[str, tuple[Entry, ...]], options: planning.Options) -> Document:
    """Return the lock of ``job`` with ``platforms``."""
    specification = job.specification
    digest = specification.digest()
    pip_options = specification.pip_options
    custom = {planning.SPECIFICATION: digest, planning.POLICY: options.policy}
    if options.exclude_newer:
        custom[planning.EXCLUDE_NEWER] = options.exclude_newer
    from_options = [one for one in specification.channels if one.where.path == reading.CHANNELS_OPTION]
    if from_options:
        custom[planning.CHANNELS] = " ".join(map(_public, from_options))
    for spec in specification.conda:
        if spec.where.path == reading.PYTHON_OPTION:
            custom[planning.PYTHON] = spec.text.removeprefix("python==")
    if specification.variables:
        custom[VARIABLES] = json.dumps(dict(sorted(specification.variables.items())), ensure_ascii=False)
    for target in job.targets:
        custom[planning.VIRTUAL_PACKAGES + target.platform] = planning.recorded(target.virtual_packages)
    indexes = () if pip_options.no_index else (pip_options.index_url, *pip_options.extra_index_urls)
    return Document(
        platforms=platforms,
        channels=tuple(map(_public, specification.channels)),
        indexes=tuple(public_url(url) for url in indexes if url),
        content_hash={target.platform: planning.content_hash(digest, target, options) for target in job.targets},
        sources=(os.path.relpath(job.asked.file, os.path.dirname(job.asked.lock)),),
        custom=custom,
    )


def _public(channel: Channel) -> str:
    return public_url(channel.text) if "://" in channel.text else channel.text
