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
from ansible_collections.lockstep.gpufleet.plugins.module_utils._files import read_or_none
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locking import (
    differences,
    examination,
    files,
    hosts,
    outputs,
    planning,
)
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locks import documents
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locks.document import VARIABLES, Document, Entry
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._solving import completing, conda, pip
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._solving.model import Settings, Target
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._specification import imports, policy, reading, sources
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._specification.model import (
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
    """A lock and what it is made from. ``why``: None if the lock is as wanted already. ``warnings``: about hosts, for when it is made.

    ``content``: of the input, as it was read.
    """

    asked: hosts.Asked
    specification: Specification
    targets: tuple[Target, ...]
    present: Document | None
    why: str | None
    notes: tuple[str, ...]
    reader: Input = Input()
    warnings: tuple[str, ...] = ()
    content: bytes = dataclasses.field(default=b"", repr=False)


@dataclasses.dataclass(frozen=True)
class Outcome:
    """``texts``: what has to be written, by path; those that are there already are missing. ``changes``: by platform.

    ``files``: the paths of the lock and the further formats, whether or not they have to be written.
    """

    job: Job
    document: Document
    texts: t.Mapping[str, str]
    changes: t.Mapping[str, t.Sequence[Change]]
    notes: tuple[str, ...] = ()
    findings: tuple[policy.Finding, ...] = ()
    files: tuple[str, ...] = ()

    def diff(self) -> list[dict[str, str]]:
        """Return Ansible's diffs of the input, if pins are written into it, and of the lock."""
        asked = self.job.asked
        found = []
        if asked.file in self.texts and asked.file != asked.lock:
            found.append(differences.pins(asked.file, self.job.content, self.texts[asked.file]))
        if asked.lock in self.texts:
            found.append(differences.diff(asked.lock, self.job.present, self.document, self.changes))
        return found

    def __str__(self) -> str:
        number = differences.count(self.changes)
        what = f"{number} package{' changes' if number == 1 else 's change'}" if number else "no package changes"
        others = [os.path.basename(path) for path in self.texts if path != self.job.asked.lock]
        platforms = " and ".join(sorted(self.document.platforms))
        return f"lock {self.job.asked.lock} for {platforms}: {what}" + (f"; write {', '.join(others)}" if others else "")


@contextlib.contextmanager
def alone(lock: str, cache: str) -> t.Iterator[None]:
    """Wait until no other run on this controller works at ``lock``."""
    name = hashlib.sha256(os.path.realpath(lock).encode()).hexdigest()
    try:
        os.makedirs(cache, mode=0o700, exist_ok=True)
        guard = open(f"{cache}/{name}.lock", "w", encoding="ascii")
    except OSError as error:
        raise Problem(f"{error.filename or cache} cannot be written: {error.strerror}. XDG_CACHE_HOME names another place for what channels say.") from None
    with guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        yield


def observe(asked: hosts.Asked, reader: Input, options: planning.Options) -> Job:
    """Read the input and the present lock, and tell whether it has to be made. Raises Problem."""
    if options.code:
        imports.require_directory(options.code)
    content = sources.content(asked.file)
    if documents.is_lock(content):
        specification = Specification(asked.file, KIND)
        why = "it is a lock, which is written in other formats"
        return Job(asked, specification, (), None, why, (), reader, content=content)
    specification = _read(content, asked.file, reader)
    if not (specification.conda or specification.pip or specification.archives):
        raise Problem(f"{asked.file} asks for no packages: nothing stands in its dependencies.")
    if specification.conda and not specification.channels:
        raise Problem(f"{asked.file} names no channels, and {reading.CHANNELS_OPTION} is empty: name one in either, such as conda-forge.")
    outputs.check([asked.lock], specification.files())
    present = None
    if os.path.exists(asked.lock):
        present = _replaced(asked.lock)
    targets, warnings = planning.targets(asked, specification, options, present)
    paths = files.paths(asked.lock, [target.platform for target in targets], options.formats)
    outputs.check(paths, specification.files())
    why = planning.reason(present, specification.digest(), targets, options)
    if present and why is None and present.custom.get(VARIABLES) != _json(specification.variables):
        why = "its variables are not those of the input"
    if present and why is None and present.custom.get(planning.PYPI_NAMES) != _json(reader.pypi_names):
        why = "pypi_names has changed since"
    return Job(asked, specification, tuple(targets), present, why, specification.notes, reader, tuple(warnings), content)


def make(job: Job, options: planning.Options, settings: Settings) -> Outcome:
    """Return what the lock has to be, solved if it has to be. Raises Problem."""
    if job.specification.kind == KIND:
        return _converted(job, options, settings)
    if job.why is None and job.present is not None:
        texts = files.others(job.present, job.asked.lock, options.formats)
        paths = (*texts, job.asked.lock)
        # The lock does not have all that a pixi.lock says, so one with the same packages is taken for what was written with the lock.
        pixi = files.pixi_lock(job.asked.lock)
        if pixi in texts and _has_packages(pixi, job.present):
            del texts[pixi]
        findings = tuple(examination.examine_code(job.specification, options, settings))
        return Outcome(job, job.present, _different(texts), {}, findings=findings, files=paths)
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
        outputs.check([job.asked.file])
        text = examination.pinned(job.content, job.asked.file, pins)
        written[job.asked.file] = text
        job = dataclasses.replace(job, specification=_read(text.encode(), job.asked.file, job.reader))
        findings = [one for one in findings if one.kind != policy.LOOSE or (one.where.number, one.pin) not in pins]
    if options.policy == "enforce":
        examination.refuse_loose(job.asked.file, findings)
    made = document(job, platforms, options, any(one.kind == policy.LOOSE for one in findings))
    texts = files.texts(made, job.asked.lock, options.formats)
    written |= _different(texts)
    changes = differences.between(job.present, made)
    return Outcome(job, made, written, changes, tuple(dict.fromkeys(notes)), tuple(findings), tuple(texts))


def _converted(job: Job, options: planning.Options, settings: Settings) -> Outcome:
    """Return a lock in other formats: nothing is solved. Packages of conda that have an md5 only get their sha256."""
    found = documents.parse(job.content, job.asked.file)
    documents.check_unedited(found, job.asked.file)
    paths = files.paths(job.asked.lock, found.platforms, options.formats)
    in_place = documents.is_conda_lock(job.content) and os.path.realpath(job.asked.lock) == os.path.realpath(job.asked.file)
    outputs.check(paths)
    outputs.check(paths[:-1] if in_place else paths, [job.asked.file])
    present = found if in_place else _replaced(job.asked.lock) if os.path.exists(job.asked.lock) else None
    job = dataclasses.replace(job, present=present)
    platforms = {}
    notes: list[str] = []
    if others := documents.other_environments(job.content, job.asked.file) if not documents.is_conda_lock(job.content) else []:
        notes.append(f"{job.asked.file}: of its environments only the default one is written; left out: {', '.join(others)}.")
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
    if made == found and in_place:
        del texts[job.asked.lock]
    return Outcome(job, made, _different(texts), differences.between(present, made), tuple(notes), files=tuple(paths))


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


def _replaced(lock: str) -> Document:
    """Return the present lock; raises Problem if it is none, or was edited."""
    try:
        present = documents.read(lock)
    except Problem as problem:
        raise Problem(f"{problem} It is what would be written: remove it, if nobody needs it, and lock again.") from None
    documents.check_unedited(present, lock)
    return present


def _has_packages(path: str, document: Document) -> bool:
    """Tell whether the lock at ``path`` is there and has the packages of ``document``."""

    def packages(one: Document) -> dict[str, set[tuple[str, str, str]]]:
        return {
            platform: {(entry.package.url, entry.package.sha256, entry.package.md5) for entry in entries}
            for platform, entries in one.platforms.items()
        }

    try:
        return packages(documents.read(path)) == packages(document)
    except Problem:
        return False


def _read(content: bytes, file: str, reader: Input) -> Specification:
    return reading.parse(content, file, reader.channels, reader.python, reader.pypi_names)


def to_write(outcomes: t.Iterable[Outcome]) -> dict[str, str]:
    """Return the texts of all ``outcomes`` by their paths, locks last. Raises Problem if they are in each other's way, or if an input
    has changed since it was read."""
    texts: dict[str, str] = {}
    locks: dict[str, str] = {}
    planned: dict[str, str] = {}
    for outcome in outcomes:
        asked = outcome.job.asked
        for path in outcome.files:
            other = planned.setdefault(os.path.realpath(path), asked.lock)
            if other != asked.lock:
                raise Problem(f"{path} would be written for {other} and for {asked.lock}: give each lock a directory of its own.")
        if outcome.texts and sources.content(asked.file) != outcome.job.content:
            raise Problem(f"{asked.file} was changed while it was being locked. Lock it again.")
        for path, text in outcome.texts.items():
            if texts.get(path, text) != text:
                raise Problem(f"{path}: {asked.lock} and another lock of it want different pins. Write them by hand, or lock one at a time.")
            (locks if path == asked.lock else texts)[path] = text
    return {**texts, **locks}


def document(
    job: Job, platforms: t.Mapping[str, tuple[Entry, ...]], options: planning.Options, loose: bool = False
) -> Document:
    """Return the lock of ``job`` with ``platforms``. ``loose``: whether something is not pinned."""
    specification = job.specification
    digest = specification.digest()
    pip_options = specification.pip_options
    custom = {planning.SPECIFICATION: digest, planning.POLICY: planning.examined(options, loose)}
    if options.exclude_newer:
        custom[planning.EXCLUDE_NEWER] = options.exclude_newer
    from_options = [one for one in specification.channels if one.where.path == reading.CHANNELS_OPTION]
    if from_options:
        custom[planning.CHANNELS] = " ".join(one.public for one in from_options)
    for spec in specification.conda:
        if spec.where.path == reading.PYTHON_OPTION:
            custom[planning.PYTHON] = spec.text.removeprefix("python==")
    for key, pairs in ((VARIABLES, specification.variables), (planning.PYPI_NAMES, job.reader.pypi_names)):
        if text := _json(pairs):
            custom[key] = text
    for target in job.targets:
        custom[planning.VIRTUAL_PACKAGES + target.platform] = planning.recorded(target.virtual_packages)
    indexes = () if pip_options.no_index else (pip_options.index_url, *pip_options.extra_index_urls)
    return Document(
        platforms=platforms,
        channels=tuple(one.public for one in specification.channels),
        indexes=tuple(public_url(url) for url in indexes if url),
        content_hash={target.platform: planning.content_hash(digest, target, options) for target in job.targets},
        sources=(os.path.relpath(job.asked.file, os.path.dirname(job.asked.lock)),),
        custom=custom,
    )


def _json(pairs: t.Mapping[str, str]) -> str | None:
    """Return pairs as a lock has them: the same ones are the same text, and none are none."""
    return json.dumps(dict(sorted(pairs.items())), ensure_ascii=False) if pairs else None
