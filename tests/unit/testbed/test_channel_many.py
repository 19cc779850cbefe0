# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""The made-up packages of the benchmarks' large environment."""

from __future__ import annotations

from testbed.channel.archive import write
from testbed.channel.many import build


def test_a_package_is_the_same_every_time_and_like_no_other(tmp_path):
    files = [write(build.package(number), tmp_path / folder) for number, folder in ((3, "a"), (3, "b"), (4, "a"))]
    first, again, other = (file.read_bytes() for file in files)
    assert first == again != other


def test_its_sources_compile_and_are_what_was_promised():
    package = build.package(build.CHANGED)
    sources = {path: member.content for path, member in package.members.items() if path.endswith(".py")}
    for path, content in sources.items():
        compile(content, path, "exec")
    assert len(sources) == build.MODULES
    assert len(set(sources.values())) == build.MODULES
    assert build.PACKAGES + 1 == 300  # Python is one
    # Each source has a compiled file besides.
    assert (len(package.members) + len(sources)) * build.PACKAGES > 57_000


def test_the_other_version_of_the_changed_package_is_another():
    one, two = (build.package(build.CHANGED, version) for version in ("1.0", "2.0"))
    assert one.name == two.name and one.members.keys() != two.members.keys()


def test_the_locks_differ_in_one_package(tmp_path, monkeypatch):
    monkeypatch.setattr(build, "PACKAGES", 9)
    folder = tmp_path / "channel"
    folder.mkdir()
    build._make({"sha256": "http://x/python-3.conda#1", "md5": "http://x/python-3.conda#2"}, folder)
    one, md5, two = (
        (folder / name).read_text().splitlines() for name in ("explicit.txt", "explicit-md5.txt", "next/explicit.txt")
    )
    assert len(one) == len(two) == len(md5) == 12
    assert [line.rpartition("#")[0] for line in one] == [line.rpartition("#")[0] for line in md5]
    assert {line for line in one if line not in two}.pop().count("many-007-1.0") == 1
    assert {line for line in two if line not in one}.pop().count("many-007-2.0") == 1
