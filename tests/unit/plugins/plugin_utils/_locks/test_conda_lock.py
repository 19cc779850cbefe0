# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""``conda_lock``, through the YAML reader, against tables of good and bad files."""

from __future__ import annotations

import pytest

from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locks import reading

A = "a" * 64
B = "b" * 64


def entry(name="six", **changes):
    """Return one entry as text; a change to None leaves the key out."""
    values = {
        "name": name,
        "version": "'1.0'",
        "manager": "conda",
        "platform": "linux-64",
        "dependencies": "{}",
        "url": f"https://conda.example/ch/noarch/{name}-1.0-0.conda",
        "hash": f"{{md5: {'0' * 32}, sha256: {A}}}",
        "category": "main",
        "optional": "false",
    }
    values.update(changes)
    lines = [f"{key}: {value}" for key, value in values.items() if value is not None]
    return "- " + "\n  ".join(lines) + "\n"


def wheel(name="six", url=None, **changes):
    url = url or f"https://w.example/{name}-1.0-py3-none-any.whl"
    return entry(name, manager="pip", url=url, hash=f"{{sha256: {B}}}", **changes)


def parse(*entries, head="version: 1\nmetadata: {}\n", categories=("main",)):
    return reading.parse((head + "package:\n" + "".join(entries)).encode(), "conda-lock.yml", categories).platforms


def test_conda_and_pip():
    (packages,) = parse(wheel("My_Wheel"), entry("six")).values()
    assert [(p.manager, p.name, p.version, p.build, p.sha256) for p in packages] == [
        ("conda", "six", "1.0", "0", A),
        ("pip", "my-wheel", "1.0", "", B),
    ]


def test_platforms_are_kept_apart():
    platforms = parse(
        entry("a"),
        entry("a", platform="linux-aarch64"),
        entry("b", platform="linux-aarch64", url="https://h/c/linux-aarch64/b-1.0-0.conda"),
    )
    assert {name: [p.name for p in packages] for name, packages in platforms.items()} == {
        "linux-64": ["a"],
        "linux-aarch64": ["a", "b"],
    }


def test_needed_before_needing_whatever_the_order():
    (packages,) = parse(
        entry("a", dependencies="{b: '', c: '>=1', __glibc: ''}"),
        entry("b", dependencies="{d: ''}"),
        entry("c", dependencies="{a: ''}"),
        entry("d"),
    ).values()
    names = [p.name for p in packages]
    assert names.index("d") < names.index("b") < names.index("a")
    assert sorted(names) == ["a", "b", "c", "d"]


def test_categories():
    (packages,) = parse(
        entry("a"), entry("a", category="main"), entry("a", category="dev"), entry("pytest", category="dev")
    ).values()
    assert [p.name for p in packages] == ["a"]
    (packages,) = parse(entry("a", category=None)).values()
    assert [p.name for p in packages] == ["a"]


@pytest.mark.parametrize(
    ("categories", "names"),
    [
        (["main"], ["a"]),
        (["dev"], ["a", "pytest"]),
        (["main", "dev"], ["a", "pytest"]),
        (["dev", "main", "dev"], ["a", "pytest"]),
        (["gpu", "main"], ["a"]),
    ],
)
def test_a_package_of_several_categories_is_installed_once(categories, names):
    platforms = parse(
        *(entry("a", category=name) for name in ("main", "dev")), entry("pytest", category="dev"),
        entry("cudnn", category="gpu", platform="linux-aarch64"), categories=categories,
    )  # fmt: skip
    assert [p.name for p in platforms["linux-64"]] == names


@pytest.mark.parametrize(
    ("categories", "says"),
    [
        (["main", "test"], "has no category test; there are dev, main"),
        (["a", "b"], "has no category a and no b; there are dev, main"),
        ([], "no categories are asked for"),
    ],
)
def test_categories_that_are_not_there(categories, says):
    with pytest.raises(Problem, match=says):
        parse(entry("a"), entry("b", category="dev"), categories=categories)


def test_one_package_in_two_versions_cannot_be_installed_twice():
    entries = entry("a"), entry("a", category="dev", hash=f"{{sha256: {B}}}")
    parse(*entries)
    with pytest.raises(Problem, match="a is listed twice for linux-64"):
        parse(*entries, categories=["main", "dev"])


def test_an_md5_counts_where_there_is_no_sha256():
    (packages,) = parse(entry("a", hash=f"{{md5: {'1' * 32}}}"), entry("b"), wheel("c", category="main")).values()
    assert [(p.name, p.md5, p.sha256) for p in packages] == [("a", "1" * 32, ""), ("b", "", A), ("c", "", B)]


def test_variables_are_the_controllers_and_no_secret_is_public(monkeypatch):
    monkeypatch.setenv("LOCK_USER", "ann")
    monkeypatch.setenv("LOCK_PASSWORD", "p@ss/w:rd")
    (packages,) = parse(entry("a", url="https://$LOCK_USER:${LOCK_PASSWORD}@h/c/noarch/a-1.0-0.conda")).values()
    assert packages[0].url == "https://h/c/noarch/a-1.0-0.conda"
    assert packages[0].source == "https://ann:p%40ss%2Fw:rd@h/c/noarch/a-1.0-0.conda"


def test_digits_stay_as_they_are_written():
    digits = "0" + "1234567890" * 6 + "123"
    (packages,) = parse(
        entry("a", version="1.10", url="https://h/c/noarch/a-1.10-0.conda", hash=f"{{sha256: {digits}}}")
    ).values()
    assert (packages[0].version, packages[0].sha256) == ("1.10", digits)


def test_the_same_packages_have_the_same_digest_in_both_formats():
    form = reading.parse(
        ("version: 1\nmetadata: {}\npackage:\n" + entry("b", dependencies="{a: ''}") + entry("a")).encode(), "x.yml"
    )
    text = "@EXPLICIT\n# platform: linux-64\n" + "".join(
        f"https://user:pw@conda.example/ch/noarch/{name}-1.0-0.conda#{A}\n" for name in "ba"
    )
    assert form.digests() == reading.parse(text.encode(), "x.txt").digests()


@pytest.mark.parametrize(
    ("entries", "says"),
    [
        ([entry(hash="{md5: abc}")], "six (linux-64): six-1.0-0.conda (no valid hash)"),
        ([entry(hash=None)], "(no valid hash)"),
        ([entry(hash="{sha256: abc}")], "(no valid hash)"),
        ([entry(hash="[1, 2]")], "(no valid hash)"),
        ([entry(url=None)], "lacks url"),
        ([entry(url="''")], "lacks url"),
        ([entry(platform=None, version=None)], "lacks version, platform"),
        (["- text\n"], "entry 1 is no mapping"),
        ([entry(manager="npm")], "the manager npm is unknown"),
        ([entry(url="ftp://h/noarch/six-1.0-0.conda")], "no address to fetch from"),
        ([entry(url="https://h/noarch/six-1.0.zip")], "is no .conda or .tar.bz2 package"),
        ([entry(url="https://h/noarch/six-2.0-0.conda")], "says version 1.0, but its archive is six-2.0-0.conda"),
        ([entry(url="https://h/osx-64/six-1.0-0.conda")], "its archive is for osx-64"),
        ([wheel(url="https://h/six-1.0.tar.gz")], "a source archive (six-1.0.tar.gz)"),
        ([wheel(url="git+https://h/six@abc#egg=six")], "a checkout (git)"),
        ([wheel(url="./six")], "an editable or local checkout (path)"),
        ([wheel(url="file:///src/six")], "an editable or local checkout (path)"),
        ([wheel(), entry()], "six is listed twice for linux-64 (by "),
        ([entry(), entry(hash=f"{{sha256: {B}}}")], "six is listed twice for linux-64"),
        ([entry(category="dev")], "has no category main; there are dev"),
    ],
)
def test_what_is_refused(entries, says):
    with pytest.raises(Problem) as caught:
        parse(*entries)
    assert says in str(caught.value)
    assert "conda-lock.yml" in str(caught.value)


@pytest.mark.parametrize(
    ("head", "says"),
    [("version: 2\nmetadata: {}\n", "version 2"), ("metadata: {}\nversion: '4'\n", "version 4")],
)
def test_other_versions(head, says):
    with pytest.raises(Problem, match=says):
        parse(entry(), head=head)


def test_no_list_of_packages():
    with pytest.raises(Problem, match="names no packages"):
        reading.parse(b"metadata: {}\npackage: {}\n", "x.yml")
