# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the benchmarks: every module of this folder that has ``measure()``.

``measure()`` returns ``{name: {"ours": seconds, peer: seconds, ...}}``; it runs ours and the peers in one go, on the
same hosts, and prints what else is worth knowing. A name that ends in ``_percent`` has that for a figure.
Results go to build/benchmarks.json; names that were not measured this time keep their last figures there.

usage: run.py [MODULE ...]      for instance: run.py provision
"""

from __future__ import annotations

import importlib
import json
import os
import pathlib
import platform
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[0] = str(HERE.parent)
RESULTS = HERE.parent.parent / "build" / "benchmarks.json"
NOT_BENCHMARKS = {"run", "fleet"}


def table(measured: dict[str, dict[str, float]]) -> str:
    """Return the figures as lines: name, who, seconds, and how many times our time that is."""
    lines = [f"{'':<22}{'':<28}{'seconds':>9}  {'times ours':>10}"]
    for name, figures in sorted(measured.items()):
        ours = figures["ours"]
        for who, seconds in figures.items():
            ratio = f"{seconds / ours:10.2f}" if who != "ours" else f"{'':10}"
            unit = " %" if name.endswith("_percent") else "  "
            lines.append(f"{name if who == 'ours' else '':<22}{who:<28}{seconds:9.2f}{unit}{ratio}".rstrip())
    return "\n".join(lines)


def keep(measured: dict[str, dict[str, float]]) -> None:
    """Write the figures so far; names that were not measured this time stay as they are."""
    before = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.is_file() else {}
    RESULTS.write_text(json.dumps({**before, **measured}, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def main(chosen: list[str]) -> int:
    modules = sorted({path.stem for path in HERE.glob("[!_]*.py")} - NOT_BENCHMARKS)
    if unknown := set(chosen) - set(modules):
        print(f"no benchmark {', '.join(sorted(unknown))}; there are {', '.join(modules)}", file=sys.stderr)
        return 2
    measured: dict[str, dict[str, float]] = {}
    for name in chosen or modules:
        print(f"{name}:", flush=True)
        measured.update(importlib.import_module(f"benchmarks.{name}").measure())
        keep(measured)  # at once: the next one may be interrupted
    print(f"\n{os.cpu_count()} CPUs, Python {platform.python_version()}, load {os.getloadavg()[0]:.1f}; medians, one machine, one run\n")
    print(table(measured))
    print(f"\nwritten to {RESULTS.relative_to(HERE.parent.parent)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
