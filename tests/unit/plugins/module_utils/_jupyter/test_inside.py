# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kernels that lie in their environment: what is built, and what is looked for."""

from __future__ import annotations

import json
import pathlib

import pytest
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.store import Store
from ansible_collections.lockstep.gpufleet.plugins.module_utils._jupyter import inside
from ansible_collections.lockstep.gpufleet.plugins.module_utils._jupyter.kernelspec import parse_kernels
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem

ENTRY = {"name": "AI", "kernel": {"scope": "env", "display_name": "Lab", "env_presets": ["nccl"], "env": {"A": 1}, "metadata": {"m": [1]}}}


def environment(root):
    prefix = root / "generations" / ("1" * 16) / "envs" / "AI"
    site = prefix / "lib" / "python3.11" / "site-packages"
    (site / "ipykernel-7.3.0.dist-info").mkdir(parents=True)
    (site / "ipykernel_launcher.py").touch()
    (site / "ipykernel" / "resources").mkdir(parents=True)
    (site / "ipykernel" / "resources" / "logo-64x64.png").write_bytes(b"PNG")
    (prefix / "bin").mkdir()
    (prefix / "bin" / "python").touch(mode=0o755)
    (root / "envs").mkdir()
    (root / "envs" / "AI").symlink_to(prefix)
    return prefix


@pytest.mark.parametrize("entry", [{"name": "e"}, {"name": "e", "kernel": None}, {"name": "e", "kernel": {"name": "Not legal"}}])
def test_kernels_elsewhere_are_no_part_of_the_environment(entry):
    assert inside.asked_for(entry) is None


def test_what_is_asked_for_is_plain_data():
    asked = inside.asked_for(ENTRY)
    assert asked == json.loads(json.dumps(asked))
    assert asked == {
        "name": "ai",
        "display_name": "Lab",
        "env": [["A", "1"], ["NCCL_DEBUG", "WARN"], ["TORCH_NCCL_ASYNC_ERROR_HANDLING", "1"]],
        "metadata": '{"m": [1]}',
    }


@pytest.mark.parametrize(
    "kernel", [{"scope": "user"}, {"scope": "env", "name": "A B"}, {"scope": "env", "env_presets": ["x"]}, {"scope": "env", "logos": {"a": ""}}]
)
def test_what_makes_no_sense_is_refused_before_anything_is_built(kernel):
    with pytest.raises(Problem, match="'e'"):
        inside.asked_for({"name": "e", "kernel": kernel})


def test_the_files_follow_the_environment(tmp_path):
    prefix = environment(tmp_path)
    files = inside.files(inside.asked_for(ENTRY), str(prefix), "AI", str(tmp_path))
    assert sorted(files) == ["share/jupyter/kernels/ai/kernel.json", "share/jupyter/kernels/ai/logo-64x64.png"]
    document = json.loads(files["share/jupyter/kernels/ai/kernel.json"])
    assert document["argv"][0] == "python", "of whatever environment Jupyter runs in, a clone too"
    assert (document["display_name"], document["env"]["A"], document["metadata"]["m"]) == ("Lab", "1", [1])
    assert inside.files(None, str(prefix), "AI", str(tmp_path)) == {}


def test_it_is_looked_for(tmp_path):
    prefix = environment(tmp_path)
    kernels = parse_kernels([ENTRY])
    with pytest.raises(Problem, match="kernel.scope is env.*no such kernel 'ai'.*conda_env first"):
        inside.report(kernels, str(tmp_path), {})
    for path, content in inside.files(inside.asked_for(ENTRY), str(prefix), "AI", str(tmp_path)).items():
        (prefix / path).parent.mkdir(parents=True, exist_ok=True)
        (prefix / path).write_bytes(content)
    (entry,), warnings = inside.report(kernels, str(tmp_path), {})
    assert warnings == []
    assert (entry["path"], entry["ipykernel"], entry["changed"]) == (f"{prefix}/share/jupyter/kernels/ai", "7.3.0", False)


@pytest.mark.parametrize("why", ["held", "told"])
def test_a_roll_back_beyond_it_is_no_error(tmp_path, why):
    prefix = environment(tmp_path)
    if why == "held":
        (tmp_path / "holds").mkdir()
        pathlib.Path(Store(str(tmp_path)).hold("AI")).touch()
    (entry,), warnings = inside.report(parse_kernels([ENTRY]), str(tmp_path), {"AI": str(prefix)} if why == "told" else {})
    assert entry["state"] == "absent"
    assert "'AI'" in warnings[0] and "built before" in warnings[0]


def test_it_is_predicted_with_its_environment(tmp_path):
    future = str(tmp_path / "generations" / ("2" * 16) / "envs" / "AI")
    (entry,), _warnings = inside.report(parse_kernels([ENTRY]), str(tmp_path), {"AI": future})
    assert (entry["prefix"], entry["ipykernel"]) == (future, "")
    (absent,), _warnings = inside.report(parse_kernels([ENTRY], "absent"), str(tmp_path), {})
    assert (absent["state"], absent["path"]) == ("absent", "")
