# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""The attack suite: every host in ATTACK_HOSTS attacked by a pytest of its own, side by side, for they mostly wait.

What attacks all hosts at once comes after that. Then the matrix is written to build/molecule/lockout/matrix.md.
"""

from __future__ import annotations

import concurrent.futures
import datetime
import os
import pathlib
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))

from faults.access import lockout  # noqa: E402
from faults.hosts import PROJECT, host_names, hosts_of_inventory  # noqa: E402

_TOGETHER = HERE / "test_lockout_together.py"


def attack(names: list[str], files: list[pathlib.Path]) -> tuple[int, str]:
    """Run the tests in ``files`` against these hosts; return pytest's exit status and what it said."""
    done = subprocess.run(
        [
            sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--color=no", "-q", "--durations=5",
            *sys.argv[1:], *map(str, files),
        ],
        cwd=PROJECT, env=dict(os.environ, ATTACK_HOSTS=" ".join(names)), text=True, check=False,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )
    return done.returncode, f"== {', '.join(names)}\n{done.stdout}"


def heading(name: str) -> str:
    """Return the heading of a host's column: the release it runs."""
    return str(hosts_of_inventory()[name].get("bed_image", "debian12")).replace("debian", "Debian ")


def main() -> int:
    names = host_names()
    apart = sorted(path for path in HERE.glob("test_lockout_*.py") if path != _TOGETHER)
    shutil.rmtree(lockout.RESULTS, ignore_errors=True)
    with concurrent.futures.ThreadPoolExecutor(len(names)) as pool:
        ended = list(pool.map(lambda name: attack([name], apart), names))
    ended.append(attack(names, [_TOGETHER]))
    for _status, said in ended:
        print(said, flush=True)
    matrix = lockout.Matrix()
    for path in sorted(lockout.RESULTS.glob("*.json"), key=lambda path: (len(path.stem), path.stem)):
        matrix.read(path)
    text = f"Measured {datetime.date.today()}.\n\n{matrix.text({name: heading(name) for name in names})}"
    lockout.RESULTS.with_name("matrix.md").write_text(text, encoding="utf-8")
    return max(status for status, _said in ended)


if __name__ == "__main__":
    sys.exit(main())
