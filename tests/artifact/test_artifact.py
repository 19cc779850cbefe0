# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a user installs: the built collection, elsewhere, its playbook run by name with the lock beside the inventory.

Needs the test bed (``make artifact``). One real host is provisioned.
"""

from __future__ import annotations

import os
import pathlib
import re
import subprocess
import sys
import tarfile

import pytest
import yaml

from scenario import wanted

PROJECT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(sys.executable).parent
BED = PROJECT / "tests" / "testbed" / "bed.py"
FLEET = pathlib.Path(__file__).with_name("inventory") / "hosts.yml"
# What Ansible needs at run time; the rest of the artifact is for readers and may change.
NEEDED = {"MANIFEST.json", "LICENSE", "README.md", "meta/runtime.yml", "playbooks/provision.yml", "plugins/modules/conda_env.py"}
FOREIGN = re.compile(r"(^|/)(build|\.git|\.ansible|\.pytest_cache|__pycache__|.*\.pyc|.*\.tar\.gz)(/|$)")


def run(*argv: object, cwd: pathlib.Path, **environment: str) -> str:
    """Run a program without a terminal and with no collection but ours; return its output, or fail with it."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("ANSIBLE_")}
    done = subprocess.run(
        [str(word) for word in argv],
        cwd=cwd,
        env={**inherited, "ANSIBLE_NOCOLOR": "1", "ANSIBLE_HOME": str(cwd / "ansible-home"), **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, f"{' '.join(map(str, argv))} ended with {done.returncode}:\n{done.stdout}"
    return done.stdout


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """The collection as ``ansible-galaxy collection build`` makes it."""
    folder = tmp_path_factory.mktemp("artifact")
    run(BIN / "ansible-galaxy", "collection", "build", PROJECT, "--output-path", folder, cwd=folder)
    (path,) = folder.glob("lockstep-gpufleet-*.tar.gz")
    return path


@pytest.fixture(scope="module")
def installed(artifact: pathlib.Path, tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A collections path that holds the installed artifact and nothing else."""
    folder = tmp_path_factory.mktemp("collections")
    run(BIN / "ansible-galaxy", "collection", "install", "--offline", "--collections-path", folder, artifact, cwd=folder)
    return folder


@pytest.fixture(scope="module")
def inventory(tmp_path_factory: pytest.TempPathFactory):
    """A user's folder (hosts.yml, group_vars, the lock) for a freshly booted host; yields the path of hosts.yml."""
    folder = tmp_path_factory.mktemp("user")
    hosts = yaml.safe_load(FLEET.read_text(encoding="utf-8"))["all"]["children"]["gpu_servers"]["hosts"]
    path = wanted.write_user_folder(folder, hosts, network=69)
    try:
        run(sys.executable, BED, "up", "--fresh", FLEET, cwd=folder)
        yield path
    finally:
        run(sys.executable, BED, "down", FLEET, cwd=folder)


def provision(installed: pathlib.Path, inventory: pathlib.Path, elsewhere: pathlib.Path, *options: str) -> str:
    """Run the playbook by its name, from a folder that has nothing to do with it; return Ansible's output."""
    return run(
        BIN / "ansible-playbook",
        "lockstep.gpufleet.provision",
        "-i",
        inventory,
        *options,
        cwd=elsewhere,
        ANSIBLE_COLLECTIONS_PATH=str(installed),
    )


def test_artifact_holds_what_is_needed_and_nothing_foreign(artifact: pathlib.Path):
    with tarfile.open(artifact) as archive:
        names = set(archive.getnames())
    assert NEEDED <= names
    assert [name for name in names if FOREIGN.search(name)] == []


def test_provision_by_name_then_nothing_left_to_do(installed: pathlib.Path, inventory: pathlib.Path, tmp_path: pathlib.Path):
    first = provision(installed, inventory, tmp_path)
    assert re.search(r"art01 .*changed=[1-9]\d* .*failed=0", first), first
    second = provision(installed, inventory, tmp_path)
    assert re.search(r"art01 .*changed=0 .*failed=0", second), second
    drift = provision(installed, inventory, tmp_path, "--check", "--diff")
    assert re.search(r"art01 .*changed=0 .*failed=0", drift), drift
    seen = run(
        sys.executable, BED, "exec", FLEET, "art01", "--",
        "/opt/lockstep/envs/ai_env/bin/python", "-c", "import numpy, pandas; print(numpy.__version__)",
        cwd=tmp_path,
    )  # fmt: skip
    assert re.fullmatch(r"\d+\.\d+\.\d+\s*", seen), seen


def test_tags_of_one_role_work_alone(installed: pathlib.Path, inventory: pathlib.Path, tmp_path: pathlib.Path):
    output = provision(installed, inventory, tmp_path, "--tags", "conda_env,jupyter_kernel")
    assert re.search(r"art01 .*changed=0 .*failed=0", output), output
    # Ansible validates the arguments of every role whatever the tags; nothing else of the other roles may run.
    others = re.findall(r"TASK \[lockstep\.gpufleet\.(?!conda_env|jupyter_kernel)\w+ : (?!Validating arguments).*", output)
    assert others == []
