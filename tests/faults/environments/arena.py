# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""One fight: the host as a fault finds it, and what has to be true when the fault is over."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import time
import typing as t

from faults.environments.laboratory import JOB, Lab, archives_of
from faults.environments.matrix import Matrix

#: Words of the matrix.
OLD, NEW = "old stays", "new is active"


@dataclasses.dataclass(frozen=True)
class Target:
    """A lock, the generation that it gives, and the digest of its tree as an undisturbed run made it."""

    lock: pathlib.Path
    generation: str
    tree: str


@dataclasses.dataclass
class Arena:
    """``old`` is active in the environment ``name``, with a job of a user; ``new`` is wanted, and not there yet."""

    lab: Lab
    matrix: Matrix
    name: str
    old: Target
    new: Target
    options: dict[str, t.Any] = dataclasses.field(default_factory=dict)

    def wanted(self, **options: t.Any) -> dict[str, t.Any]:
        """Return the module's options that ask for ``new``."""
        return self.lab.options(self.name, self.new.lock, **{**self.options, **options})

    def former(self, **options: t.Any) -> dict[str, t.Any]:
        """Return the module's options that ask for ``old``."""
        return self.lab.options(self.name, self.old.lock, **{**self.options, **options})

    def set_up(self, *mood: str, cold: bool = False) -> None:
        """Make the host so; ``cold``: its caches are removed as well. ``mood``: see ``Lab.mood``."""
        root, prefix = self.lab.root, self.prefix(self.old)
        self.lab.console(
            f"systemctl stop job-of-a-user 2>/dev/null; rm -rf {root}/generations/{self.new.generation}* "
            + (f"{root}/cache" if cold else "")
            + f" /tmp/ansible_* /run/faults-steps.*; test $(readlink {root}/envs/{self.name}) = {prefix} || exit 1; "
            f"python={prefix}/bin/python; test -x $python || python=/usr/bin/python3; systemd-run --quiet --collect "
            f"--unit job-of-a-user --working-directory {prefix} $python -c '{JOB}'"
        )
        self.lab.mood(*mood)

    def prefix(self, target: Target) -> str:
        """Return the environment's real path."""
        return f"{self.lab.root}/generations/{target.generation}/envs/{self.name}"

    def job_runs(self) -> bool:
        """Tell whether the user's job still runs, undisturbed."""
        return self.lab.console("systemctl is-active job-of-a-user", check=False) == "active"

    def after_the_fault(self, rebooted: bool = False) -> dict[str, t.Any]:
        """What holds at once: a whole generation is active, the job runs, nobody works on the store; return what was seen."""
        seen = self.settled()
        assert seen["active"] in (self.old.generation, self.new.generation)
        assert seen["damage"] == []
        assert seen["strangers"] == [] and seen["lock"] == []
        assert rebooted or self.job_runs()
        return seen

    def settled(self) -> dict[str, t.Any]:
        """Return what is there once nothing is on its way out: what was killed, and who tidies up after an answer, take a moment."""
        seen = self.lab.observe(self.name)
        for _attempt in range(150):
            if not seen["strangers"] and not seen["lock"]:
                break
            time.sleep(0.2)
            seen = self.lab.observe(self.name)
        return seen

    def recover(self, seen: dict[str, t.Any], rebooted: bool = False) -> str:
        """Run again, twice: the first brings the host to ``new``, the second changes nothing; return how."""
        verified = {path for path, sha256 in archives_of(self.new.lock).items() if sha256 in seen["archives"]}
        self.lab.mood()
        first, second = self.lab.apply(self.wanted(), self.wanted())
        assert not first.get("failed"), first
        assert not second.get("failed") and second["changed"] is False and second["plan"] == [], second
        assert not verified & set(self.lab.fetched())
        self.check_end(rebooted)
        if any("build generation" in line for line in first["plan"]):
            return "next run builds"
        if any("switch to generation" in line for line in first["plan"]):
            return "next run switches"
        return f"next run: {json.dumps(first['plan'])}" if first["changed"] else "nothing left to do"

    def check_end(self, rebooted: bool = False) -> dict[str, t.Any]:
        """What holds in the end: ``new`` is active and exactly as an undisturbed run makes it, and nothing lies about."""
        end = self.settled()
        assert end["active"] == self.new.generation
        assert end["damage"] == [] and end["trees"][self.new.generation] == self.new.tree
        assert end["litter"] == [] and end["strangers"] == [] and end["lock"] == []
        assert rebooted or self.job_runs()
        return end

    def is_active(self, seen: dict[str, t.Any]) -> str:
        """Return which generation is active, in the matrix's words."""
        return OLD if seen["active"] == self.old.generation else NEW
