# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""The store's filesystem: recorded /proc/self/mountinfo, room, and what fits in it."""

from __future__ import annotations

import os
import types
import zipfile

import pytest

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda import disk

# Lines as the kernel wrote them on real hosts, addresses and names changed.
MOUNTINFO = """\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw,errors=remount-ro
23 22 0:21 / /proc rw,nosuid,nodev,noexec,relatime shared:12 - proc proc rw
60 22 0:52 / /home rw,relatime shared:30 - nfs4 10.0.0.5:/export/home rw,vers=4.2,rsize=1048576,hard,proto=tcp
61 22 0:53 /vol1 /data rw,relatime shared:31 master:4 - nfs filer:/vol1 rw,vers=3
62 22 0:54 / /share rw,relatime - cifs //server/share rw,vers=3.1.1,cache=strict
63 22 0:55 / /scratch rw,relatime shared:33 - lustre 10.0.0.9@tcp:/scratch rw,flock
64 22 0:56 / /gpfs rw,relatime shared:34 - gpfs gpfs0 rw
65 22 0:57 / /ceph rw,relatime shared:35 - ceph 10.0.0.7:6789:/ rw,name=admin
66 22 0:58 / /mnt/ssh rw,nosuid,nodev,relatime shared:36 - fuse.sshfs ann@host:/srv rw,user_id=1000,group_id=1000
67 22 0:59 / /mnt/with\\040blank rw,relatime shared:37 - nfs4 10.0.0.5:/with\\040blank rw
68 22 8:17 / /local rw,relatime shared:38 - xfs /dev/sdb1 rw,attr2
69 60 8:33 / /home/fast rw,relatime shared:39 - ext4 /dev/sdc1 rw
70 22 0:60 / /over rw,relatime shared:40 - nfs4 10.0.0.5:/hidden rw
71 22 8:49 / /over rw,relatime shared:41 - ext4 /dev/sdd1 rw
72 22 0:61 / /auto rw,relatime shared:42 - autofs systemd-1 rw,fd=30
73 72 0:62 / /auto rw,relatime shared:43 - nfs4 10.0.0.5:/auto rw
74 22 0:63 / /ram rw - tmpfs tmpfs rw
75 22 0:64 / /usb rw,relatime shared:44 - fuseblk /dev/sde1 rw
a line that is none
"""


@pytest.mark.parametrize(
    ("path", "point", "kind", "of_network"),
    [
        ("/opt/lockstep", "/", "ext4", False),
        ("/home/ann/lockstep", "/home", "nfs4", True),
        ("/home", "/home", "nfs4", True),
        ("/homeless", "/", "ext4", False),
        ("/home/fast/lockstep", "/home/fast", "ext4", False),
        ("/data/lockstep", "/data", "nfs", True),
        ("/share/x", "/share", "cifs", True),
        ("/scratch/x", "/scratch", "lustre", True),
        ("/gpfs/x", "/gpfs", "gpfs", True),
        ("/ceph/x", "/ceph", "ceph", True),
        ("/mnt/ssh/x", "/mnt/ssh", "fuse.sshfs", True),
        ("/mnt/with blank/x", "/mnt/with blank", "nfs4", True),
        ("/local/x", "/local", "xfs", False),
        ("/over/x", "/over", "ext4", False),
        ("/auto/x", "/auto", "nfs4", True),
        ("/ram/x", "/ram", "tmpfs", False),
        ("/usb/x", "/usb", "fuseblk", False),
    ],
)
def test_a_path_lies_on_the_innermost_latest_mount(path, point, kind, of_network):
    mount = disk.mount_of(path, MOUNTINFO)
    assert (mount.point, mount.kind, mount.of_network) == (point, kind, of_network)


def test_a_source_is_unescaped():
    assert disk.mount_of("/mnt/with blank", MOUNTINFO).source == "10.0.0.5:/with blank"


def test_a_path_need_not_exist_and_links_are_followed(tmp_path):
    (tmp_path / "link").symlink_to("/proc")
    assert disk.read_mount(f"{tmp_path}/link/no/such").kind == "proc"
    assert disk.existing(f"{tmp_path}/no/such/folder") == str(tmp_path)


def status(**changes):
    values = {"f_frsize": 4096, "f_blocks": 1000, "f_bavail": 500, "f_files": 1000, "f_favail": 500}
    return types.SimpleNamespace(**{**values, **changes})


@pytest.mark.parametrize(
    ("found", "free_bytes", "free_inodes"),
    [
        (status(), 450 * 4096, 490),
        (status(f_files=0, f_favail=0), 450 * 4096, None),  # btrfs: inodes as needed
        (status(f_blocks=2**40, f_bavail=2**39), 2**39 * 4096 - 2**30, 490),
        (status(f_files=10**9, f_favail=10**8), 450 * 4096, 10**8 - 10_000),
        (status(f_bavail=10), -40 * 4096, 490),
    ],
)
def test_room_leaves_a_reserve(monkeypatch, found, free_bytes, free_inodes):
    monkeypatch.setattr(os, "statvfs", lambda path: found)
    room = disk.read_room("/")
    assert (room.bytes, room.inodes) == (free_bytes, free_inodes)


@pytest.mark.parametrize(
    ("room", "expected"),
    [
        (disk.Room("/", 1000, 10), []),
        (disk.Room("/", 999, 10), ["1000 bytes are needed, and 999 bytes are free"]),
        (disk.Room("/", 1000, 9), ["10 inodes are needed, and 9 are free"]),
        (disk.Room("/", -5, None), ["1000 bytes are needed, and 0 bytes are free"]),
        (disk.Room("/", 0, 0), ["1000 bytes are needed, and 0 bytes are free", "10 inodes are needed, and 0 are free"]),
    ],
)
def test_shortage(room, expected):
    assert room.shortage(1000, 10) == expected


def test_what_wheels_take(tmp_path):
    wheel = tmp_path / "a-1-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("a/__init__.py", "")
        archive.writestr("a/data.bin", b"x" * 5000)
    (tmp_path / "broken.whl").write_bytes(b"no zip")
    paths = [str(wheel), str(tmp_path / "broken.whl")]
    assert disk.unzipped(paths, bytecode=False) == (3 * 4096, 2)
    assert disk.unzipped(paths, bytecode=True) == (4 * 4096, 3)


@pytest.mark.parametrize(("count", "text"), [(5, "5 bytes"), (2048, "2.0 KiB"), (3 * 2**20, "3.0 MiB"), (2**30, "1.0 GiB")])
def test_sizes_for_people(count, text):
    assert disk.size(count) == text
