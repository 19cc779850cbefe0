# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The filesystem of the store: whether other hosts share it, and what still fits on it.

This module util is private to the collection.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import re
import typing as t
import zipfile

#: Types of filesystems, as /proc/self/mountinfo names them, whose files other hosts can change: locks and processes of
#: those hosts cannot be seen here. Cluster filesystems on shared block devices are among them.
NETWORK = frozenset(
    [
        *("nfs", "nfs4", "cifs", "smb3", "smbfs", "ceph", "lustre", "gpfs", "beegfs", "fhgfs", "glusterfs", "9p", "afs"),
        *("coda", "ncpfs", "ncp", "pvfs2", "orangefs", "panfs", "wekafs", "acfs", "gfs", "gfs2", "ocfs2", "davfs"),
        *("fuse.sshfs", "fuse.glusterfs", "fuse.ceph", "fuse.ceph-fuse", "fuse.s3fs", "fuse.goofys", "fuse.gcsfuse"),
        *("fuse.rclone", "fuse.juicefs", "fuse.mfs", "fuse.moosefs", "fuse.smbnetfs", "fuse.davfs2", "fuse.mount.davfs"),
        *("fuse.lustre", "fuse.beegfs", "fuse.blobfuse", "fuse.blobfuse2", "fuse.mountpoint-s3", "fuse.seaweedfs"),
        *("fuse.weed", "fuse.hdfs", "fuse.fuse_dfs", "fuse.nfs", "fuse.fuse-nfs", "fuse.afpfs", "fuse.curlftpfs"),
    ]
)

#: What is left free for others: this share of the filesystem, but not more than so much.
_SHARE_OF_BYTES, _MOST_BYTES = 0.05, 1024**3
_SHARE_OF_INODES, _MOST_INODES = 0.01, 10_000

_ESCAPED = re.compile(r"\\([0-7]{3})")
_BLOCK = 4096


@dataclasses.dataclass(frozen=True)
class Mount:
    """Where a filesystem is mounted, of what type it is, and what is mounted (``server:/export``)."""

    point: str
    kind: str
    source: str

    @property
    def of_network(self) -> bool:
        return self.kind in NETWORK


@dataclasses.dataclass(frozen=True)
class Room:
    """What fits on a filesystem, the reserve taken off: bytes, and inodes or None where they are made as needed."""

    point: str
    bytes: int
    inodes: int | None

    def shortage(self, more_bytes: int, more_inodes: int) -> list[str]:
        """Return in words what is missing for so much more; empty if it fits."""
        result = []
        if more_bytes > self.bytes:
            result.append(f"{size(more_bytes)} are needed, and {size(max(self.bytes, 0))} are free")
        if self.inodes is not None and more_inodes > self.inodes:
            result.append(f"{more_inodes} inodes are needed, and {max(self.inodes, 0)} are free")
        return result


def existing(path: str) -> str:
    """Return ``path``, or the nearest directory above it that exists."""
    while not os.path.isdir(path) and path != "/":
        path = os.path.dirname(path)
    return path


def mount_of(path: str, mountinfo: str) -> Mount:
    """Return the mount that holds the real, absolute ``path``; ``mountinfo``: text of /proc/self/mountinfo, see proc(5)."""
    found = Mount("/", "unknown", "")
    for line in mountinfo.splitlines():
        fields = line.split(" ")
        if len(fields) < 10 or "-" not in fields:
            continue
        after = fields.index("-", 6)
        mount = Mount(_unescape(fields[4]), fields[after + 1], _unescape(fields[after + 2]))
        inside = mount.point == "/" or path == mount.point or path.startswith(mount.point + "/")
        # Of two mounts at one place the later one hides the earlier.
        if inside and len(mount.point) >= len(found.point):
            found = mount
    return found


def read_mount(path: str) -> Mount:
    """Return the mount of ``path``, which need not exist yet."""
    real = os.path.realpath(existing(path))
    os.stat(real + "/.")  # an automounter mounts now
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
        return mount_of(real, file.read())


def read_room(path: str) -> Room:
    """Return what fits on the filesystem of ``path``, which need not exist yet."""
    place = existing(path)
    status = os.statvfs(place)
    reserve = min(int(status.f_blocks * status.f_frsize * _SHARE_OF_BYTES), _MOST_BYTES)
    inodes = None
    if status.f_files:
        inodes = status.f_favail - min(int(status.f_files * _SHARE_OF_INODES), _MOST_INODES)
    return Room(read_mount(place).point, status.f_bavail * status.f_frsize - reserve, inodes)


def unzipped(paths: t.Iterable[str], bytecode: bool) -> tuple[int, int]:
    """Return bytes and inodes that the content of wheels takes, with the bytecode of their sources, about.

    One that is no zip file counts nothing here; installing it will tell.
    """
    blocks = inodes = 0
    for path in paths:
        with contextlib.suppress(zipfile.BadZipFile), zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                copies = 1 + (bytecode and member.filename.endswith(".py"))
                inodes += copies
                blocks += copies * -(-max(member.file_size, 1) // _BLOCK)
    return blocks * _BLOCK, inodes


def size(count: int) -> str:
    """Return a number of bytes as people read it."""
    for unit, one in (("GiB", 1024**3), ("MiB", 1024**2), ("KiB", 1024)):
        if count >= one:
            return f"{count / one:.1f} {unit}"
    return f"{count} bytes"


def _unescape(text: str) -> str:
    return _ESCAPED.sub(lambda match: chr(int(match[1], 8)), text)
