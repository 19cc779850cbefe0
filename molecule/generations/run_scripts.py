# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs on a host: starts every program in a bin folder with --help, as whoever calls, without an activated environment.

usage: run_scripts.py FOLDER

Prints a JSON dictionary: ``scripts`` (those with a shebang), ``shebang`` (how long theirs would be) and
``failed``: name -> the last words of those that did not end with 0.
"""

import concurrent.futures
import json
import os
import subprocess
import sys

CLEAN = {"PATH": "/usr/bin:/bin", "HOME": "/tmp", "LC_ALL": "C.UTF-8"}


def start(path):
    done = subprocess.run(
        [path, "--help"], env=CLEAN, stdin=subprocess.DEVNULL, capture_output=True, timeout=120, check=False, cwd="/tmp"
    )
    words = (done.stdout + done.stderr).decode(errors="replace").strip()
    return None if done.returncode == 0 else words.splitlines()[-1:]


def main():
    folder = sys.argv[1]
    names = sorted(name for name in os.listdir(folder) if not name.startswith("."))
    scripts = []
    for name in names:
        with open(os.path.join(folder, name), "rb") as file:
            if file.read(2) == b"#!":
                scripts.append(name)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        ended = dict(zip(names, pool.map(start, [os.path.join(folder, name) for name in names])))
    failed = {name: words[0] if words else "" for name, words in ended.items() if words is not None}
    print(json.dumps({"scripts": scripts, "shebang": len(f"#!{os.path.realpath(folder)}/python3.11"), "failed": failed}))


if __name__ == "__main__":
    main()
