# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""A notebook: starts the kernel, waits until the environment was switched, and executes a cell then. Runs on the host."""

import os
import sys
import time

from jupyter_client.manager import start_new_kernel

FOLDER = "/run/switch"
CELL = (
    "import json, subprocess, sys, tabulate; "
    "child = subprocess.run([sys.executable, '-c', 'import sys; print(sys.prefix)'], capture_output=True, text=True); "
    "print(json.dumps([sys.prefix, tabulate.__file__, child.stdout.strip()]))"
)


def main() -> None:
    """Write what the cell prints to FOLDER/said."""
    manager, client = start_new_kernel(kernel_name="ai_env", startup_timeout=120)
    said = []

    def hear(message):
        if message["msg_type"] == "stream":
            said.append(message["content"]["text"])

    try:
        with open(f"{FOLDER}/ready", "w", encoding="utf-8"):
            pass
        while not os.path.exists(f"{FOLDER}/switched"):
            time.sleep(0.1)
        client.execute_interactive(CELL, timeout=120, output_hook=hear)
    finally:
        manager.shutdown_kernel(now=True)
    with open(f"{FOLDER}/said", "w", encoding="utf-8") as file:
        file.write("".join(said))


if __name__ == "__main__":
    sys.exit(main())
