# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Preflight: whether the host fits what is to be built, asked before a byte is fetched, and again of the archives before
anything is linked. Everything that is wrong becomes one error.

This module util is private to the collection.
"""

from __future__ import annotations

import dataclasses
import os
import typing as t

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda import contract, disk, host_facts
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.packages import Package
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.steps import Build
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.store import Store
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem

#: Scripts that packages may bring for conda to run, which are never run here.
_SCRIPTS = ("pre-link", "post-link", "pre-unlink")

_REMEDY = "Take another lock or another host, or build all the same with preflight: warn."


@dataclasses.dataclass
class Findings:
    """What is known of one environment: the needs, packages that did not say theirs yet, and scripts that are not run."""

    needs: list[contract.Verdict]
    unknown: list[str]
    scripts: list[dict[str, t.Any]]

    def to_data(self) -> dict[str, t.Any]:
        """Return it as the module's result has it."""
        return {
            "needs": [verdict.to_data() for verdict in self.needs],
            "needs_unknown": self.unknown,
            "post_link": self.scripts,
        }


class Preflight:
    """The preflight of one call. ``enforce``: False turns everything that a host may lack into a warning."""

    def __init__(self, store: Store, enforce: bool) -> None:
        self.findings: dict[str, Findings] = {}
        self._store = store
        self._enforce = enforce
        self._facts: contract.Facts | None = None

    def examine(self, builds: t.Sequence[Build], refusals: t.Sequence[str] = ()) -> list[str]:
        """Compare what the locks say with the host; return what the user should know.

        ``refusals``: what else is wrong with this call, whatever the host has. Raises one Problem that lists everything.
        """
        hard = [*refusals, *self._shared_filesystem()] if builds else list(refusals)
        soft: list[str] = []
        notes: list[str] = []
        for build in builds:
            packages = build.wanted.packages or ()
            stated = contract.needs_stated(build.wanted.contract)
            verdicts = self._judge(contract.merge(contract.needs_of(packages), stated))
            scripts = [_scripts(package, self._store) for package in packages if package.manager == "conda"]
            self.findings[build.name] = Findings(
                verdicts, contract.unstated(packages), [found for found in scripts if found]
            )
            soft += _unsatisfied(build.name, verdicts)
            notes += self._notes(build.name, verdicts)
            for found in self.findings[build.name].scripts:
                notes += _about_scripts(build.name, found)
        if builds:
            soft += self._shortage_before_fetching(builds)
        self._conclude("nothing was fetched or changed", hard, soft)
        return [*self._softened(soft), *notes]

    def approve(
        self, build: Build, described: t.Sequence[t.Mapping[str, t.Any]], archives: t.Sequence[str]
    ) -> list[str]:
        """Compare what the verified archives say with the host, before anything is linked; return what the user should know.

        ``described``: of conda packages, see ``link_program._describe``; ``archives``: paths of the wheels. What the lock
        had said is not told again. Raises one Problem that lists everything.
        """
        before = self.findings.get(build.name) or Findings([], [], [])
        said = {(verdict.need.subject, verdict.need.constraint, verdict.need.weak) for verdict in before.needs}
        needs = contract.merge(
            [verdict.need for verdict in before.needs], contract.needs_of_archives(described)
        )
        verdicts = self._judge(needs)
        fresh = [one for one in verdicts if (one.need.subject, one.need.constraint, one.need.weak) not in said]
        scripts = [
            {"package": _label(package), "scripts": package["scripts"]} for package in described if package["scripts"]
        ]
        self.findings[build.name] = Findings(verdicts, [], scripts)
        soft = _unsatisfied(build.name, fresh)
        bytecode = bool(build.wanted.options.get("bytecode"))
        more_bytes, more_inodes = disk.unzipped(archives, bytecode)
        more_bytes += sum(package["bytes"] or 0 for package in described)
        more_inodes += sum(package["inodes"] or 0 for package in described)
        soft += self._shortage(build.name, more_bytes, more_inodes)
        self._conclude("nothing was linked or switched", [], soft)
        told = {found["package"] for found in before.scripts}
        return [
            *self._softened(soft),
            *self._notes(build.name, fresh),
            *(sentence for found in scripts if found["package"] not in told for sentence in _about_scripts(build.name, found)),
        ]

    def room_for_engine(self, wheels: t.Sequence[str]) -> None:
        """Raise Problem if what is in ``wheels`` (paths) does not fit; nothing works without it, so whatever the mode."""
        shortage = self._shortage("the engine", *disk.unzipped(wheels, bytecode=False))
        if shortage:
            raise Problem(_message("nothing was unpacked or switched", shortage, ""))

    def result(self) -> dict[str, dict[str, t.Any]]:
        """Return the findings by environment, as the module's result has them."""
        return {name: found.to_data() for name, found in self.findings.items()}

    def _judge(self, needs: t.Sequence[contract.Need]) -> list[contract.Verdict]:
        facts = self._facts or host_facts.read_facts()
        if facts.gpu is None and any(need.of_gpu for need in needs):
            facts = dataclasses.replace(facts, gpu=host_facts.read_gpu())
        self._facts = facts
        return [contract.judge(need, facts) for need in needs]

    def _shared_filesystem(self) -> list[str]:
        places = (self._store.root, self._store.generations, os.path.dirname(self._store.archives))
        found = {mount.point: mount for mount in map(disk.read_mount, places) if mount.of_network}
        return [
            f"the store {self._store.root} would lie on a network filesystem ({mount.kind}, {mount.source} at {mount.point}), "
            "where this host sees neither the locks nor the processes of others: choose a root on a local disk"
            for mount in found.values()
        ]

    def _shortage_before_fetching(self, builds: t.Sequence[Build]) -> list[str]:
        """Locks do not say how large archives are, but each takes a file and a directory, and something must be free."""
        archives = {package.sha256 or f"md5-{package.md5}" for build in builds for package in build.wanted.packages or ()}
        missing = [name for name in archives if not os.path.isdir(f"{self._store.archives}/{name}")]
        return self._shortage(f"{len(missing)} archives to fetch", len(missing) or 1, 2 * len(missing))

    def _shortage(self, what: str, more_bytes: int, more_inodes: int) -> list[str]:
        room = disk.read_room(self._store.root)
        return [
            f"{what}: the filesystem {room.point} is too small: {short}, a reserve taken off"
            for short in room.shortage(more_bytes, more_inodes)
        ]

    def _conclude(self, how_far: str, hard: t.Sequence[str], soft: t.Sequence[str]) -> None:
        if hard or (soft and self._enforce):
            facts = {name: [verdict.to_data() for verdict in found.needs] for name, found in self.findings.items()}
            remedy = _REMEDY if soft and not hard else ""
            raise Problem(_message(how_far, [*hard, *soft], remedy), needs=facts)

    def _softened(self, soft: t.Sequence[str]) -> list[str]:
        return [f"{item}; preflight: warn, so it is built all the same." for item in soft]

    def _notes(self, name: str, verdicts: t.Sequence[contract.Verdict]) -> list[str]:
        said = [
            f"{name}: {verdict.sentence()}; whether the host is fit for that is not known."
            for verdict in verdicts
            if verdict.status == contract.UNKNOWN
        ]
        for verdict in verdicts:
            if verdict.warning:
                said.append(f"{name}: {verdict.need.sources[0].package} {verdict.warning}.")
        return said


def _unsatisfied(name: str, verdicts: t.Sequence[contract.Verdict]) -> list[str]:
    return [f"{name}: {verdict.sentence()}" for verdict in verdicts if verdict.status == contract.UNSATISFIED]


def _scripts(package: Package, store: Store) -> dict[str, t.Any] | None:
    """Return the scripts of a package that lies unpacked in the cache; of others it is not known before they are fetched."""
    unpacked = f"{store.packages}/{package.name}-{package.version}-{package.build}/bin"
    found = [moment for moment in _SCRIPTS if os.path.lexists(f"{unpacked}/.{package.name}-{moment}.sh")]
    return {"package": package.label, "scripts": found} if found else None


def _about_scripts(name: str, found: t.Mapping[str, t.Any]) -> t.Iterator[str]:
    for moment in found["scripts"]:
        yield f"{name}: {found['package']} has a {moment} script, which is not run: see whether the environment needs it."


def _label(package: t.Mapping[str, t.Any]) -> str:
    return f"{package['name']} {package['version']} {package['build']}"


def _message(how_far: str, items: t.Sequence[str], remedy: str) -> str:
    if len(items) == 1:
        text = f"This host does not fit, {how_far}: {items[0]}."
        return f"{text} {remedy}".rstrip()
    lines = "".join(f"\n- {item}" for item in items)
    return f"This host does not fit, {how_far}:{lines}\n{remedy}".rstrip()
