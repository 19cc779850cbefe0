# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which bridges lead to a real network."""

from __future__ import annotations

import pytest
from ansible_collections.lockstep.gpufleet.plugins.module_utils._nftables import host


@pytest.fixture
def classes(tmp_path):
    """A /sys/class/net: a real device, a bond on it, a virtual cable, and bridges over them."""
    (tmp_path / "eno1" / "device").mkdir(parents=True)
    (tmp_path / "bond0").mkdir()
    (tmp_path / "bond0" / "lower_eno1").symlink_to(tmp_path / "eno1")
    (tmp_path / "veth1").mkdir()
    for bridge, ports in (("br-real", ["veth1", "eno1"]), ("br-bond", ["bond0"]), ("docker0", ["veth1"]), ("virbr0", [])):
        (tmp_path / bridge / "brif").mkdir(parents=True)
        for port in ports:
            (tmp_path / bridge / "brif" / port).mkdir()
            (tmp_path / bridge / f"lower_{port}").symlink_to(tmp_path / port)
    return str(tmp_path)


def test_bridges_to_a_real_network(classes):
    assert host.real_bridges(classes) == {"br-real": "eno1", "br-bond": "bond0"}


def test_a_host_without_sysfs_has_none(tmp_path):
    assert host.real_bridges(str(tmp_path / "nothing")) == {}
