# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the artifact test and the benchmarks want of their hosts: every role in use, everything from the bed."""

from __future__ import annotations

import pathlib
import shutil
import typing as t

import yaml

PROJECT = pathlib.Path(__file__).resolve().parents[2]


def write_user_folder(folder: pathlib.Path, hosts: dict[str, t.Any], network: int) -> pathlib.Path:
    """Write hosts.yml, group_vars and the lock into ``folder`` as a user would; return the path of hosts.yml.

    ``hosts``: name -> host variables; ``network``: the third number of their addresses.
    """
    bed = yaml.safe_load((PROJECT / "build" / "bed" / "vars.yml").read_text(encoding="utf-8"))
    key = (PROJECT / "build" / "bed" / "id_ed25519.pub").read_text(encoding="utf-8").strip()
    known_hosts = PROJECT / "build" / "bed" / "known_hosts.d" / str(network)
    connection = {
        "ansible_user": "ops",
        "ansible_ssh_private_key_file": str(PROJECT / "build" / "bed" / "id_ed25519"),
        "ansible_ssh_common_args": f"-o UserKnownHostsFile={known_hosts} -o IdentitiesOnly=yes",
    }
    wanted = {
        "accounts_users": [{"name": "ops", "keys": [key], "sudo": "nopasswd"}, {"name": "mia", "keys": [key]}],
        "miniconda_release": bed["bed_miniconda_release"],
        "miniconda_sha256": bed["bed_miniconda_sha256"],
        "miniconda_mirror": bed["bed_installers"],
        "conda_env_engine_mirror": bed["bed_wheels"],
        "conda_env_environments": [
            {"name": "ai_env", "lock": "locks/ai_env/conda-lock.yml", "kernel": {"display_name": "Python (ai_env)"}}
        ],
        "firewall_ssh_sources": [f"10.88.{network}.0/24"],
    }
    inventory = {"all": {"vars": connection, "children": {"gpu_servers": {"hosts": hosts}}}}
    (folder / "group_vars").mkdir(parents=True, exist_ok=True)
    (folder / "hosts.yml").write_text(yaml.safe_dump(inventory), encoding="utf-8")
    (folder / "group_vars" / "gpu_servers.yml").write_text(yaml.safe_dump(wanted), encoding="utf-8")
    shutil.copytree(pathlib.Path(bed["bed_locks"]) / "ai_env", folder / "locks" / "ai_env", dirs_exist_ok=True)
    return folder / "hosts.yml"
