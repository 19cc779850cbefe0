# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What can be said of a host's environments without running anything: for ``conda_env_info``. Reads only.

This module util is private to the collection.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
import pwd
import typing as t

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda import (
    drift,
    exports,
    generations,
    holds,
    processes,
    records,
    seal,
    user_sites,
    uses,
)
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.drift import DRIFT_RETURNED
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.ordering import ordered
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.packages import Package
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.store import Store, is_name

#: What can be exported, in the order of the documentation.
EXPORTS = ("environment_yml", "explicit", "explicit_md5", "requirements", "seal")


@dataclasses.dataclass(frozen=True)
class Question:
    """What is asked for. ``level``: one of ``arguments.LEVELS``, or ``none``; ``exports``: some of ``EXPORTS``."""

    level: str
    exports: tuple[str, ...] = ()
    sizes: bool = False


def names(store: Store) -> list[str]:
    """Return the names of all environments: those with a link, and those with generations only."""
    found = {name for name in _list(store.environments) if is_name(name)}
    for generation in _list(store.generations):
        found.update(name for name in _list(f"{store.generation(generation)}/envs") if is_name(name))
    return sorted(found)


def describe(store: Store, names_wanted: t.Sequence[str], question: Question) -> list[dict[str, t.Any]]:
    """Return one entry for each of ``names_wanted``."""
    found = generations.observe(store, names_wanted, check=lambda environment: ())
    every = [generation for one in found.values() for generation in (*one.sealed, *one.unsealed)]
    paths = {store.generation(generation): generation for generation in every}
    users = {paths[path]: ids for path, ids in processes.users_of(paths).items()}
    named = uses.names_of(store, every) if every else {}
    return [_describe_one(store, found[name], users, named, question) for name in names_wanted]


def _describe_one(
    store: Store,
    found: generations.Environment,
    users: t.Mapping[str, list[int]],
    named: t.Mapping[str, list[str]],
    question: Question,
) -> dict[str, t.Any]:
    notes = [
        f"Generation {generation} is {seal.why_not(store.generation(generation))}."
        for generation in sorted(found.unsealed)
    ]
    entry: dict[str, t.Any] = {
        "name": found.name,
        "path": store.link(found.name),
        "link": found.link,
        "generation": found.active,
        "prefix": store.prefix(found.active, found.name) if found.active else None,
        "hold": dataclasses.asdict(found.hold) if found.hold else None,
        "generations": [
            dict(_describe_generation(store, found, generation, question), named_by=named.get(generation, []))
            for generation in sorted({*found.sealed, *found.unsealed})
        ],
        "processes": [
            dict(describe_process(number), generation=generation, current=generation == found.active)
            for generation in sorted({*found.sealed, *found.unsealed})
            for number in users.get(generation, ())
        ],
        "notes": notes,
    }
    sealed = found.sealed.get(found.active or "")
    if found.active and not sealed and found.active not in found.unsealed:
        notes.append(f"The environment's link names generation {found.active}, which does not exist.")
    entry.update(_describe_content(sealed))
    entry.update(_compare(store, found, sealed, question.level, notes))
    entry["user_sites"] = user_sites.shadowing(sealed.packages) if sealed else []
    entry["exports"] = _export(store, sealed, question.exports, notes) if sealed else {}
    return entry


def _describe_content(sealed: seal.Seal | None) -> dict[str, t.Any]:
    """Return what the seal says; null and empty values where there is none that can be read."""
    if sealed is None:
        return {"sealed": False, "lock": None, "platform": None, "engine": {}, "options": {}, "packages": []}
    fields = ("manager", "name", "version", "build", "subdir", "url", "sha256")
    return {
        "sealed": True,
        "lock": sealed.lock,
        "platform": sealed.platform,
        "engine": sealed.engine,
        "options": sealed.options,
        "packages": [{field: getattr(package, field) for field in fields} for package in sealed.packages],
    }


def _describe_generation(
    store: Store, found: generations.Environment, generation: str, question: Question
) -> dict[str, t.Any]:
    sealed = found.sealed.get(generation)
    since = [one.since for one in holds.read_history(store, found.name) if one.generation == generation]
    entry = {
        "generation": generation,
        "prefix": store.prefix(generation, found.name),
        "sealed": sealed is not None,
        "active": generation == found.active,
        "lock": sealed.lock if sealed else None,
        "packages": len(sealed.packages) if sealed else None,
        "since": since[-1] if since else None,
        "last_active": found.last_active.get(generation),
    }
    if question.sizes:
        entry["bytes"], entry["bytes_alone"] = disk_usage(store.generation(generation))
    return entry


def _compare(
    store: Store, found: generations.Environment, sealed: seal.Seal | None, level: str, notes: list[str]
) -> dict[str, t.Any]:
    differing: list[drift.Drift] | None = None
    if level != "none" and sealed and found.active:
        try:
            differing = drift.find_drift(
                store.generation(found.active), store.prefix(found.active, found.name), sealed, level
            )
        except OSError as error:
            notes.append(f"The environment cannot be compared with its seal: {error.strerror} ({error.filename}).")
    elif level != "none" and found.active:
        notes.append("The environment cannot be compared: it has no seal that can be read.")
    return {
        "compared": differing is not None,
        "drift": [drift.as_result(one) for one in (differing or [])[:DRIFT_RETURNED]],
        "drift_count": len(differing or []),
    }


def _export(
    store: Store, sealed: seal.Seal, wanted: t.Collection[str], notes: list[str]
) -> dict[str, str]:
    """Return the texts that are asked for, of the active generation as it was sealed."""
    result: dict[str, str] = {}
    title = f"{sealed.environment}, generation {sealed.generation}, lock {sealed.lock}"
    if {"explicit", "explicit_md5"} & set(wanted):
        prefix = store.prefix(sealed.generation, sealed.environment)
        packages, md5 = _with_records(prefix, sealed.packages, notes)
        if "explicit" in wanted:
            result["explicit"] = exports.explicit(title, sealed.platform, packages)
        if "explicit_md5" in wanted:
            for package in packages:
                if package.manager == "conda" and package.sha256 not in md5:
                    md5[package.sha256] = _md5_of_archive(f"{store.archives}/{package.sha256}", package.sha256)
            result["explicit_md5"] = exports.explicit(title, sealed.platform, packages, md5)
    if "environment_yml" in wanted:
        result["environment_yml"] = exports.environment_yml(sealed.environment, sealed.packages)
    if "requirements" in wanted:
        result["requirements"] = exports.requirements(title, sealed.packages)
    if "seal" in wanted:
        with open(f"{store.generation(sealed.generation)}/seal.json", encoding="utf-8") as file:
            result["seal"] = file.read()
    return result


def _with_records(
    prefix: str, packages: t.Sequence[Package], notes: list[str]
) -> tuple[tuple[Package, ...], dict[str, str]]:
    """Return the packages in an order in which they can be linked, and md5 by sha256 as far as conda's records have it.

    The seal has no dependencies, since not every lock has: they come from the records that the archives brought.
    """
    complete, md5, missing = [], {}, []
    for package in packages:
        if package.manager == "conda":
            record = records.read(prefix, package)
            if record is None:
                missing.append(package.name)
            else:
                package = dataclasses.replace(package, depends=tuple(map(str, record.get("depends") or ())))
                if record.get("md5"):
                    md5[package.sha256] = str(record["md5"])
        complete.append(package)
    if missing:
        notes.append(
            f"The records of {', '.join(missing[:5])}{' and others' if len(missing) > 5 else ''} are missing or damaged: "
            "the order of the explicit list does not regard what they need."
        )
    return ordered(complete), md5


def _md5_of_archive(directory: str, sha256: str) -> str:
    """Return the md5 of the archive in ``directory`` of the cache if it still is the one of this sha256, else nothing."""
    for name in _list(directory):
        right, wanted = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
        try:
            with open(f"{directory}/{name}", "rb") as file:
                for chunk in iter(lambda: file.read(1024 * 1024), b""):
                    right.update(chunk)
                    wanted.update(chunk)
        except OSError:
            continue
        if right.hexdigest() == sha256:
            return wanted.hexdigest()
    return ""


def describe_process(number: int, proc: str = "/proc") -> dict[str, t.Any]:
    """Return id, owner and command of a process; what is unknown, for instance since it has ended, is null.

    The command is the program with its script or module: further arguments may hold secrets.
    """
    result: dict[str, t.Any] = {"pid": number, "user": None, "command": None}
    try:
        uid = os.stat(f"{proc}/{number}").st_uid
        result["user"] = _user(uid)
        with open(f"{proc}/{number}/cmdline", "rb") as file:
            result["command"] = command_of(file.read())
    except OSError:
        pass
    return result


def command_of(line: bytes) -> str:
    """Return the beginning of ``/proc/PID/cmdline``: options up to the script or module, which is the last word."""
    words = [word.decode("utf-8", "backslashreplace") for word in line.rstrip(b"\0").split(b"\0")]
    result = words[:1]
    for index, word in enumerate(words[1:], 1):
        result.append(word)
        if word == "-c" or not word.startswith("-"):
            break
        if word == "-m":
            result += words[index + 1 : index + 2]
            break
    return drift.printable(" ".join(result))


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def disk_usage(directory: str) -> tuple[int, int]:
    """Return the bytes on disk of all below ``directory``, and of those files that nothing else is linked to."""
    everything = alone = 0
    pending = [directory]
    seen: set[int] = set()
    while pending:
        try:
            with os.scandir(pending.pop()) as entries:
                for entry in entries:
                    status = entry.stat(follow_symlinks=False)
                    if entry.is_dir(follow_symlinks=False):
                        pending.append(entry.path)
                    elif status.st_nlink > 1:
                        if status.st_ino not in seen:
                            seen.add(status.st_ino)
                            everything += status.st_blocks * 512
                        continue
                    everything += status.st_blocks * 512
                    alone += status.st_blocks * 512
        except OSError:
            continue
    return everything, alone


def _list(directory: str) -> list[str]:
    try:
        return sorted(os.listdir(directory))
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return []
