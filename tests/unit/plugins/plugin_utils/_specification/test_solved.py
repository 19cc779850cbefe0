# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""What people have, read and then resolved by the real py-rattler and uv: the same environment, however it is written."""

from __future__ import annotations

import pytest

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.network import Network
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._solving import conda, pip, tools
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._solving.model import Settings, Target
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._specification import reading

from unit.plugins.plugin_utils._solving import channel, indexes

TARGET = Target("linux-64", {"__unix": "0", "__linux": "5.10", "__glibc": "2.36"})
WORK = "file:///home/conda/feedstock_root/build_artifacts"

INPUTS = {
    "environment.yml": "dependencies:\n- python=3.10=h0_0\n- tool_box=1.0=h0_0\n- library=1.0=h0_0\n"
    "- pip:\n  - -r wheels.txt\n  - Wan.Ted==1.0\nprefix: /home/me/envs/x\n",
    "freeze.txt": f"library @ {WORK}/library_1707225342954/work/dist/library-1.0-py3-none-any.whl#sha256={'a' * 64}\n"
    "Tool.Box @ file:///croot/tool_box_1686931851744/work\n-r wheels.txt\nwan-ted==1.0\n",
    "list.txt": "# platform: linux-64\nlibrary=1.0=h0_0\npython=3.10=h0_0\ntool_box=1.0=h0_0\n",
}


@pytest.mark.parametrize("name", INPUTS)
def test_one_environment_however_it_is_written(name, tmp_path):
    packages = [("tool_box", "1.0", ["library"]), ("library", "1.0", ["python"]), ("library", "2.0", ["python"])]
    channel.write_channel(tmp_path / "channel", *packages, ("python", "3.10", []), ("python", "3.10.1", []))
    (tmp_path / "wheels").mkdir()
    for version in ("1.0", "2.0"):
        file, content = indexes.wheel("wan_ted", version)
        (tmp_path / "wheels" / file).write_bytes(content)
    (tmp_path / "wheels.txt").write_text("--no-index\n--find-links wheels\n")
    path = tmp_path / name
    path.write_text(INPUTS[name])
    wanted = reading.read(str(path), [(tmp_path / "channel").as_uri()], "3.10.0")
    settings = Settings(tools.find(None, None), Network(), str(tmp_path / "cache"))
    brought = conda.solve(wanted, [TARGET], settings)["linux-64"]
    assert [(one.package.name, one.package.version) for one in brought] == [
        *[("library", "1.0"), ("python", "3.10"), ("tool_box", "1.0")]
    ]
    wheels = pip.resolution(wanted, TARGET, brought, settings).entries
    assert [(one.package.name, one.package.version) for one in wheels] == ([] if name == "list.txt" else [("wan-ted", "1.0")])
