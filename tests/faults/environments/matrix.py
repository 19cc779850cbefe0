# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fault matrix: faults down, the phase that they struck across, and in each cell what happened."""

from __future__ import annotations

import collections
import dataclasses
import datetime
import pathlib

PHASES = ("before", "fetch", "link", "wheels", "bytecode", "seal", "switch", "after")


@dataclasses.dataclass
class Matrix:
    """What the tests saw. A cell says each thing once, with how often it happened."""

    seed: str
    cells: dict[tuple[str, str], collections.Counter[str]] = dataclasses.field(default_factory=dict)

    def note(self, fault: str, phase: str, what: str) -> None:
        """Add one outcome."""
        self.cells.setdefault((fault, phase), collections.Counter())[what] += 1

    def text(self) -> str:
        """Return the matrix as Markdown; phases that nothing struck are left out."""
        phases = [phase for phase in PHASES if any(key[1] == phase for key in self.cells)]
        faults = list(dict.fromkeys(fault for fault, _phase in self.cells))
        lines = [f"Measured {datetime.date.today()}, seed {self.seed}.", ""]
        lines += [f"| fault | {' | '.join(phases)} |", "|---" * (len(phases) + 1) + "|"]
        for fault in faults:
            row = [self._cell(self.cells.get((fault, phase))) for phase in phases]
            lines.append(f"| {fault} | {' | '.join(row)} |")
        return "\n".join(lines) + "\n"

    @staticmethod
    def _cell(seen: collections.Counter[str] | None) -> str:
        if not seen:
            return "–"
        return "; ".join(what + (f" ({count}x)" if count > 1 else "") for what, count in sorted(seen.items()))

    def write(self, path: pathlib.Path) -> None:
        """Write the matrix to ``path``."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self.text(), encoding="utf-8")
