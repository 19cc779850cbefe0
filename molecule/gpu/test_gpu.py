# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
def test_the_host_has_no_nvidia_driver(host):
    assert not host.file("/sys/module/nvidia").exists
