# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writing of ``.conda`` archives, byte for byte the same whenever and wherever.

Format: https://docs.conda.io/projects/conda-build/en/stable/resources/package-spec.html; CEP 34 and 35 of conda/ceps.
conda-package-streaming puts the time of day into the zip, hence this writer; reading is tested with it.
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import pathlib
import tarfile
import typing as t
import zipfile

from .recipe import PLACEHOLDER, TIMESTAMP

try:
    from compression import zstd  # type: ignore[import-not-found]
except ImportError:
    from backports import zstd

COMPRESSION_LEVEL = 3


@dataclasses.dataclass
class Member:
    """One file of a package: its bytes, or, for a symbolic link, where it points."""

    content: bytes = b""
    executable: bool = False
    link: str | None = None


@dataclasses.dataclass
class Package:
    """A package as data. ``members``: path inside the prefix -> file. ``noarch``: a pure Python package.

    ``entry_points``: ``name = module:function``, which the installer turns into scripts (noarch only).
    """

    name: str
    version: str
    build: str
    subdir: str
    members: dict[str, Member]
    depends: list[str] = dataclasses.field(default_factory=list)
    build_number: int = 0
    noarch: bool = False
    entry_points: list[str] = dataclasses.field(default_factory=list)
    license: str = ""
    summary: str = ""

    @property
    def stem(self) -> str:
        """The file name without its suffix."""
        return f"{self.name}-{self.version}-{self.build}"


def _target(path: str, members: dict[str, Member]) -> bytes:
    """Return what a symbolic link at ``path`` leads to inside the package."""
    member = members[path]
    for _step in range(40):
        if member.link is None:
            return member.content
        path = str(pathlib.PurePosixPath(path).parent / member.link)
        member = members.get(path, Member())
    return b""


def paths_json(members: dict[str, Member]) -> dict[str, t.Any]:
    """Return ``info/paths.json``: type, sha256, size and, where the placeholder occurs, how to replace it."""
    placeholder = PLACEHOLDER.encode()
    entries = []
    for path, member in sorted(members.items()):
        content = member.content if member.link is None else _target(path, members)
        entry: dict[str, t.Any] = {
            "_path": path,
            "path_type": "hardlink" if member.link is None else "softlink",
            "sha256": hashlib.sha256(content).hexdigest(),
            "size_in_bytes": len(content),
        }
        if member.link is None and placeholder in content:
            entry["file_mode"] = "binary" if b"\0" in content else "text"
            entry["prefix_placeholder"] = PLACEHOLDER
        entries.append(entry)
    return {"paths": entries, "paths_version": 1}


def metadata(package: Package) -> dict[str, bytes]:
    """Return the files of the ``info/`` folder."""
    machine = {"linux-64": "x86_64", "linux-aarch64": "aarch64"}.get(package.subdir)
    index: dict[str, t.Any] = {
        "arch": machine,
        "build": package.build,
        "build_number": package.build_number,
        "constrains": [],
        "depends": sorted(package.depends),
        "license": package.license,
        "name": package.name,
        "platform": "linux" if machine else None,
        "subdir": package.subdir,
        "timestamp": TIMESTAMP * 1000,
        "version": package.version,
    }
    paths = paths_json(package.members)
    files = {
        "about.json": {"summary": package.summary, "license": package.license},
        "index.json": index,
        "paths.json": paths,
    }
    if package.noarch:
        index["noarch"] = "python"
        noarch = {"type": "python", "entry_points": package.entry_points}
        files["link.json"] = {"noarch": noarch, "package_metadata_version": 1}
    info = {f"info/{name}": json.dumps(value, indent=1, sort_keys=True).encode() for name, value in files.items()}
    info["info/files"] = "".join(f"{path}\n" for path in sorted(package.members)).encode()
    prefixed = [
        f"{e['prefix_placeholder']} {e['file_mode']} {e['_path']}\n" for e in paths["paths"] if "file_mode" in e
    ]
    if prefixed:
        info["info/has_prefix"] = "".join(prefixed).encode()
    return info


def _tar(members: dict[str, Member]) -> bytes:
    """Return a tar archive with ``members`` in the order of their names, owned by root, all with the same time."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT, encoding="utf-8") as tar:
        for path, member in sorted(members.items()):
            entry = tarfile.TarInfo(path)
            entry.mtime = TIMESTAMP
            if member.link is not None:
                entry.type, entry.linkname, entry.mode = tarfile.SYMTYPE, member.link, 0o777
                tar.addfile(entry)
                continue
            entry.size, entry.mode = len(member.content), 0o755 if member.executable else 0o644
            tar.addfile(entry, io.BytesIO(member.content))
    return buffer.getvalue()


def compress(content: bytes) -> bytes:
    """Return ``content`` as zstd writes it, the same every time."""
    return zstd.compress(content, level=COMPRESSION_LEVEL)


def write(package: Package, channel: pathlib.Path) -> pathlib.Path:
    """Write the package below ``channel/<subdir>/`` and return its path."""
    folder = channel / package.subdir
    folder.mkdir(parents=True, exist_ok=True)
    info = {path: Member(content) for path, content in metadata(package).items()}
    parts = {
        "metadata.json": b'{"conda_pkg_format_version": 2}',
        f"pkg-{package.stem}.tar.zst": compress(_tar(package.members)),
        f"info-{package.stem}.tar.zst": compress(_tar(info)),
    }
    file = folder / f"{package.stem}.conda"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, content in parts.items():
            entry = zipfile.ZipInfo(name)  # its default date is 1980-01-01
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content)
    return file
