# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs on a host: waits until the environment has been switched, imports something only then, and tells where it is."""

import json
import os
import sys
import time

deadline = time.monotonic() + 120
while not os.path.exists("/run/stays/switched") and time.monotonic() < deadline:
    open("/run/stays/ready/" + sys.argv[1], "w").close()
    time.sleep(0.1)

import multiprocessing.spawn
import subprocess

import bed_greeter

CHILD = [sys.executable, "-c", "import bed_greeter; print(bed_greeter.__version__)"]
print(
    json.dumps(
        {
            "version": bed_greeter.__version__,
            "file": bed_greeter.__file__,
            "base_prefix": sys.base_prefix,
            "spawns": os.fsdecode(multiprocessing.spawn.get_executable()),
            "child": subprocess.run(CHILD, capture_output=True, text=True, check=True).stdout.strip(),
        }
    )
)
