# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The cache of verified archives: what is not in it is fetched and hashed; nothing else may be unpacked.

This module util is private to the collection.
"""

from __future__ import annotations

import concurrent.futures
import dataclasses
import os
import threading
import typing as t

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.download import fetch
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.network import Network
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.progress import Progress
from ansible_collections.lockstep.gpufleet.plugins.module_utils._files import file_sha256, replace_link
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem

#: Connections at a time: enough to hide latency, few enough for a mirror that serves a whole fleet.
WORKERS = 8

#: Failures that one message lists before it only counts the rest.
_LISTED = 10


@dataclasses.dataclass(frozen=True)
class Archive:
    """An archive as it is asked for: ``label`` is what messages call it.

    ``sha256``: empty where only an ``md5`` is known; ``resolve`` fills it in once the archive lies in the cache.
    """

    label: str
    url: str
    file_name: str
    sha256: str
    md5: str = ""


def resolve(cache: str, archive: Archive) -> Archive:
    """Return the archive with its sha256, if it has one or the cache knows which sha256 the archive of its md5 has."""
    if archive.sha256:
        return archive
    try:
        return dataclasses.replace(archive, sha256=os.readlink(_note(cache, archive)))
    except OSError:
        return archive


def _note(cache: str, archive: Archive) -> str:
    """Return the link that is named by an md5 and names the sha256 of what was verified by it."""
    return f"{cache}/md5-{archive.md5}"


def path_in_cache(cache: str, archive: Archive) -> str:
    """Return where the archive lies once it is verified; the name says the content, the file name serves the engines."""
    return f"{cache}/{archive.sha256}/{archive.file_name}"


def missing(cache: str, wanted: t.Iterable[Archive]) -> list[Archive]:
    """Return those that the cache does not have."""
    return [archive for archive in wanted if not os.path.isfile(path_in_cache(cache, resolve(cache, archive)))]


class _Meter:
    """Tells the progress of one archive, whose download may begin several times."""

    def __init__(self, progress: Progress, abandoned: threading.Event) -> None:
        self._progress = progress
        self._abandoned = abandoned
        self._begun = False
        self._received = 0

    def announced(self, size: int | None) -> None:
        if self._begun:
            self._progress.advance(size=-self._received)
        else:
            self._progress.expect(size)
        self._begun, self._received = True, 0

    def arrived(self, size: int) -> None:
        if self._abandoned.is_set():
            raise Problem("the run is being stopped")
        self._received += size
        self._progress.advance(size=size)


def fetch_missing(cache: str, wanted: t.Iterable[Archive], network: Network, progress: Progress) -> list[Archive]:
    """Fetch what the cache lacks, each verified by its hash before it appears; return what was fetched.

    An archive with an md5 only is verified by that, and then kept under the sha256 that it turns out to have.
    ``progress``: is in the phase for which this fetches.
    After the first failure no further download starts. Raises one Problem that lists all failures; archives that
    came through stay in the cache, so that the next run does not fetch them again.
    """
    todo = missing(cache, wanted)
    failures: list[str] = []
    stop = threading.Event()
    abandoned = threading.Event()

    def work(archive: Archive) -> None:
        if stop.is_set():
            return
        directory = f"{cache}/{archive.sha256}" if archive.sha256 else f"{cache}/.md5-{archive.md5}"
        os.makedirs(directory, mode=0o755, exist_ok=True)
        meter = _Meter(progress, abandoned)
        try:
            path = f"{directory}/{archive.file_name}"
            sha256 = fetch(
                archive.url,
                path,
                archive.sha256,
                network,
                md5=archive.md5,
                announced=meter.announced,
                arrived=meter.arrived,
            )
            if not archive.sha256:
                known = dataclasses.replace(archive, sha256=sha256)
                os.makedirs(f"{cache}/{sha256}", mode=0o755, exist_ok=True)
                os.rename(path, path_in_cache(cache, known))
                replace_link(_note(cache, archive), sha256)
            progress.advance(things=1)
        except Problem as problem:
            stop.set()
            failures.append(f"{archive.label}: {problem}")
        except BaseException:  # the disk is full, for instance: no other download would fare better
            stop.set()
            raise
        finally:
            _remove_if_empty(directory)

    with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
        futures = [pool.submit(work, archive) for archive in todo]
        try:
            for future in futures:
                future.result()
        except BaseException:
            stop.set()
            abandoned.set()
            raise
    if failures:
        raise Problem(_message(sorted(failures)))
    return todo


def verify(cache: str, wanted: t.Iterable[Archive]) -> list[Archive]:
    """Hash archives of the cache again, throw away those that were altered since, and return these."""
    altered = []
    for archive in wanted:
        path = path_in_cache(cache, archive)
        if os.path.isfile(path) and file_sha256(path) != archive.sha256:
            os.unlink(path)
            altered.append(archive)
    return altered


def _remove_if_empty(directory: str) -> None:
    try:
        os.rmdir(directory)
    except OSError:
        pass


def _message(failures: list[str]) -> str:
    if len(failures) == 1:
        return failures[0]
    shown = failures[:_LISTED]
    rest = len(failures) - len(shown)
    return "\n- ".join(
        [f"{len(failures)} archives could not be had:", *shown] + ([f"and {rest} more"] if rest else [])
    )
