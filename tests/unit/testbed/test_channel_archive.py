# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Archives of the bed's channel: what another reader finds in them, and that they are always the same."""

from __future__ import annotations

import hashlib
import json
import pathlib

from conda_package_streaming import package_streaming
from testbed.channel.archive import Member, Package, paths_json, write
from testbed.channel.recipe import PLACEHOLDER, TIMESTAMP


def sample() -> Package:
    """Return a package with every kind of member."""
    members = {
        "bin/run": Member(f"#!{PLACEHOLDER}/bin/python\n".encode(), executable=True),
        "lib/data.bin": Member(PLACEHOLDER.encode() + b"\0more"),
        "lib/a-link": Member(link="data.bin"),
        "lib/plain.txt": Member(b"plain\n"),
    }
    return Package("sample", "1.0", "h_0", "linux-64", members, ["python >=3.9", "abc"], license="MIT")


def read(file: pathlib.Path) -> dict[str, tuple[str, bytes, int, float]]:
    """Return path -> (link, content, mode, time) of both halves of an archive, read with conda's own library."""
    found = {}
    for component in ("info", "pkg"):
        for tar, entry in package_streaming.stream_conda_component(file, component=component):
            stream = tar.extractfile(entry) if entry.isreg() else None
            found[entry.name] = (entry.linkname, stream.read() if stream else b"", entry.mode, entry.mtime)
    return found


def test_conda_reads_what_was_written(tmp_path: pathlib.Path) -> None:
    file = write(sample(), tmp_path)
    assert file == tmp_path / "linux-64" / "sample-1.0-h_0.conda"
    found = read(file)
    assert found["bin/run"][2] == 0o755
    assert found["lib/plain.txt"] == ("", b"plain\n", 0o644, TIMESTAMP)
    assert found["lib/a-link"][0] == "data.bin"
    index = json.loads(found["info/index.json"][1])
    assert (index["name"], index["version"], index["build"]) == ("sample", "1.0", "h_0")
    assert (index["subdir"], index["arch"], index["platform"]) == ("linux-64", "x86_64", "linux")
    assert index["depends"] == ["abc", "python >=3.9"]
    assert "noarch" not in index and "info/link.json" not in found
    assert found["info/files"][1].decode().splitlines() == ["bin/run", "lib/a-link", "lib/data.bin", "lib/plain.txt"]


def test_same_package_same_bytes(tmp_path: pathlib.Path) -> None:
    assert write(sample(), tmp_path / "a").read_bytes() == write(sample(), tmp_path / "b").read_bytes()


def test_paths_say_how_to_replace_the_prefix() -> None:
    members = sample().members
    paths = {entry["_path"]: entry for entry in paths_json(members)["paths"]}
    assert (paths["bin/run"]["file_mode"], paths["bin/run"]["prefix_placeholder"]) == ("text", PLACEHOLDER)
    assert paths["lib/data.bin"]["file_mode"] == "binary"
    assert "file_mode" not in paths["lib/plain.txt"]
    data = members["lib/data.bin"].content
    assert paths["lib/a-link"] == {
        "_path": "lib/a-link",
        "path_type": "softlink",
        "sha256": hashlib.sha256(data).hexdigest(),
        "size_in_bytes": len(data),
    }


def test_pure_packages_tell_the_installer_their_scripts(tmp_path: pathlib.Path) -> None:
    package = Package(
        "pure",
        "2",
        "py_0",
        "noarch",
        {"site-packages/pure.py": Member(b"")},
        noarch=True,
        entry_points=["pure = pure:main"],
    )
    found = read(write(package, tmp_path))
    index, link = json.loads(found["info/index.json"][1]), json.loads(found["info/link.json"][1])
    assert (index["noarch"], index["arch"], index["platform"]) == ("python", None, None)
    assert link == {"noarch": {"type": "python", "entry_points": ["pure = pure:main"]}, "package_metadata_version": 1}
