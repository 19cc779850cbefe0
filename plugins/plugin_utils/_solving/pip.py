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
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locks import addresses, normal_form
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locks.document import Entry
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._solving import extras, overlap, pip_explaining, provided, pylock, uv, wheel_choice
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._solving.model import Settings, Target
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._solving.wanted import Wanted, applying
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._specification.model import Specification

#: Minor versions of glibc 2 that uv can resolve for.
_UV_KNOWS = (17, 28, *range(31, 41))

_NOT_CPYTHON = re.compile(r"pypy|graalpy|_cp\d+t$")


class Resolution(t.NamedTuple):
    """``entries``: the wheels, by name. ``notes``: sentences for the user."""

    entries: tuple[Entry, ...]
    notes: tuple[str, ...] = ()


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
    _require_limits(specification, limits, there, {one.name for one in wanted})
    asked = [one for one in wanted if one.name not in there or one.requirement.extras]
    if not asked:
        return Resolution((), notes)
    with uv.workplace(settings.cache) as work:
        question = _Question(specification, settings, target, work, python, runtime, there, asked, limits)
        question.learn_extras({one.name: sorted(one.requirement.extras) for one in asked if one.name in there})
        while True:
            entries = question.wheels(keep)
            again = question.said_again(entries)
            more = {name: names for name, names in extras.asked(again.text).items() if name in there and name not in question.extras}
            if not more:
                break
            question.learn_extras(more)
        needs = pylock.needs(again.text)
        _require_limits(specification, limits, there, needs)
        entries = tuple(
            dataclasses.replace(one, package=dataclasses.replace(one.package, depends=needs.get(one.package.name, ())))
            for one in entries
        )
        return Resolution(entries, (*notes, *question.notes, *pip_explaining.notes(again.words, asked)))


@dataclasses.dataclass(frozen=True)
class _Question:
    """What uv is asked for one target. ``work``: a private directory of this question alone.

    ``extras``: of distributions that conda brings, by name, as lines of METADATA; they are learnt on the way, as ``notes`` are.
    """

    specification: Specification
    settings: Settings
    target: Target
    work: str
    python: str
    runtime: wheel_choice.Runtime
    there: t.Mapping[str, provided.Provided]
    asked: t.Sequence[Wanted]
    limits: t.Sequence[Wanted]
    extras: dict[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    notes: list[str] = dataclasses.field(default_factory=list)

    def wheels(self, keep: t.Sequence[Entry]) -> tuple[Entry, ...]:
        """Return what is to be installed, without what it needs."""
        if stays := pylock.preferred(keep):
            self._write("pylock.toml", stays)
        answer = self._call(self._lines(), self._limits(), "pylock.toml")
        if answer.status:
            raise pip_explaining.problem(answer.words, self.asked, self.specification, self.target, self.limits, self.there)
        base = os.path.dirname(os.path.abspath(self.specification.path))
        return pylock.entries(self._pylock(answer), self.runtime, keep, base, [*self.asked, *self.limits], self.there)

    def said_again(self, entries: t.Sequence[Entry]) -> uv.Answer:
        """Have uv say of ``entries`` what needs what, which it knows from their metadata by now."""
        pins = [f"{one.package.name}=={one.package.version}" for one in entries]
        answer = self._call(self._lines(), [*self._limits(), *pins], "requirements.txt", "--no-header", "--no-strip-extras")
        if answer.status:
            raise Problem(f"uv cannot say again what it has just resolved: {answer.words}")
        return answer

    def learn_extras(self, wanted: t.Mapping[str, t.Sequence[str]]) -> None:
        """Look up what the extras of distributions need that conda brings; ``wanted``: extras by name of the distribution.

        Raises one Problem about those that the indexes do not have; where no line of the user wants it, it is a note.
        """
        unknown = []
        for name, names in wanted.items():
            version = self.there[name].version
            lines = [one for one in self.asked if one.name == name and one.requirement.extras]
            answer = self._call([f"{name}=={version}"], [], "pylock.extras.toml", "--no-deps")
            if not answer.status:
                archive = pylock.archives(self._pylock(answer))[0]
                network = self.settings.network
                url = uv.of_an_index(archive.get("url", ""), self.specification.pip_options, network)
                self.extras[name] = extras.lines(extras.metadata({**archive, "url": url}, network, self.work))
                continue
            if not pip_explaining.is_unsatisfiable(answer.words):
                raise pip_explaining.problem(answer.words, lines, self.specification, self.target)
            self.extras[name] = tuple(f"Provides-Extra: {extra}" for extra in names)
            what = f"what {name}[{','.join(names)}] needs is not known: conda brings {name} {version}, of which no index has a wheel that fits"
            unknown += [f"{one.where}: {what}" for one in lines]
            if not lines:
                self.notes.append(f"{what}. See that all of it is asked for.")
        if unknown:
            remedy = "Write what the extras stand for as lines of their own, and the requirement without extras."
            raise Problem(normal_form.listing("The pip part asks for extras of what conda brings", unknown, remedy))

    def _lines(self) -> list[str]:
        return [one.for_uv(self.settings.network) for one in self.asked]

    def _limits(self) -> list[str]:
        folder = f"{self.settings.cache}/provided"
        return [
            *(
                f"{name} @ file://{provided.stand_in(one, folder, self.extras.get(name, ()))}"
                for name, one in sorted(self.there.items())
            ),
            *(one.for_uv(self.settings.network) for one in self.limits if one.name not in self.there),
        ]

    def _pylock(self, answer: uv.Answer) -> str:
        if not pylock.is_one(answer.text):
            raise uv.not_written(self.settings)
        return answer.text

    def _call(self, wanted: t.Sequence[str], limits: t.Sequence[str], output: str, *more: str) -> uv.Answer:
        """Run uv on the requirements ``wanted``; ``limits``: constraints."""
        options = self.specification.pip_options
        self._write("wanted.in", "".join(f"{line}\n" for line in wanted))
        self._write("limits.in", "".join(f"{line}\n" for line in limits))
        glibc = max((minor for minor in _UV_KNOWS if (2, minor) <= self.runtime.glibc), default=_UV_KNOWS[0])
        form = "pylock.toml" if output.endswith(".toml") else output
        arguments = [
            *(f"{self.work}/wanted.in", "--constraints", f"{self.work}/limits.in", "--format", form),
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


def _require_limits(
    specification: Specification, limits: t.Sequence[Wanted], there: t.Mapping[str, provided.Provided], needed: t.Container[str]
) -> None:
    """Raise one Problem about limits that conda does not keep to, of what the pip part needs; others do not count for pip either."""
    wrong = [
        f"{one.where}: {one.text} is a limit, but {overlap.brought(there[one.name], specification)}"
        for one in limits
        if one.name in there and one.name in needed
        if not one.requirement.specifier.contains(there[one.name].version, prereleases=True)
    ]
    if wrong:
        remedy = "Take out the limit, or ask conda for a version that keeps to it."
        raise Problem(normal_form.listing("pip and conda contradict each other", wrong, remedy))


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
        f"{first.where}: {addresses.shown(first.text)} needs a Python, but conda brings none for {target.platform}. "
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
