# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks the changelog's fragments and prints what a release of today would say, on a copy of the working tree."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys
import tempfile

import yaml

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from sanity import PROJECT, copy_tree  # noqa: E402


def main() -> int:
    program = pathlib.Path(sys.executable).with_name("antsibull-changelog")
    subprocess.run([program, "lint"], cwd=PROJECT, check=True)
    version = yaml.safe_load((PROJECT / "galaxy.yml").read_text(encoding="utf-8"))["version"]
    with tempfile.TemporaryDirectory(prefix="changelog-") as folder:
        collections = pathlib.Path(folder)
        copy = collections / "ansible_collections" / "lockstep" / "gpufleet"
        copy.mkdir(parents=True)
        copy_tree(copy)
        if not any((copy / "changelogs" / "fragments").glob("*.y*ml")):
            return 0
        subprocess.run(
            [program, "release", "--version", version, "--date", "2000-01-01"],
            cwd=copy,
            env={**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(collections)},
            stdout=subprocess.DEVNULL,
            check=True,
        )
        print((copy / "CHANGELOG.md").read_text(encoding="utf-8"))
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except subprocess.CalledProcessError as error:
        sys.exit(f"{error.cmd[0]} failed; its message stands above")
