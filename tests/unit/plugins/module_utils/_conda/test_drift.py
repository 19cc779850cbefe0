# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that can happen to a sealed tree of real files."""

from __future__ import annotations

import dataclasses
import os
import pwd
import shutil

import pytest

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda import drift, records, seal
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.packages import Package

PACKAGE = Package("conda", "six", "1.0", "0", "noarch", "https://h/c/noarch/six-1.0-0.conda", "1" * 64)
WHEEL = Package("pip", "human-ize", "4.0", "", "", "https://h/human_ize-4.0-py3-none-any.whl", "2" * 64)


SITE = "lib/python3.11/site-packages"
LEVELS = ("records", "paths", "full")


def make_distribution(site, name, version, installer):
    directory = site / f"{name}-{version}.dist-info"
    directory.mkdir()
    (directory / "METADATA").write_text(f"Name: {name}\n")
    (directory / "RECORD").write_text("")
    (directory / "INSTALLER").write_text(installer + "\n")
    return directory


@pytest.fixture
def generation(tmp_path):
    prefix = tmp_path / "envs" / "e"
    (prefix / "bin").mkdir(parents=True)
    (prefix / "lib" / "deep").mkdir(parents=True)
    (prefix / "bin" / "python").write_bytes(b"#!/bin/sh\n")
    (prefix / "bin" / "python").chmod(0o755)
    (prefix / "lib" / "a.py").write_bytes(b"A = 1\n")
    (prefix / "lib" / "deep" / "b.py").write_bytes(b"B = 1\n")
    (prefix / "lib" / "empty").write_bytes(b"")
    (prefix / "lib" / "link").symlink_to("a.py")
    (prefix / os.fsdecode(b"odd \xff\nname")).write_bytes(b"")
    (prefix / "conda-meta").mkdir()
    (prefix / "conda-meta" / "six-1.0-0.json").write_text("{}")
    (prefix / "conda-meta" / "history").write_text("")
    (prefix / SITE).mkdir(parents=True)
    (prefix / "lib" / "python3.1").symlink_to("python3.11")
    (prefix / SITE / "six.py").write_bytes(b"S = 1\n")
    make_distribution(prefix / SITE, "six", "1.0", "conda")
    make_distribution(prefix / SITE, "Human_ize", "4.0", "uv")
    prefix.chmod(0o755)
    found = seal.walk(str(prefix))
    written = seal.Seal("g", "e", "linux-64", "l", {"engine": "1"}, {}, (PACKAGE, WHEEL), "", 0)
    seal.write(str(tmp_path), written, seal.make_tree(str(prefix), found, {}), found)
    return tmp_path


def find(generation, level):
    sealed = seal.read(str(generation))
    assert sealed is not None
    return drift.find_drift(str(generation), str(generation / "envs" / "e"), sealed, level)


def differences(generation, level="paths"):
    return [(one.kind, one.path) for one in find(generation, level)]


def test_the_records_are_found_without_the_rest(generation):
    prefix = str(generation / "envs" / "e")
    (generation / "envs/e" / SITE / "old.egg-link").write_text("")
    (generation / "envs/e" / SITE / "old-1.egg-info").write_text("")
    expected = {path: status for path, status in seal.walk(prefix).items() if records.is_record(path)}
    assert len(expected) == 12
    assert drift.walk_records(prefix) == expected


def rewrite(path, content):
    """Change a file's content in place, and give it its old times back."""
    status = path.stat()
    path.write_bytes(content)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


@pytest.mark.parametrize(
    ("act", "expected"),
    [
        (lambda p: None, []),
        (lambda p: (p / "lib/a.py").write_bytes(b"A = 2\n"), [("modified", "lib/a.py")]),
        (lambda p: rewrite(p / "lib/a.py", b"A = 22\n"), [("modified", "lib/a.py")]),
        (lambda p: (p / "lib/a.py").write_bytes(b"A = 1\n"), []),
        (lambda p: os.utime(p / "lib/a.py", (1, 1)), []),
        (lambda p: shutil.copy2(p / "lib/a.py", p / "x") and os.replace(p / "x", p / "lib/a.py"), []),
        (lambda p: (p / "lib/a.py").unlink(), [("removed", "lib/a.py")]),
        (lambda p: (p / "lib/new.pyc").write_bytes(b""), [("added", "lib/new.pyc")]),
        (lambda p: (p / "lib/__pycache__").mkdir(), [("added", "lib/__pycache__")]),
        (lambda p: (p / "lib/a.py").chmod(0o666), [("permissions", "lib/a.py")]),
        (lambda p: (p / "lib").chmod(0o777), [("permissions", "lib")]),
        pytest.param(
            lambda p: os.chown(p / "lib/a.py", 12345, -1),
            [("permissions", "lib/a.py")],
            marks=pytest.mark.skipif(os.getuid() != 0, reason="only root gives files away"),
        ),
        (lambda p: shutil.rmtree(p / "lib/deep"), [("removed", "lib/deep")]),
        (
            lambda p: ((p / "lib/link").unlink(), (p / "lib/link").symlink_to("empty")),
            [("modified", "lib/link")],
        ),
        (
            lambda p: ((p / "lib/link").unlink(), (p / "lib/link").write_bytes(b"A = 1\n")),
            [("type", "lib/link")],
        ),
        (
            lambda p: ((p / "lib/a.py").unlink(), (p / "lib/a.py").symlink_to("/etc/passwd")),
            [("type", "lib/a.py")],
        ),
        (
            lambda p: (shutil.rmtree(p / "lib/deep"), (p / "lib/a.py").chmod(0o600), (p / "z").touch()),
            [("permissions", "lib/a.py"), ("removed", "lib/deep"), ("added", "z")],
        ),
        (shutil.rmtree, [("removed", ".")]),
        (lambda p: os.utime(p / "lib"), []),
    ],
)
def test_drift_is_named_exactly(generation, act, expected):
    act(generation / "envs" / "e")
    assert differences(generation) == expected
    assert differences(generation, "full") == expected


# What only a hash sees, and what the records do not see.
@pytest.mark.parametrize(
    ("act", "by_records", "by_paths", "by_full"),
    [
        (lambda p: rewrite(p / "lib/a.py", b"A = 2\n"), [], [], [("modified", "lib/a.py")]),
        (lambda p: (p / "lib/a.py").unlink(), [], [("removed", "lib/a.py")], [("removed", "lib/a.py")]),
        (lambda p: p.chmod(0o777), *[[("permissions", ".")]] * 3),
        (
            lambda p: (p.rename(p.parent / "other"), p.symlink_to("other")),
            *[[("type", ".")]] * 3,
        ),
        (lambda p: (p / "conda-meta/new.json").touch(), *[[("added", "conda-meta/new.json")]] * 3),
        (
            lambda p: (p / "conda-meta/six-1.0-0.json").write_text("{ }"),
            *[[("modified", "conda-meta/six-1.0-0.json")]] * 3,
        ),
        (lambda p: os.utime(p / "conda-meta/six-1.0-0.json", (1, 1)), *[[]] * 3),
        (lambda p: rewrite(p / "conda-meta/six-1.0-0.json", b"[]"), [], [], [("modified", "conda-meta/six-1.0-0.json")]),
        (lambda p: make_distribution(p / SITE, "extra", "1", "pip"), *[[("added", f"{SITE}/extra-1.dist-info")]] * 3),
        (lambda p: (p / SITE / "extra-1.egg-info").touch(), *[[("added", f"{SITE}/extra-1.egg-info")]] * 3),
        (lambda p: (p / SITE / "extra.py").touch(), [], *[[("added", f"{SITE}/extra.py")]] * 2),
        (
            lambda p: (shutil.rmtree(p / "conda-meta"), (p / "conda-meta").symlink_to("/")),
            [("removed", "conda-meta/history"), ("removed", "conda-meta/six-1.0-0.json")],
            *[[("type", "conda-meta")]] * 2,
        ),
    ],
)
def test_levels(generation, act, by_records, by_paths, by_full):
    act(generation / "envs" / "e")
    assert [differences(generation, level) for level in LEVELS] == [by_records, by_paths, by_full]


def upgrade(site):
    """What pip does to a package that conda installed."""
    shutil.rmtree(site / "six-1.0.dist-info")
    make_distribution(site, "six", "2.0", "pip")


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize(
    ("act", "expected"),
    [
        pytest.param(
            lambda p: upgrade(p / SITE),
            [f"clobbered six ({SITE}/six-2.0.dist-info)", f"removed {SITE}/six-1.0.dist-info"],
            id="another version",
        ),
        pytest.param(
            lambda p: (upgrade(p / SITE), (p / "conda-meta/six-1.0-0.json").unlink()),
            [
                f"clobbered six ({SITE}/six-2.0.dist-info)",
                "removed conda-meta/six-1.0-0.json",
                f"removed {SITE}/six-1.0.dist-info",
            ],
            id="and conda list has seen it since",
        ),
        pytest.param(
            lambda p: make_distribution(p / SITE, "SIX", "0.9", "uv"),
            [f"clobbered six ({SITE}/SIX-0.9.dist-info)"],
            id="a second one beside it",
        ),
        pytest.param(
            lambda p: (p / SITE / "six-1.0.dist-info/INSTALLER").write_text("pip\n"),
            [f"clobbered six ({SITE}/six-1.0.dist-info/INSTALLER)"],
            id="the same version",
        ),
        pytest.param(
            lambda p: shutil.rmtree(p / SITE / "six-1.0.dist-info"),
            [f"clobbered six ({SITE}/six-1.0.dist-info)"],
            id="pip uninstall",
        ),
        pytest.param(
            lambda p: (shutil.rmtree(p / SITE / "six-1.0.dist-info"), (p / "conda-meta/six-1.0-0.json").unlink()),
            [f"clobbered six ({SITE}/six-1.0.dist-info)", "removed conda-meta/six-1.0-0.json"],
            id="pip uninstall, and conda list has seen it since",
        ),
        pytest.param(
            lambda p: (
                *(shutil.rmtree(p / SITE / "six-1.0.dist-info"), (p / "conda-meta/six-1.0-0.json").unlink()),
                (p / "conda-meta/history").write_text("==> 2026-01-01 <==\n# cmd: conda remove six\n"),
            ),
            [
                "modified conda-meta/history",
                "removed conda-meta/six-1.0-0.json",
                f"removed {SITE}/six-1.0.dist-info",
            ],
            id="conda remove",
        ),
        pytest.param(
            lambda p: (shutil.rmtree(p / SITE / "Human_ize-4.0.dist-info"), make_distribution(p / SITE, "human_ize", "5", "pip")),
            [f"clobbered human-ize ({SITE}/human_ize-5.dist-info)", f"removed {SITE}/Human_ize-4.0.dist-info"],
            id="a wheel of the lock",
        ),
        pytest.param(
            lambda p: shutil.rmtree(p / SITE / "Human_ize-4.0.dist-info"),
            [f"removed {SITE}/Human_ize-4.0.dist-info"],
            id="a wheel of the lock is uninstalled",
        ),
    ],
)
def test_pip_is_named(generation, act, expected, level):
    act(generation / "envs" / "e")
    assert [str(one) for one in find(generation, level)] == expected


def test_without_its_fingerprint_it_is_compared_path_by_path(generation):
    for name in ("fingerprint", "records-fingerprint"):
        (generation / name).unlink()
    assert [differences(generation, level) for level in LEVELS] == [[], [], []]
    (generation / "envs/e" / "conda-meta/six-1.0-0.json").chmod(0o600)
    assert [differences(generation, level) for level in LEVELS] == [[("permissions", "conda-meta/six-1.0-0.json")]] * 3


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("name", ["tree.json", "stamps.json"])
@pytest.mark.parametrize(
    ("damage", "kind"),
    [
        (lambda path: path.unlink(), "removed"),
        (lambda path: path.write_bytes(b""), "modified"),
        (lambda path: path.write_bytes(b"{}"), "modified"),
        (lambda path: path.write_bytes(b"\xff"), "modified"),
        (lambda path: path.write_text(path.read_text().replace("six.py", "sex.py")), "modified"),
    ],
)
def test_the_seal_itself_is_guarded(generation, level, name, damage, kind):
    damage(generation / name)
    (generation / "envs/e/conda-meta/six-1.0-0.json").chmod(0o600)  # otherwise the fingerprint is answer enough
    assert differences(generation, level) == [(kind, f"../../{name}")]


def test_who_and_when(generation):
    path = generation / "envs/e/lib" / os.fsdecode(b"new\n\xff\\ \x1b[1m\xc3\xa9")
    path.write_bytes(b"")
    os.utime(path, (1, 1234.5))
    (one,) = find(generation, "paths")
    assert drift.as_result(one) == {
        "path": "lib/new\\n\\xff\\\\ \\x1b[1m\u00e9",
        "kind": "added",
        "uid": os.getuid(),
        "owner": pwd.getpwuid(os.getuid()).pw_name,
        "mtime": 1234.5,
    }
    assert str(one) == "added lib/new\\n\\xff\\\\ \\x1b[1m\u00e9"
    nobody = dataclasses.replace(one, uid=987654321, kind="clobbered", package="six")
    assert (drift.as_result(nobody)["owner"], drift.as_result(nobody)["package"]) == (None, "six")
