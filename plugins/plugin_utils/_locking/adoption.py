# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""From what a hand-made environment has to its environment.yml, its lock and a report.

This plugin util is private to the collection.
"""

from __future__ import annotations

import dataclasses
import os
import typing as t

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.exports import scalar
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.ordering import name_of
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locking import hosts, job, planning
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locks import conda_lock_text
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locks.document import Entry
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._solving import completing, pip, uv
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._solving.model import Settings, Target
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._specification import reading
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._specification.model import (
    Specification,
    WantedArchive,
    Where,
)

FILES = ("environment.yml", "conda-lock.yml", "report.txt")


@dataclasses.dataclass(frozen=True)
class Question:
    """``origin``: where the environment is, for comments. ``directory``: for the files. ``pip_options``: lines."""

    name: str
    origin: str
    directory: str
    host: hosts.Host
    pip_options: tuple[str, ...] = ()


def direct(found: t.Mapping[str, t.Any]) -> list[dict[str, t.Any]]:
    """Return the conda packages that somebody asked for, and those that nothing else needs, by name."""
    needed = {name_of(need) for record in found["conda"] for need in record["depends"]}
    requested = set(found["requested"])
    return [record for record in found["conda"] if record["name"] in requested or record["name"] not in needed]


def environment_yml(found: t.Mapping[str, t.Any], question: Question) -> str:
    """Return what people asked for, each in the version that is there."""
    lines = [
        f"# What {question.origin} had, adopted by lockstep.gpufleet.conda_env_adopt.",
        f"name: {scalar(question.name)}",
        "channels:",
        *(f"  - {scalar(channel)}" for channel in found["channels"]),
        "dependencies:",
        *(f"  - {scalar(record['name'] + '==' + record['version'])}" for record in direct(found)),
    ]
    if found["pip"]:
        lines += ["  - pip:", *(f"      - {scalar(option)}" for option in question.pip_options)]
        lines += [f"      - {scalar(_requirement(one))}" for one in found["pip"]]
    if found["variables"]:
        lines += ["variables:", *(f"  {name}: {scalar(value)}" for name, value in found["variables"].items())]
    return "\n".join(lines) + "\n"


def make(found: dict[str, t.Any], question: Question, settings: Settings) -> tuple[dict[str, str], list[dict[str, str]]]:
    """Return the text of each of ``FILES``, and what cannot be reproduced. Raises Problem."""
    missing = [dict(one) for one in found["not_reproduced"]]
    found = {**found, "conda": [record for record in found["conda"] if record["url"] and not record["url"].startswith("file:")]}
    if not found["conda"]:
        raise Problem(f"{question.origin}: no package of it says where it came from, so there is nothing that can be locked.")
    file, lock = (os.path.join(question.directory, name) for name in FILES[:2])
    asked = hosts.Asked(file, lock, (question.host,))
    (target,), _warnings = planning.targets(asked, Specification(file, "environment.yml"), planning.Options())
    entries = _completed(found, question, settings, missing)
    present = {entry.package.name for entry in entries}
    found["conda"] = [record for record in found["conda"] if record["name"] in present]
    found["pip"], wheels = _wheels(found, question, target, entries, settings, missing)
    text = environment_yml(found, question)
    specification = reading.parse(text.encode(), file)
    adopted = job.Job(asked, specification, (target,), None, "it is adopted", (), job.Input(pypi_names=settings.pypi_names))
    document = job.document(adopted, {target.platform: (*entries, *wheels)}, planning.Options())
    report = _report(question, found, missing)
    return dict(zip(FILES, (text, conda_lock_text.text(document), report), strict=True)), missing


def _completed(
    found: t.Mapping[str, t.Any], question: Question, settings: Settings, missing: list[dict[str, str]]
) -> tuple[Entry, ...]:
    """Return the entries of conda's packages; those whose archive is nowhere any more go to ``missing``."""
    archives = [
        WantedArchive(record["url"], "" if record["sha256"] else record["md5"], record["sha256"], Where(record["name"]))
        for record in found["conda"]
    ]
    try:
        return completing.complete(Specification(question.origin, "explicit", archives=tuple(archives)), settings).entries
    except completing.Unlockable as problem:  # a channel that does not answer is an error: its packages are not gone
        lost = problem.lost
    missing += [
        {"what": name, "why": why, "remedy": "ask for a version that the channel has"} for name, why in sorted(lost.items())
    ]
    rest = tuple(one for one in archives if str(one.where) not in lost)
    return completing.complete(Specification(question.origin, "explicit", archives=rest), settings).entries


def _wheels(
    found: t.Mapping[str, t.Any],
    question: Question,
    target: Target,
    conda: t.Sequence[Entry],
    settings: Settings,
    missing: list[dict[str, str]],
) -> tuple[list[dict[str, t.Any]], tuple[Entry, ...]]:
    """Return pip's packages that can be locked, and their wheels; the others go to ``missing``."""

    def resolved(those: t.Sequence[dict[str, t.Any]]) -> tuple[Entry, ...]:
        text = environment_yml({**found, "pip": list(those)}, question)
        return pip.resolution(reading.parse(text.encode(), FILES[0]), target, conda, settings).entries

    wanted = list(found["pip"])
    if not wanted:
        return [], ()
    try:
        return wanted, resolved(wanted)
    except uv.NoAnswer:
        raise
    except Problem:
        pass  # find out which
    good: list[dict[str, t.Any]] = []
    wheels: tuple[Entry, ...] = ()
    for one in wanted:  # with those before it: pip installs what contradicts each other, a lock cannot say that
        try:
            wheels = resolved([*good, one])
            good.append(one)
        except uv.NoAnswer:
            raise
        except Problem as problem:
            why = str(problem).splitlines()[0].removeprefix(f"{FILES[0]}: ").rstrip(".")
            why = f"{one['version']} cannot be locked ({why})"
            missing.append({"what": one["name"], "why": why, "remedy": "serve a wheel that fits, or choose another version"})
    return good, wheels


def _requirement(one: t.Mapping[str, t.Any]) -> str:
    return f"{one['name']} @ {one['url']}" if one["url"] else f"{one['name']}=={one['version']}"


def _report(question: Question, found: t.Mapping[str, t.Any], missing: t.Sequence[t.Mapping[str, str]]) -> str:
    lines = [
        f"{question.origin} as the environment {question.name}: {len(found['conda'])} packages of conda, {len(found['pip'])} of pip.",
        "",
    ]
    if missing:
        lines += ["What the lock does not bring back:"]
        lines += [f"- {one['what']}: {one['why']}; {one['remedy']}." for one in missing]
    else:
        lines += ["The lock brings all of it back."]
    return "\n".join(lines) + "\n"
