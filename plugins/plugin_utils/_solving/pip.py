# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The pip part of a lock: uv resolves it for one target, on top of what conda brings there.

This plugin util is private to the collection.
"""

from __future__ import annotations

import dataclasses
import os
import re
import typing as t

from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locks.document import Entry
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._solving import overlap, pip_explaining, provided, pylock, uv, wheel_choice
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._solving.model import Settings, Target
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._solving.wanted import Wanted, applying, require_their_hashes
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._specification.model import Specification

#: Minor versions of glibc 2 that uv can resolve for.
_UV_KNOWS = (17, 28, *range(31, 41))

_NOT_CPYTHON = re.compile(r"pypy|graalpy|_cp\d+t$")


class Resolution(t.NamedTuple):
    """``entries``: the wheels, by name. ``notes``: sentences for the user."""

    entries: tuple[Entry, ...]
    notes: tuple[str, ...] = ()


def resolve(
    specification: Specification,
    target: Target,
    conda: t.Sequence[Entry],
    settings: Settings,
    keep: t.Sequence[Entry] = (),
) -> tuple[Entry, ...]:
    """Return the entries of ``resolution``."""
    return resolution(specification, target, conda, settings, keep).entries


def resolution(
    specification: Specification,
    target: Target,
    conda: t.Sequence[Entry],
    settings: Settings,
    keep: t.Sequence[Entry] = (),
) -> Resolution:
    """Resolve the pip part of ``specification`` for ``target``: exactly one wheel for each package, with its sha256.

    ``conda``: what conda brings there, which stays as it is. ``keep``: entries whose versions stay where they can.
    The same question has the same answer, in the same order, as long as the indexes offer the same.
    Raises one Problem that names the user's own lines.
    """
    if not specification.pip:
        return Resolution(())
    python = _python(specification, target, conda)
    runtime = _runtime(target, python)
    wanted = applying(specification.pip, runtime, python)
    limits = applying(specification.pip_options.constraints, runtime, python)
    there = provided.distributions(conda, settings.pypi_names)
    notes = tuple(overlap.agree(specification, wanted, there))
    asked = [one for one in wanted if one.name not in there or one.requirement.extras]
    if not asked:
        return Resolution((), notes)
    with uv.workplace(settings.cache) as work:
        question = _Question(specification, settings, work, python, runtime, there, limits)
        answer = question.ask(asked, keep)
        if answer.status:
            raise pip_explaining.problem(answer.words, asked, specification, target)
        if not pylock.is_one(answer.text):
            raise uv.not_written(settings)
        base = os.path.dirname(os.path.abspath(specification.path))
        entries = pylock.entries(answer.text, wheel_choice.ranks(runtime), keep, base, there)
        require_their_hashes(asked, entries)
        return Resolution(question.with_needs(asked, entries), notes)


@dataclasses.dataclass(frozen=True)
class _Question:
    """What uv is asked for one target. ``work``: a private directory of this question alone."""

    specification: Specification
    settings: Settings
    work: str
    python: str
    runtime: wheel_choice.Runtime
    there: t.Mapping[str, provided.Provided]
    limits: t.Sequence[Wanted]

    def ask(self, asked: t.Sequence[Wanted], keep: t.Sequence[Entry]) -> uv.Answer:
        """Have ``pylock.toml`` written."""
        if stays := pylock.preferred(keep):
            self._write("pylock.toml", stays)
        return self._call(asked, [], "pylock.toml")

    def with_needs(self, asked: t.Sequence[Wanted], entries: t.Sequence[Entry]) -> tuple[Entry, ...]:
        """Return the entries with the names of what they need, which uv knows from their metadata by now."""
        pins = [f"{one.package.name}=={one.package.version}" for one in entries]
        answer = self._call(asked, pins, "requirements.txt", "--no-header", "--no-strip-extras")
        if answer.status:
            raise Problem(f"uv cannot say again what it has just resolved: {answer.words}")
        needs = pylock.needs(answer.text)
        return tuple(
            dataclasses.replace(one, package=dataclasses.replace(one.package, depends=needs.get(one.package.name, ())))
            for one in entries
        )

    def _call(self, asked: t.Sequence[Wanted], pins: t.Sequence[str], output: str, *more: str) -> uv.Answer:
        """Run uv on ``asked``; versions in ``pins`` are not to differ."""
        options = self.specification.pip_options
        self._write("wanted.in", "".join(f"{one.for_uv(self.settings.network)}\n" for one in asked))
        limits = [one.for_uv(self.settings.network) for one in self.limits if one.name not in self.there]
        stand_ins = [
            f"{name} @ file://{provided.stand_in(one, self.settings.cache + '/provided')}"
            for name, one in sorted(self.there.items())
        ]
        limits = [*stand_ins, *limits, *pins]
        self._write("limits.in", "\n".join(limits) + "\n")
        glibc = max((minor for minor in _UV_KNOWS if (2, minor) <= self.runtime.glibc), default=_UV_KNOWS[0])
        arguments = [
            *(f"{self.work}/wanted.in", *(("--constraints", f"{self.work}/limits.in") if limits else ())),
            *("--format", output),
            *("--python-version", self.python, "--python-platform", f"{self.runtime.machine}-manylinux_2_{glibc}"),
            *("--only-binary", ":all:", "--no-sources", "--index-strategy", "first-index", *more),
        ]
        if options.no_index:
            arguments.append("--no-index")
        if options.pre:
            arguments += ["--prerelease", "allow"]
        if self.settings.exclude_newer:
            arguments += ["--exclude-newer", self.settings.exclude_newer.isoformat()]
        return uv.call(arguments, self.settings, options, self.work, output)

    def _write(self, name: str, text: str) -> None:
        uv.write_private(f"{self.work}/{name}", text)


def _python(specification: Specification, target: Target, conda: t.Sequence[Entry]) -> str:
    """Return the version of Python that conda brings; raises Problem if there is none, or none that wheels can be chosen for."""
    first = specification.pip[0]
    for entry in conda:
        if entry.package.name not in ("python", "python_abi"):
            continue
        if _NOT_CPYTHON.search(entry.package.build):
            raise Problem(
                f"{first.where}: wheels are chosen for CPython with its usual ABI, but conda brings {entry.package.label} for "
                f"{target.platform}."
            )
    for entry in conda:
        if entry.package.name == "python":
            return entry.package.version
    raise Problem(
        f"{first.where}: {first.text} needs a Python, but conda brings none for {target.platform}. "
        "Add one to the dependencies for conda, such as python==3.12.8."
    )


def _runtime(target: Target, python: str) -> wheel_choice.Runtime:
    """Return what wheels must suit; raises Problem for a target whose wheels cannot be told."""
    machine = wheel_choice.MACHINES.get(target.platform)
    if machine is None:
        raise Problem(
            f"platforms: the pip part can be locked for {' and '.join(wheel_choice.MACHINES)}, not for {target.platform}."
        )
    glibc = re.match(r"(\d+)\.(\d+)", target.virtual_packages.get("__glibc", ""))
    minor = re.match(r"(\d+)\.(\d+)", python)
    if not glibc:
        raise Problem(
            f"virtual_packages: {target.platform} has no version of __glibc, so nothing says which wheels its hosts can load. "
            'Say it, such as __glibc: "2.28".'
        )
    if not minor:
        raise Problem(f"The version of conda's python is {python}; wheels cannot be chosen for it.")
    return wheel_choice.Runtime((int(minor[1]), int(minor[2])), machine, (int(glibc[1]), int(glibc[2])))
