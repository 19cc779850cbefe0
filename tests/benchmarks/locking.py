# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""From environment.yml to a lock, on this machine: conda_lock by its playbook, against conda-lock with real conda.

Both solve the conda part of the bed's ai_env (108 packages for linux-64) from the same channel on disk, in turns. conda-lock
asks PyPI for a pip part, so none is measured. Its conda is 24.7.1 with the classic solver: libmamba is not on PyPI. ``lock_unchanged``
compares the playbook on an input that has not changed with one that does nothing: the difference is what that costs.
"""

from __future__ import annotations

import os
import pathlib
import statistics
import subprocess
import tempfile
import time

import yaml

PROJECT = pathlib.Path(__file__).resolve().parents[2]
WEB = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "lockstep-gpufleet" / "web"
BIN = PROJECT / "build/venv/bin"
TURNS = 3

PLAY = """\
- hosts: localhost
  gather_facts: false
  connection: local
  tasks:
    - ansible.builtin.meta: noop
    - lockstep.gpufleet.conda_lock:
        file: {file}
        virtual_packages: {{linux-64: {{__glibc: "2.36"}}}}
      when: lock | default(true) | bool
"""


def seconds(command: list[str], environment: dict[str, str]) -> float:
    """Return how long a command takes; it must succeed."""
    begun = time.monotonic()
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stdout[-3000:]}")
    return time.monotonic() - begun


def measure() -> dict[str, dict[str, float]]:
    """Return the medians; see the module."""
    times: dict[str, list[float]] = {name: [] for name in ("ours", "peer", "unchanged", "nothing")}
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        installer = next((WEB / "installers").glob("Miniconda3-*-bed1-Linux-x86_64.sh"))
        clean = {"PATH": f"{BIN}:/usr/bin:/bin", "HOME": folder, "LC_ALL": "C.UTF-8"}
        subprocess.run(["sh", installer, "-b", "-p", root / "conda"], env=clean, check=True, stdout=subprocess.DEVNULL)
        wanted = yaml.safe_load((PROJECT / "tests/testbed/channel/environments/ai_env/environment.yml").read_text(encoding="utf-8"))
        specs = [one for one in wanted["dependencies"] if isinstance(one, str)]
        channel = (WEB / "channel").as_uri()
        file = root / "environment.yml"
        file.write_text(yaml.safe_dump({"channels": [channel], "dependencies": specs, "platforms": ["linux-64"]}), encoding="utf-8")
        virtual = root / "virtual-packages.yml"
        virtual.write_text(yaml.safe_dump({"subdirs": {"linux-64": {"packages": {"__glibc": "2.36", "__linux": "5.10", "__unix": "0"}}}}))
        (root / "play.yml").write_text(PLAY.format(file=file), encoding="utf-8")
        ours = [str(BIN / "ansible-playbook"), str(root / "play.yml")]
        environment = {**clean, "ANSIBLE_COLLECTIONS_PATH": str(PROJECT / "build/collections"), "ANSIBLE_LOCALHOST_WARNING": "false"}
        peer = [str(PROJECT / "build/oracles/bin/conda-lock"), "lock", "--conda", str(root / "conda/bin/conda"), "--no-mamba"]
        peer += ["--file", str(file), "--virtual-package-spec", str(virtual), "--lockfile", str(root / "peer-lock.yml")]
        for _turn in range(TURNS):
            (root / "conda-lock.yml").unlink(missing_ok=True)
            (root / "peer-lock.yml").unlink(missing_ok=True)
            times["ours"].append(seconds(ours, environment))
            times["peer"].append(seconds(peer, {**clean, "CONDA_SOLVER": "classic"}))
            times["unchanged"].append(seconds(ours, environment))
            times["nothing"].append(seconds([*ours, "-e", "lock=false"], environment))
        found = {}
        for name in ("conda-lock.yml", "peer-lock.yml"):
            packages = yaml.load((root / name).read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)["package"]
            found[name] = {(one["name"], one["hash"]["sha256"]) for one in packages}
        print(f"  {len(found['conda-lock.yml'])} packages; conda-lock found {'the same' if len(set(map(frozenset, found.values()))) == 1 else 'others'}")
    medians = {name: statistics.median(those) for name, those in times.items()}
    return {
        "lock": {"ours": medians["ours"], "conda-lock with conda": medians["peer"]},
        "lock_unchanged": {"ours": medians["unchanged"], "a play that does nothing": medians["nothing"]},
    }
