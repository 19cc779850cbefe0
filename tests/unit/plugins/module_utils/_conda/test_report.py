# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is reported of a store, from real directories, links and seals, whole and damaged."""

from __future__ import annotations

import hashlib
import json
import os
import pathlib

import pytest

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda import holds, report, seal
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.packages import Package
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.store import Store

ONE, TWO = "1" * 16, "2" * 16
ARCHIVE = b"an archive"
URL = "https://h/c/noarch/"
#: In the order of their names, which is not one in which they can be linked.
PACKAGES = (
    Package("conda", "app", "1", "0", "noarch", URL + "app-1-0.conda", hashlib.sha256(ARCHIVE).hexdigest()),
    Package("conda", "zlib", "2", "0", "noarch", URL + "zlib-2-0.conda", "2" * 64),
)
ALL = report.Question("paths", report.EXPORTS, sizes=True)


@pytest.fixture
def store(tmp_path):
    made = Store(str(tmp_path / "store"))
    for folder in (made.environments, made.generations):
        os.makedirs(folder)
    return made


def make(store, generation, name="e", packages=PACKAGES):
    prefix = pathlib.Path(store.prefix(generation, name))
    (prefix / "conda-meta").mkdir(parents=True)
    prefix.chmod(0o755)
    for package, depends in zip(packages, (["zlib >=2"], [])):
        record = {"name": package.name, "sha256": package.sha256, "depends": depends}
        (prefix / f"conda-meta/{package.name}-{package.version}-{package.build}.json").write_text(json.dumps(record))
    found = seal.walk(str(prefix))
    written = seal.Seal(generation, name, "linux-64", "l" * 8, {"uv": "1"}, {"bytecode": True}, packages, "", 0)
    seal.write(store.generation(generation), written, seal.make_tree(str(prefix), found, {}), found)
    return prefix


def activate(store, generation, name="e"):
    os.symlink(store.prefix(generation, name), store.link(name))


def describe(store, question=ALL, name="e"):
    (entry,) = report.describe(store, [name], question)
    return entry


def test_everything_there_is_is_named(store):
    make(store, ONE)
    activate(store, ONE)
    make(store, TWO, name="without-link")
    os.makedirs(store.link("by-hand"))
    os.symlink("/x", store.environments + "/.e.abc")
    assert report.names(store) == ["by-hand", "e", "without-link"]
    assert report.names(Store("/nowhere")) == []
    assert [describe(store, name=name)["link"] for name in report.names(store)] == ["directory", "generation", "absent"]


def test_a_whole_environment(store):
    make(store, ONE)
    make(store, TWO)
    activate(store, TWO)
    holds.write_hold(store, "e", holds.Hold("lock", ONE, "2026-01-01", "ann"))
    for generation, second in ((TWO, 1), (ONE, 2), (TWO, 3)):
        since = f"1970-01-01T00:00:0{second}+00:00"
        holds.add_history(store, "e", {"generation": generation, "since": since, "why": "lock"})
    entry = describe(store)
    assert (entry["generation"], entry["prefix"]) == (TWO, store.prefix(TWO, "e"))
    assert (entry["sealed"], entry["lock"], entry["platform"]) == (True, "l" * 8, "linux-64")
    assert (entry["engine"], entry["options"]) == ({"uv": "1"}, {"bytecode": True})
    assert [one["name"] for one in entry["packages"]] == ["app", "zlib"]
    assert (entry["compared"], entry["drift"], entry["drift_count"], entry["notes"]) == (True, [], 0, [])
    assert entry["hold"]["who"] == "ann"
    fields = ("generation", "active", "sealed", "since", "last_active", "named_by")
    assert [tuple(one[field] for field in fields) for one in entry["generations"]] == [
        (ONE, False, True, 2.0, 3.0, []),
        (TWO, True, True, 3.0, None, []),
    ]
    assert all(one["bytes"] == one["bytes_alone"] > 0 for one in entry["generations"])
    assert json.loads(entry["exports"]["seal"])["generation"] == TWO


def test_only_what_is_asked_for(store):
    make(store, ONE)
    activate(store, ONE)
    entry = describe(store, report.Question("none"))
    assert (entry["compared"], entry["exports"]) == (False, {})
    assert "bytes" not in entry["generations"][0]


def test_drift_is_told_up_to_a_limit(store):
    prefix = make(store, ONE)
    activate(store, ONE)
    for number in range(report.DRIFT_RETURNED + 1):
        (prefix / f"file{number}").touch()
    entry = describe(store)
    assert (len(entry["drift"]), entry["drift_count"]) == (report.DRIFT_RETURNED, report.DRIFT_RETURNED + 1)
    assert describe(store, report.Question("records"))["drift"] == []


@pytest.mark.parametrize(
    ("damage", "note"),
    [
        (lambda path: path.unlink(), "without a seal: a run is building it, was interrupted, or somebody removed seal.json"),
        (lambda path: path.write_text("{"), "damaged: seal.json is no JSON"),
        (lambda path: path.write_text("{}"), "damaged: seal.json is incomplete or belongs to another generation"),
        (lambda path: path.write_text("[]"), "damaged: seal.json is incomplete or belongs to another generation"),
        (lambda path: path.write_text('{"format": 99}'), "of another version of this collection: seal.json has format 99"),
        (
            lambda path: path.write_text(path.read_text().replace(f'"generation": "{ONE}"', f'"generation": "{TWO}"')),
            "damaged: seal.json is incomplete or belongs to another generation",
        ),
        (lambda path: (path.unlink(), path.mkdir()), "unreadable: seal.json: Is a directory"),
    ],
)
def test_a_seal_that_cannot_be_read(store, damage, note):
    make(store, ONE)
    activate(store, ONE)
    damage(pathlib.Path(store.generation(ONE)) / "seal.json")
    entry = describe(store)
    assert (entry["generation"], entry["sealed"], entry["compared"], entry["packages"]) == (ONE, False, False, [])
    assert entry["exports"] == {} and entry["generations"][0]["sealed"] is False
    assert entry["notes"] == [
        f"Generation {ONE} is {note}.",
        "The environment cannot be compared: it has no seal that can be read.",
    ]


def test_a_link_to_nowhere(store):
    activate(store, ONE)
    entry = describe(store)
    assert f"The environment's link names generation {ONE}, which does not exist." in entry["notes"]


def lines(text):
    return [line.rpartition("/")[2] for line in text.splitlines() if not line.startswith(("#", "@"))]


def test_the_explicit_list_follows_the_records(store):
    prefix = make(store, ONE)
    activate(store, ONE)
    sha256 = PACKAGES[0].sha256
    exports = describe(store)["exports"]
    assert lines(exports["explicit"]) == ["zlib-2-0.conda#" + "2" * 64, "app-1-0.conda#" + sha256]
    assert lines(exports["explicit_md5"]) == ["zlib-2-0.conda", "app-1-0.conda"]  # nobody knows them
    archives = pathlib.Path(store.archives) / sha256
    archives.mkdir(parents=True)
    (archives / "app-1-0.conda").write_bytes(ARCHIVE)
    assert lines(describe(store)["exports"]["explicit_md5"])[1] == "app-1-0.conda#" + hashlib.md5(ARCHIVE).hexdigest()
    (archives / "app-1-0.conda").write_bytes(ARCHIVE + b" that was edited")
    assert lines(describe(store)["exports"]["explicit_md5"])[1] == "app-1-0.conda"
    (prefix / "conda-meta/app-1-0.json").write_text(json.dumps({"sha256": sha256, "depends": ["zlib"], "md5": "a" * 32}))
    assert lines(describe(store)["exports"]["explicit_md5"])[1] == "app-1-0.conda#" + "a" * 32
    for damaged in ('{"sha256": "other"}', "[]", "{"):
        (prefix / "conda-meta/app-1-0.json").write_text(damaged)
        entry = describe(store)
        assert lines(entry["exports"]["explicit"])[0] == "app-1-0.conda#" + sha256
        assert "The records of app are missing or damaged" in entry["notes"][0]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["/e/bin/python", "-m", "ipykernel_launcher", "-f", "/run/secret.json"], "/e/bin/python -m ipykernel_launcher"),
        (["python", "train.py", "--token=secret"], "python train.py"),
        (["python", "-u", "-X", "-c", "secret()"], "python -u -X -c"),
        (["python", "-m"], "python -m"),
        (["sh"], "sh"),
        (["a\nb", "\x1b[1m"], "a\\nb \\x1b[1m"),
        ([""], ""),
    ],
)
def test_commands_are_told_without_their_arguments(words, expected):
    assert report.command_of(b"\0".join(word.encode() for word in words) + b"\0") == expected


def test_processes(tmp_path):
    (tmp_path / "7").mkdir()
    (tmp_path / "7/cmdline").write_bytes(b"python\0x.py\0")
    assert report.describe_process(7, str(tmp_path))["command"] == "python x.py"
    assert report.describe_process(8, str(tmp_path)) == {"pid": 8, "user": None, "command": None}


def test_disk_that_others_share_is_not_freed(tmp_path):
    (tmp_path / "g/d").mkdir(parents=True)
    (tmp_path / "g/alone").write_bytes(b"x" * 10000)
    (tmp_path / "g/shared").write_bytes(b"x" * 10000)
    os.link(tmp_path / "g/shared", tmp_path / "g/d/again")
    shared = (tmp_path / "g/shared").stat().st_blocks * 512
    everything, alone = report.disk_usage(str(tmp_path / "g"))
    assert everything - alone == shared and alone >= shared
