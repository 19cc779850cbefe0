# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""What users of the host have of its kernels."""

from __future__ import annotations

import hashlib
import json
import pathlib

import pytest

SYSTEM = "/usr/local/share/jupyter/kernels/ai_env"
MINE = "/home/legacy/.local/share/jupyter/kernels/ai_env-mine"
JUPYTER = "/opt/lockstep/envs/ai_env/bin/jupyter"
CELL = "import json, os, site, sys; print(json.dumps([sys.prefix, bool(site.ENABLE_USER_SITE), os.environ.get('OMP_NUM_THREADS')]))"


@pytest.fixture
def generation(host):
    return host.check_output("readlink -f /opt/lockstep/envs/ai_env")


def document(host, folder):
    return json.loads(host.file(f"{folder}/kernel.json").content_string)


def execute(host, kernel):
    """Execute CELL in a kernel as a plain user who has PYTHONPATH set and leave to install into ~/.local."""
    said = host.check_output(
        "cd / && printf '%%s' %s | sudo -u legacy -H env PYTHONPATH=/tmp %s run --kernel %s 2>/dev/null", CELL, JUPYTER, kernel
    )
    return json.loads(said.splitlines()[-1])


def test_a_kernel_in_its_environment_is_shown_and_run_by_a_jupyter_from_there_alone(host):
    lab = host.check_output("readlink -f /opt/lockstep/envs/lab")
    jupyter = "/opt/lockstep/envs/lab/bin/jupyter"
    spec = json.loads(host.check_output(f"cd / && sudo -u legacy -H {jupyter} kernelspec list --json"))["kernelspecs"]["lab"]
    assert spec["resource_dir"] == f"{lab}/share/jupyter/kernels/lab"
    assert (spec["spec"]["display_name"], spec["spec"]["env"]["CUDA_DEVICE_ORDER"]) == ("Only in the lab", "PCI_BUS_ID")
    said = host.check_output("cd / && printf '%%s' %s | sudo -u legacy -H %s run --kernel lab 2>/dev/null", CELL, jupyter)
    assert json.loads(said.splitlines()[-1]) == [lab, False, None]
    assert "lab" not in json.loads(host.check_output(f"cd / && sudo -u legacy -H {JUPYTER} kernelspec list --json"))["kernelspecs"]


@pytest.mark.parametrize(("kernel", "threads"), [("ai_env", "2"), ("ai_env-mine", None)])
def test_a_user_executes_a_cell_in_the_generation(host, generation, kernel, threads):
    assert execute(host, kernel) == [generation, False, threads]


def test_users_see_both_kernels(host):
    seen = json.loads(host.check_output(f"cd / && sudo -u legacy -H {JUPYTER} kernelspec list --json"))["kernelspecs"]
    assert seen["ai_env"]["spec"]["display_name"] == "Python (ai_env)"
    assert seen["ai_env-mine"]["resource_dir"] == MINE


def test_what_is_written_is_what_ipykernel_itself_would_write(host, generation):
    host.check_output("rm -rf /tmp/oracle")
    host.check_output(f"{generation}/bin/python -m ipykernel install --prefix /tmp/oracle --name ai_env --display-name 'Python (ai_env)'")
    theirs, ours = document(host, "/tmp/oracle/share/jupyter/kernels/ai_env"), document(host, SYSTEM)
    threads = {"OMP_NUM_THREADS": "2", "MKL_NUM_THREADS": "8", "OPENBLAS_NUM_THREADS": "8", "NUMEXPR_NUM_THREADS": "8"}
    isolation = {"PYTHONNOUSERSITE": "1", "PYTHONPATH": "", "PYTHONHOME": ""}
    assert ours.pop("env") == {**isolation, **threads, "NCCL_SOCKET_IFNAME": "bond0"}
    assert ours["metadata"].pop("lockstep") == {"environment": "ai_env", "root": "/opt/lockstep", "added": ["team"]}
    assert ours["metadata"].pop("team") == "vision"
    assert ours == theirs
    logo = f"{SYSTEM}/logo-64x64.png"
    assert host.file(logo).sha256sum == hashlib.sha256((pathlib.Path(__file__).parent / "files/logo-64x64.png").read_bytes()).hexdigest()
    others = "--exclude=kernel.json --exclude=logo-64x64.png"
    assert host.check_output(f"diff -r {others} /tmp/oracle/share/jupyter/kernels/ai_env {SYSTEM} && echo same") == "same"


@pytest.mark.parametrize(("folder", "owner"), [(SYSTEM, "root"), (MINE, "legacy"), (MINE.replace("legacy", "ops"), "ops")])
def test_owner_and_modes(host, folder, owner):
    directory, file = host.file(folder), host.file(f"{folder}/kernel.json")
    assert (directory.user, directory.mode, file.user, file.mode) == (owner, 0o755, owner, 0o644)


def test_nothing_else_lies_about(host):
    assert host.check_output("ls -A /usr/local/share/jupyter") == "kernels"
    found = set(host.check_output("ls -A /home/legacy/.local/share/jupyter").split())
    assert {"kernels"} <= found <= {"kernels", "runtime", "nbsignatures.db"}
