# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host that works slowly for as long as a test likes, and ways to lose it."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import re
import subprocess
import typing as t

from faults.environments.laboratory import PLAYBOOK, SERVER, Lab, write_lock
from faults.hosts import Run

#: A credential of the locks. The pattern finds it, and not the command that it is a part of.
SECRET, PATTERN = "horse-battery", "hors[e]-battery"

#: What the server sends slowly until the mood changes.
CRAWL = "crawl debugpy"

TASK = """\
    - name: %s
      lockstep.gpufleet.conda_env: %s
%s"""

CUT = """
nft 'add table inet cut; add chain inet cut in { type filter hook input priority -10; };
add chain inet cut out { type filter hook output priority -10; }; %s'
for process in /proc/[0-9]*; do
    if grep -qs '^sshd: ops' $process/cmdline; then kill -9 ${process#/proc/}; fi
done
"""
RULES = {
    "closed": "add rule inet cut in tcp dport 22 reject with tcp reset",
    "silent": "add rule inet cut in tcp dport 22 drop; add rule inet cut out tcp sport 22 drop",
}

#: What a test that failed has left must not fail the next one; the engine stays, it costs seconds.
CLEAR = (
    "nft delete table inet cut 2>/dev/null; rm -rf /run/lockstep-jobs /home/ops/.ansible/tmp; mkdir -p {0}; "
    "find {0} -mindepth 1 -maxdepth 1 ! -name engine -exec rm -rf {{}} +"
)


@dataclasses.dataclass
class Site(Lab):
    """A host under attack with a store of its own."""

    root: str = "/opt/slow"

    def lock(self, *more: str, server: str = SERVER.replace("//", f"//ops:{SECRET}@")) -> str:
        """Write a lock of three small packages and ``more``, whose addresses hold a credential; return its path."""
        path = self.scratch / ("-".join(["lock", *more]) + ".txt")
        return str(write_lock(path, "ai_env", only=["markupsafe", "pyyaml", "wcwidth", *more], server=server))

    def wanted(self, *more: str, **options: t.Any) -> dict[str, t.Any]:
        """Return the module's options that want the environment ``slow`` with such a lock."""
        return self.options("slow", pathlib.Path(self.lock(*more)), **options)

    def task(self, options: t.Mapping[str, t.Any], *lines: str, name: str = "Make it") -> str:
        """Return a playbook with one task of the module, and ``lines`` below it."""
        return PLAYBOOK % (TASK % (name, json.dumps(options), "".join(f"      {line}\n" for line in lines)))

    def cut(self, how: str) -> None:
        """Lose all connections; new ones fail at once (``closed``) or never get an answer (``silent``)."""
        self.console(CUT % RULES[how])
        if how == "closed":
            self.stop_masters()

    def mend(self) -> None:
        """Let connections in again."""
        self.console("nft delete table inet cut")

    def stop_masters(self) -> None:
        """End the connections that are kept open for the runs of this test."""
        for socket in (self.scratch / "cp").iterdir():
            subprocess.run(["ssh", "-O", "exit", "-S", str(socket), "any"], capture_output=True, check=False)

    def places_of_the_secret(self) -> str:
        """Return the files, and the command lines of processes, that hold the credential."""
        places = "/run/lockstep-jobs /home/ops /root /tmp /var/tmp /proc/[0-9]*/cmdline /var/log"
        return self.console(f"grep -rls '{PATTERN}' {places} {self.root} || true")

    def left_by_ansible(self, kind: str = "") -> str:
        """Return what lies in the folders that Ansible keeps for its tasks; ``kind``: more of find's expression."""
        return self.console(f"find /home/ops/.ansible/tmp /root/.ansible/tmp -mindepth 1 {kind} 2>/dev/null || true")

    def check_nothing_left(self) -> None:
        """No process, no lock, no job, no temporary file, no secret."""
        seen = self.observe("slow")
        assert {kind: seen[kind] for kind in ("strangers", "lock", "litter", "damage") if seen[kind]} == {}
        assert self.left_by_ansible() == ""
        assert self.places_of_the_secret() == ""


def has_said(run: Run, pattern: str) -> str:
    """Return the first line so far, or else the next one, in which ``pattern`` is found."""
    for line in run.output.splitlines():
        if re.search(pattern, line):
            return line
    return run.until(pattern)
