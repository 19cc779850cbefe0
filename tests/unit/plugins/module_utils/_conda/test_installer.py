# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bases installed by a small installer, which behaves well and badly."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import pathlib
import signal
import time
import typing as t

import pytest

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda import bases, condarc, installer
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.network import Network
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem

GOOD = """\
#!/bin/sh
[ "$1" = -b ] && [ "$2" = -p ] && [ ! -e "$3" ] || exit 1
case "$0" in *.sh) ;; *) exit 1 ;; esac
mkdir -p "$3/bin" "$3/conda-meta"
%s
echo python >"$3/bin/python"
echo conda >"$3/bin/conda"
chmod 777 "$3/bin/python"
ln -s python "$3/bin/python3"
: >"$3/conda-meta/history"
echo '{}' >"$3/conda-meta/python-3.10-0.json"
env >"$3/environment"
umask >"$3/umask"
"""


@pytest.fixture
def place(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    monkeypatch.setattr(condarc, "CONDARC", str(tmp_path / "etc/condarc"))
    monkeypatch.setattr(condarc, "HOOK", str(tmp_path / "etc/hook.sh"))
    return tmp_path


def asked_for(place: pathlib.Path, script: str, **change: t.Any) -> bases.Wanted:
    """Return a wish for a base installed by ``script``, which is served from a file."""
    params = {
        "distribution": "Miniconda3",
        "release": "one",
        "prefix": str(place / "conda"),
        "state": "present",
        "mirror": place.as_uri(),
        "installer": None,
        "sha256": hashlib.sha256(script.encode()).hexdigest(),
        "known_sha256": None,
        "system_condarc": True,
        "channels": ["conda-forge"],
        "envs_dirs": [],
        "pkgs_dirs": [],
        "settings": {},
        "profile": True,
        **change,
    }
    (place / ("Miniconda3-%s-Linux-x86_64.sh" % params["release"])).write_text(script)
    return bases.wanted(params, "x86_64")


def converge(asked: bases.Wanted, timeout: float = 20) -> bool:
    """Observe, plan, apply; say whether there was anything to do."""
    plan = bases.make_plan(asked, bases.observe(asked))
    if plan:
        installer.apply(plan, asked, None, Network(), timeout)
    return bool(plan)


def test_a_release_is_installed_once(place: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "/leak")
    asked = asked_for(place, GOOD % "")
    os.umask(before := os.umask(0o077))
    os.umask(0o077)
    try:
        assert converge(asked)
    finally:
        os.umask(before)
    assert not converge(asked)
    directory = pathlib.Path(asked.directory)
    assert os.readlink(asked.prefix) == asked.directory
    assert json.loads((directory / bases.STAMP).read_text()) == {
        "distribution": "Miniconda3",
        "release": "one",
        "sha256": asked.sha256,
        "records": ["python-3.10-0"],
    }
    assert (directory / "bin/python").stat().st_mode & 0o7777 == 0o755
    assert (directory / "bin/conda").stat().st_mode & 0o7777 == 0o644
    assert directory.stat().st_mode & 0o7777 == 0o755
    assert (directory / "umask").read_text() == "0022\n"
    names = {line.partition("=")[0] for line in (directory / "environment").read_text().splitlines()}
    assert names - {"PWD", "OLDPWD", "SHLVL", "_"} == {"PATH", "HOME", "TMPDIR", "LC_ALL"}
    assert sorted(os.listdir(asked.store)) == [".lock", "Miniconda3-one"]
    assert (place / "etc/condarc").exists() and (place / "etc/hook.sh").exists()


def test_another_release_stands_beside_the_old_one(place: pathlib.Path) -> None:
    old, new = asked_for(place, GOOD % ""), asked_for(place, GOOD % "", release="two")
    converge(old)
    assert converge(new)
    assert os.readlink(old.prefix) == new.directory
    assert bases.observe(old).complete
    assert converge(old) and os.readlink(old.prefix) == old.directory


def test_absence_removes_all_that_is_ours(place: pathlib.Path) -> None:
    script = GOOD % ""
    converge(asked_for(place, script))
    absent = asked_for(place, script, state="absent")
    assert converge(absent)
    assert not converge(absent)
    assert sorted(path.name for path in place.iterdir()) == ["Miniconda3-one-Linux-x86_64.sh", "etc"]
    assert not list((place / "etc").iterdir())


@pytest.mark.parametrize(
    ("script", "change", "words"),
    [
        (GOOD % "", {"sha256": "ab" * 32}, "has sha256 [0-9a-f]{64}, but abab"),
        (GOOD % "echo no space left >&2; exit 1", {}, "(?s)failed with status 1.*no space left"),
        ("#!/bin/sh\nmkdir -p $3/bin\n", {}, "left no bin/python, bin/conda"),
        ("#!/bin/sh\nif true; then\n", {}, "failed with status 2"),
        (GOOD % "sleep 60 & sleep 60", {}, "still running after 1 seconds"),
    ],
)
def test_a_bad_installer_leaves_nothing(
    place: pathlib.Path, script: str, change: dict[str, t.Any], words: str
) -> None:
    with pytest.raises(Problem, match=words):
        converge(asked_for(place, script, **change), timeout=1)
    assert not (place / "conda").exists()
    assert not (place / "conda.d").exists()
    assert not (place / "etc").exists()


def test_a_failed_upgrade_leaves_the_old_base_active(place: pathlib.Path) -> None:
    old = asked_for(place, GOOD % "")
    converge(old)
    with pytest.raises(Problem, match="status 3"):
        converge(asked_for(place, "exit 3\n", release="two"))
    assert os.readlink(old.prefix) == old.directory and bases.observe(old).complete


def test_an_installation_killed_at_any_point_is_done_again(place: pathlib.Path) -> None:
    """A child converges and is killed with SIGKILL after a while, again and again with longer times."""
    asked = asked_for(place, GOOD % "sleep 0.1; echo half >$3/bin/litter; sleep 0.1")
    context = multiprocessing.get_context("fork")
    interrupted = 0
    for milliseconds in range(0, 400, 40):
        child = context.Process(target=converge, args=(asked,))
        child.start()
        time.sleep(milliseconds / 1000)
        assert child.pid is not None
        os.kill(child.pid, signal.SIGKILL)
        child.join()
        host = bases.observe(asked)
        interrupted += host.exists and not host.complete
        assert host.complete or not os.path.lexists(asked.prefix)
    assert interrupted, "no kill hit the installer at work"
    converge(asked)
    assert not converge(asked)
    assert sorted(os.listdir(asked.store)) == [".lock", "Miniconda3-one"]


def test_an_installer_that_outlives_its_run_is_waited_for(place: pathlib.Path) -> None:
    asked = asked_for(place, GOOD % ('echo x >>"%s"; sleep 0.6; : >"%s"' % (place / "runs", place / "over")))
    child = multiprocessing.get_context("fork").Process(target=converge, args=(asked,))
    child.start()
    while not (place / "runs").exists():
        time.sleep(0.01)
    assert child.pid is not None
    os.kill(child.pid, signal.SIGKILL)
    child.join()
    assert not (place / "over").exists()
    assert converge(asked)
    assert (place / "over").exists() and (place / "runs").read_text() == "x\nx\n"
    assert bases.observe(asked).complete


def test_an_interrupted_installation_can_be_removed(place: pathlib.Path) -> None:
    script = GOOD % ""
    asked = asked_for(place, script)
    pathlib.Path(asked.directory).mkdir(parents=True)
    pathlib.Path(asked.begun).touch()
    pathlib.Path(asked.work).mkdir()
    assert converge(asked_for(place, script, state="absent"))
    assert not os.path.exists(asked.store)


def test_two_runs_at_once_install_once(place: pathlib.Path) -> None:
    asked = asked_for(place, GOOD % 'echo x >>"%s"; sleep 0.3' % (place / "runs"))
    context = multiprocessing.get_context("fork")
    children = [context.Process(target=converge, args=(asked,)) for _each in range(3)]
    for child in children:
        child.start()
    for child in children:
        child.join()
    assert [child.exitcode for child in children] == [0, 0, 0]
    assert (place / "runs").read_text() == "x\n"
    assert bases.observe(asked).complete


def test_a_damaged_base_is_installed_again(place: pathlib.Path) -> None:
    asked = asked_for(place, GOOD % "")
    converge(asked)
    os.unlink(asked.directory + "/bin/conda")
    assert converge(asked)
    assert bases.observe(asked).complete


def test_what_others_put_there_is_untouched(place: pathlib.Path) -> None:
    asked = asked_for(place, GOOD % "")
    (place / "conda").mkdir()
    (place / "conda/precious").write_text("data")
    with pytest.raises(Problem, match="not ours"):
        converge(asked)
    (place / "conda").rename(place / "conda.old")
    pathlib.Path(asked.directory).mkdir(parents=True)
    with pytest.raises(Problem, match="not installed by us"):
        converge(asked)
    assert (place / "conda.old/precious").read_text() == "data"
    assert not os.listdir(asked.directory)


def test_temporary_files_lie_beside_the_bases(place: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever the caller's TMPDIR points: that may be mounted noexec."""
    monkeypatch.setenv("TMPDIR", "/nonexistent")
    assert converge(asked_for(place, GOOD % 'case "$TMPDIR" in %s/*) ;; *) exit 9 ;; esac' % (place / "conda.d")))
