# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a module adds to the guard that it joins, and how the snapshot survives being written down."""

from __future__ import annotations

import dataclasses
import json

from ansible_collections.lockstep.gpufleet.plugins.module_utils._guard import arming, restore, snapshot

SAVED = restore.Snapshot(
    (
        restore.SavedPath("/etc/motd", "file", "path-0"),
        restore.SavedPath("/etc/ssh", "directory", "path-1"),
        restore.SavedPath("/etc/new", "absent"),
    ),
    (restore.SavedTable("inet lockstep", "table-0"),),
    (restore.SavedUnit("ssh.service", True),),
)


def test_a_snapshot_survives_json():
    assert restore.snapshot_of(json.loads(json.dumps(dataclasses.asdict(SAVED)))) == SAVED


def test_what_is_covered_already_stays_as_it_was_first_saved():
    cover = snapshot.Cover(
        ("/etc/motd", "/etc/ssh/sshd_config.d/00-lockstep.conf", "/etc/new/file", "/etc/sshx", "/etc/other"),
        ("inet lockstep", "inet other"),
        ("ssh.service", "ssh.socket"),
    )
    assert arming.not_covered(cover, SAVED) == snapshot.Cover(
        ("/etc/sshx", "/etc/other"), ("inet other",), ("ssh.socket",)
    )
