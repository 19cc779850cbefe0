# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Carrying out a plan: fetch and verify everything, build and seal, and only then switch.

This module util is private to the collection.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import os
import shutil
import typing as t

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda import (
    archives,
    bytecode_program,
    cache,
    dialogue,
    engine,
    holds,
    litter,
    protection,
    seal,
    smoke,
    startup,
    steps,
    unmanaged,
    user_sites,
    variables,
    wheels,
)
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.network import Network
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.packages import Package
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.preflight import Preflight
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.prefix_files import python_libraries, write_new
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.progress import Progress
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.store import Store
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.urls import channel_of
from ansible_collections.lockstep.gpufleet.plugins.module_utils._files import (
    replace_link,
    sync_directory,
)
from ansible_collections.lockstep.gpufleet.plugins.module_utils._jupyter import inside
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem


@dataclasses.dataclass(frozen=True)
class Workshop:
    """What the steps work with."""

    store: Store
    platform: str
    base: str
    engine_mirror: str | None
    network: Network
    who: str
    preflight: Preflight
    progress: Progress
    #: Where directories that were exchanged are kept, by environment; filled by ``carry_out``.
    beside: dict[str, str] = dataclasses.field(default_factory=dict)


def carry_out(todo: t.Iterable[t.Any], workshop: Workshop) -> list[str]:
    """Execute the steps of all environments in their fixed order; the caller holds the store's lock.

    Returns sentences that the user should read. Raises Problem; then no link was switched unless everything was built, and a further run goes on from there.
    """
    ordered = sorted(todo, key=lambda step: steps.ORDER.index(type(step)))
    try:
        return _carry_out(ordered, workshop)
    except BaseException:
        with contextlib.suppress(OSError):  # it did not work, but why is what the user has to know
            litter.discard(workshop.store)
        raise


def _carry_out(ordered: t.Sequence[t.Any], workshop: Workshop) -> list[str]:
    store = workshop.store
    litter.discard(store)
    for step in ordered:
        if isinstance(step, steps.Discard):  # before anything is fetched: it may be what fills the disk
            _remove_tree(store.generation(step.generation))
    builds = [step for step in ordered if isinstance(step, steps.Build)]
    for step in ordered:
        # What would stop the run later is found out before anything is fetched.
        if isinstance(step, steps.Try):
            smoke.check_user(step.name, step.smoke)
        elif isinstance(step, steps.Exchange):
            unmanaged.check_exchange(store.environments)
    motor = _prepare(builds, workshop) if builds else None
    notes: list[str] = []
    for step in ordered:
        if steps.ORDER.index(type(step)) > steps.ORDER.index(steps.Build) and workshop.progress.phase != "switch":
            workshop.progress.begin("switch")
        if isinstance(step, steps.Build):
            if motor is None:
                raise AssertionError("a plan that builds was given no engine")
            notes += _build(step, motor, workshop)
        elif isinstance(step, steps.PutHold):
            holds.write_hold(store, step.name, holds.Hold(step.lock, step.generation, _now(), workshop.who))
        elif isinstance(step, steps.Flip):
            _flip(store, step)
        elif isinstance(step, steps.Exchange):
            workshop.beside[step.name] = _exchange(store, step)
        elif isinstance(step, steps.EndHold):
            os.unlink(store.hold(step.name))
        elif isinstance(step, steps.RemoveLink):
            os.unlink(store.link(step.name))
            sync_directory(store.environments)
        elif isinstance(step, steps.RemoveGeneration):
            _remove_generation(store.generation(step.generation))
        elif isinstance(step, steps.Forget):
            holds.forget(store, step.name)
    if any(isinstance(step, steps.RemoveGeneration) for step in ordered):
        cache.collect(store)
    return notes


def _flip(store: Store, step: steps.Flip) -> None:
    os.makedirs(store.environments, mode=0o755, exist_ok=True)
    link = store.link(step.name)
    history = holds.read_history(store, step.name)
    if os.path.islink(link):
        # A run that was killed between switching and writing it down left a gap.
        left = os.readlink(link).split("/")[-3]
        if not history or history[-1].generation != left:
            holds.add_history(store, step.name, {"generation": left, "since": _now(), "why": "found"})
    replace_link(link, store.prefix(step.generation, step.name))
    holds.add_history(store, step.name, {"generation": step.generation, "since": _now(), "why": step.why})


def _exchange(store: Store, step: steps.Exchange) -> str:
    """Put the link in the directory's place; return where the directory is kept."""
    path = store.link(step.name)
    found = unmanaged.read(path)
    # Building took minutes: look again.
    unmanaged.check_unused(step.name, path, found.users)
    beside = f"{path}.before-{datetime.datetime.now(datetime.timezone.utc):%Y%m%dT%H%M%SZ}"
    unmanaged.exchange(path, store.prefix(step.generation, step.name), beside)
    holds.add_history(store, step.name, {"generation": step.generation, "since": _now(), "why": "exchanged"})
    return beside


def prepare_root(store: Store) -> None:
    """Create the store's own folders."""
    for directory in (store.root, store.environments, store.generations, store.archives, store.packages):
        os.makedirs(directory, mode=0o755, exist_ok=True)
    for directory in (store.bytecode, store.temporary):
        os.makedirs(directory, mode=0o755, exist_ok=True)


def tidy(store: Store) -> None:
    """Remove those of the store's folders that are empty, after a run that failed; the caller holds the lock."""
    cache = os.path.dirname(store.archives)
    for directory in (
        *(store.environments, store.generations, store.engines, store.archives, store.packages, store.bytecode),
        *(store.temporary, cache),
    ):
        with contextlib.suppress(OSError):
            os.rmdir(directory)
    with contextlib.suppress(OSError):
        if os.listdir(store.root) == [os.path.basename(store.lock_file)]:
            os.unlink(store.lock_file)
            os.rmdir(store.root)


def _prepare(builds: list[steps.Build], workshop: Workshop) -> engine.Engine:
    """Fetch and verify all that the builds need, before any of them begins."""
    python = engine.find_python(workshop.base)
    if python is None:
        raise Problem(
            f"There is no base at {workshop.base} (no bin/python): install one first (role miniconda), "
            "or name another one (conda_env_base)."
        )
    store = workshop.store
    wanted = {}
    engine_parts = []
    if not engine.is_unpacked(store, workshop.platform):
        engine_parts = engine.wheels(workshop.platform, workshop.engine_mirror)
        wanted = {(part.sha256, part.file_name): part for part in engine_parts}
    for build in builds:
        for package in build.wanted.packages or ():
            part = _archive(package)
            wanted[part.sha256 or part.md5, part.file_name] = part
    todo = archives.missing(store.archives, wanted.values())
    workshop.progress.begin("fetch", ", ".join(build.name for build in builds), len(todo))
    archives.fetch_missing(store.archives, todo, workshop.network, workshop.progress)
    workshop.preflight.room_for_engine([archives.path_in_cache(store.archives, part) for part in engine_parts])
    return engine.unpack(store, workshop.platform, workshop.engine_mirror, python)


def _archive(package: Package) -> archives.Archive:
    url = package.source or package.url
    return archives.Archive(package.label, url, package.file_name, package.sha256, package.md5)


def _fetched(package: Package, store: Store) -> Package:
    """Return the package with the sha256 of its archive, which lies in the cache, if its lock names an md5 only."""
    return dataclasses.replace(package, sha256=archives.resolve(store.archives, _archive(package)).sha256)


def _build(step: steps.Build, motor: engine.Engine, workshop: Workshop) -> list[str]:
    """Make the generation under its final path and seal it; return what the user should know of it."""
    store = workshop.store
    if step.wanted.packages is None or step.wanted.lock is None:
        raise AssertionError("a plan builds without a lock")
    packages = [_fetched(package, store) for package in step.wanted.packages]
    directory = store.generation(step.generation)
    try:
        notes = _build_in(directory, step, packages, motor, workshop)
    except BaseException:
        with contextlib.suppress(OSError):  # what stays has no seal, and the next run removes it
            _remove_tree(directory)
        raise
    sync_directory(store.generations)
    return notes


def _build_in(
    directory: str, step: steps.Build, packages: t.Sequence[Package], motor: engine.Engine, workshop: Workshop
) -> list[str]:
    store = workshop.store
    prefix = store.check_prefix(step.generation, step.name)
    conda = [package for package in packages if package.manager == "conda"]
    pip = [package for package in packages if package.manager == "pip"]
    notes: list[str] = []

    def approve(described: list[dict[str, t.Any]]) -> None:
        parts = [archives.path_in_cache(store.archives, _archive(package)) for package in pip]
        notes[:] = workshop.preflight.approve(step, described, parts)

    progress = workshop.progress
    os.makedirs(os.path.dirname(prefix), mode=0o755)
    begun = os.stat(directory).st_mtime_ns
    progress.begin("link", step.name, len(conda))
    known, executables = _link(conda, step, prefix, motor, workshop, approve) if conda else ({}, set())
    for path in executables.intersection(known):
        os.chmod(f"{prefix}/{path}", 0o755)  # Python among them, which is needed next; see _normalise
    if pip:
        progress.begin("pip", step.name, len(pip))
    for path in _install_wheels([_archive(package) for package in pip], prefix, motor, workshop):
        known.pop(path, None)
    link = store.link(step.name)
    ours = protection.add(prefix, step.name, link, step.wanted.options.get("contact") or "")
    ours |= variables.add(prefix, step.wanted.options.get("variables") or {})
    ours |= write_new(prefix, inside.files(step.wanted.options.get("kernel"), prefix, step.name, store.root))
    ours |= startup.add(prefix, link, bool(step.wanted.options.get("user_site")))
    for path in ours:
        known.pop(path, None)
    bytecode = step.wanted.options.get("bytecode")
    if bytecode:
        progress.begin("bytecode", step.name)
    compiled = _compile(prefix, known, store, None if bytecode else ours)
    progress.begin("seal", step.name)
    found = _normalise(prefix, {path: 0o755 if path in executables else 0o644 for path in known})
    seal.check_unedited(prefix, found, {path: known[path] for path in known.keys() - compiled.keys()}, begun)
    known.update(compiled)
    rows = seal.make_tree(prefix, found, known)
    if step.wanted.smoke:
        progress.begin("try", step.name)
        smoke.run(step.name, step.generation, prefix, step.wanted.smoke, store.temporary)
    sealed = seal.Seal(
        generation=step.generation,
        environment=step.name,
        platform=workshop.platform,
        lock=step.wanted.lock or "",
        engine=dict(engine.VERSIONS),
        options=dict(step.wanted.options),
        packages=tuple(sorted(map(_as_sealed, packages), key=Package.identity)),
        tree="",
        files=0,
    )
    seal.write(directory, sealed, rows, found)
    hidden = [] if step.wanted.options.get("user_site") else user_sites.shadowing(packages)
    return notes + ([user_sites.sentence(step.name, hidden)] if hidden else [])


def _as_sealed(package: Package) -> Package:
    """Return what every lock of the same packages says of this one: no credentials, no order."""
    return dataclasses.replace(package, depends=(), source="")


def _link(
    packages: t.Sequence[Package],
    step: steps.Build,
    prefix: str,
    motor: engine.Engine,
    workshop: Workshop,
    approve: t.Callable[[list[dict[str, t.Any]]], None],
) -> tuple[dict[str, str], set[str]]:
    """Link the conda packages; return what ``engine.link`` does.

    ``approve``: see ``dialogue.converse``.
    """
    store = workshop.store

    def report(event: dict[str, t.Any]) -> None:
        workshop.progress.reach(event["done"], event["total"], event["bytes"])

    request: dict[str, t.Any] = {
        "prefix": prefix,
        "platform": workshop.platform,
        "cache": store.packages,
        "bytecode": bool(step.wanted.options.get("bytecode")),
        "packages": [_link_request(package, store, again=False) for package in packages],
    }
    try:
        return engine.link(motor, request, store.temporary, approve, report)
    except dialogue.EngineRefused:
        # A package that was unpacked earlier may have been edited since, through a hard link of an environment.
        # Unpack all of them again, from archives whose hashes are checked again; if that fails too, that is the error.
        shutil.rmtree(prefix, ignore_errors=True)
        parts = [_archive(package) for package in packages]
        archives.verify(store.archives, parts)
        archives.fetch_missing(store.archives, parts, workshop.network, Progress())
        request["packages"] = [_link_request(package, store, again=True) for package in packages]
        return engine.link(motor, request, store.temporary, approve, report)


def _install_wheels(
    parts: t.Sequence[archives.Archive], prefix: str, motor: engine.Engine, workshop: Workshop
) -> set[str]:
    """Install the wheels; return the paths that are theirs now (``wheels.install``)."""
    store = workshop.store
    try:
        return wheels.install(motor, store, prefix, parts)
    except Problem:
        # uv compares hashes before it installs anything: an archive may not have reached the disk before a power cut.
        if not archives.verify(store.archives, parts):
            raise
        archives.fetch_missing(store.archives, parts, workshop.network, Progress())
        return wheels.install(motor, store, prefix, parts)


def _link_request(package: Package, store: Store, again: bool) -> dict[str, t.Any]:
    archive = archives.path_in_cache(store.archives, _archive(package))
    return {
        "name": package.name,
        "version": package.version,
        "build": package.build,
        "stem": f"{package.name}-{package.version}-{package.build}",
        "url": package.url,
        "channel": channel_of(package.url),
        "file_name": package.file_name,
        "sha256": package.sha256,
        "size": os.path.getsize(archive),
        "archive": archive,
        "again": again,
    }


def _compile(
    prefix: str, known: t.Mapping[str, str], store: Store, only: t.Collection[str] | None
) -> dict[str, str]:
    """Compile the Python sources of the standard library and of site-packages; return the hashes of the results.

    ``only``: which of them, by path; None for all. Of the others only what packages have compiled of another source is
    taken away: Python might run it.
    """
    python = f"{prefix}/bin/python"
    if not os.path.exists(python):
        return {}
    sources = []
    for library in python_libraries(prefix):
        for path in _python_sources(library, prefix):
            relative = path[len(prefix) + 1 :]
            sources.append([relative, known.get(relative), only is None or relative in only])
    answer = engine.run_program(
        python,
        bytecode_program,
        {"prefix": prefix, "cache": store.bytecode, "sources": sorted(sources), "jobs": os.cpu_count() or 1},
        store.temporary,
        "the compiler of Python's bytecode",
    )
    return t.cast("dict[str, str]", answer["written"])


def _python_sources(library: str, prefix: str) -> t.Iterator[str]:
    """Return the sources below ``library``; those that are links too, if they lead to a file of this environment."""
    pending = [library]
    while pending:
        with os.scandir(pending.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    if entry.name != "__pycache__":
                        pending.append(entry.path)
                elif entry.name.endswith(".py") and entry.is_file():
                    if not entry.is_symlink() or os.path.realpath(entry.path).startswith(prefix + "/"):
                        yield entry.path


def _normalise(prefix: str, modes: t.Mapping[str, int]) -> dict[str, seal.Status]:
    """Give every path the mode that it has on all hosts, whatever the umask; return what lstat says afterwards.

    ``modes``: of the files that are as their package has them. These are hard links into the cache, and somebody may have
    changed mode or owner in another generation: that is undone, here and there.
    """
    os.chmod(prefix, 0o755)
    found = seal.walk(prefix)
    own = os.geteuid(), os.getegid()
    for path, status in found.items():
        kind, mode = status[0], status[1]
        if status[5:7] != own:
            os.chown(f"{prefix}/{path}", *own, follow_symlinks=False)
            found[path] = status = (*status[:5], *own)
        if kind == "d":
            right = 0o755
        elif kind == "f":
            right = modes.get(path) or (0o755 if mode & 0o111 else 0o644)
            if path.startswith("conda-meta/") or path.endswith(".pyc"):
                right = 0o644
        else:
            continue
        if mode != right:
            os.chmod(f"{prefix}/{path}", right)
            found[path] = (kind, right, *status[2:])
    odd = sorted(path for path, status in found.items() if status[0] == "o")
    if odd:
        raise Problem(f"A package brings {odd[0]}, which is neither file, directory nor link: such cannot be sealed.")
    return found


def _remove_generation(directory: str) -> None:
    """Take the seal off first, so that a half-removed generation is known as such."""
    if os.path.exists(f"{directory}/seal.json"):
        os.unlink(f"{directory}/seal.json")
        sync_directory(directory)
    _remove_tree(directory)


def _remove_tree(directory: str) -> None:
    if os.path.isdir(directory):
        shutil.rmtree(directory)


def _now() -> str:
    return datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
