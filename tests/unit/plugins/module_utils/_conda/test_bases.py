# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is asked of a base, what is there, and the plan between the two."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import typing as t

import pytest

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda import bases, condarc, shells
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem

SHA256 = "ab" * 32
DIRECTORY = "/opt/miniconda3.d/Miniconda3-py310_26.5.3-1"
PARAMS: dict[str, t.Any] = {
    "distribution": "Miniconda3",
    "release": "py310_26.5.3-1",
    "prefix": "/opt/miniconda3",
    "state": "present",
    "mirror": None,
    "installer": None,
    "sha256": SHA256,
    "known_sha256": None,
    "system_condarc": True,
    "channels": ["conda-forge"],
    "envs_dirs": ["/opt/lockstep/envs", "~/.conda/envs"],
    "pkgs_dirs": [],
    "settings": {},
    "profile": True,
}
ASKED = bases.wanted(PARAMS, "x86_64")
STAMP = {"sha256": SHA256, "records": ["python-3.10-0"]}
CONVERGED = bases.Host(
    link=DIRECTORY,
    exists=True,
    stamp=STAMP,
    records=frozenset({"python-3.10-0"}),
    condarc=condarc.render_condarc(t.cast("dict[str, t.Any]", ASKED.settings)),
    hook=condarc.render_hook("/opt/miniconda3"),
    shells={path: shells.with_block(path, "# Debian's\n", condarc.HOOK) for path in shells.FILES},
)


def steps(host: bases.Host, asked: bases.Wanted = ASKED) -> list[str]:
    return [str(step) for step in bases.make_plan(asked, host).steps]


@pytest.mark.parametrize(
    ("change", "machine", "url"),
    [
        ({}, "x86_64", "https://repo.anaconda.com/miniconda/Miniconda3-py310_26.5.3-1-Linux-x86_64.sh"),
        ({}, "aarch64", "https://repo.anaconda.com/miniconda/Miniconda3-py310_26.5.3-1-Linux-aarch64.sh"),
        (
            {"distribution": "Miniforge3", "release": "26.3.2-3"},
            "x86_64",
            "https://github.com/conda-forge/miniforge/releases/download/26.3.2-3/Miniforge3-26.3.2-3-Linux-x86_64.sh",
        ),
        (
            {"mirror": "http://mirror.example/conda/"},
            "x86_64",
            "http://mirror.example/conda/Miniconda3-py310_26.5.3-1-Linux-x86_64.sh",
        ),
    ],
)
def test_where_the_installer_lies(change: dict[str, t.Any], machine: str, url: str) -> None:
    assert bases.wanted({**PARAMS, **change}, machine).url == url


@pytest.mark.parametrize(
    ("change", "machine", "words"),
    [
        ({"sha256": None}, "x86_64", "No sha256 is known for Miniconda3-py310_26.5.3-1-Linux-x86_64.sh"),
        ({"sha256": None, "known_sha256": {"x86_64": SHA256}}, "aarch64", "No sha256 is known"),
        ({"sha256": "abc"}, "x86_64", "not a sha256"),
        ({"release": "../../etc"}, "x86_64", "release"),
        ({"release": ""}, "x86_64", "release"),
        ({"prefix": "opt/conda"}, "x86_64", "prefix"),
        ({"prefix": "/opt/my conda"}, "x86_64", "prefix"),
        ({"prefix": "/"}, "x86_64", "prefix"),
        ({"prefix": "/opt/" + "a" * 90}, "x86_64", "too long"),
        ({}, "riscv64", "no Miniconda3 for the architecture riscv64"),
    ],
)
def test_what_is_refused_before_anything_is_read(change: dict[str, t.Any], machine: str, words: str) -> None:
    with pytest.raises(Problem, match=words):
        bases.wanted({**PARAMS, **change}, machine)


def test_the_users_hash_wins_over_the_table() -> None:
    assert bases.wanted({**PARAMS, "known_sha256": {"x86_64": "cd" * 32}}, "x86_64").sha256 == SHA256
    assert bases.wanted({**PARAMS, "sha256": None, "known_sha256": {"x86_64": "cd" * 32}}, "x86_64").sha256 == "cd" * 32


def test_a_bare_host_gets_everything() -> None:
    assert steps(bases.Host()) == [
        "install %s from https://repo.anaconda.com/miniconda/Miniconda3-py310_26.5.3-1-Linux-x86_64.sh" % DIRECTORY,
        "link /opt/miniconda3 to it",
        "write /etc/conda/condarc",
        "write /etc/profile.d/lockstep-conda.sh",
    ]


def test_a_converged_host_gets_nothing() -> None:
    plan = bases.make_plan(ASKED, CONVERGED)
    assert (plan.steps, plan.diff, plan.warnings) == ((), (), ())


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"link": None}, ["link /opt/miniconda3 to it"]),
        ({"link": "/opt/miniconda3.d/Miniconda3-old"}, ["link /opt/miniconda3 to it"]),
        ({"condarc": condarc.MARK + "channels: []\n"}, ["write /etc/conda/condarc"]),
        ({"hook": "whatever"}, ["write /etc/profile.d/lockstep-conda.sh"]),
        ({"shells": {shells.BASH: "x\n"}}, ["write our block in /etc/bash.bashrc"]),
        ({"shells": {shells.ZSH: ""}}, ["write our block in /etc/zsh/zshenv"]),
        ({"shells": {}}, []),
        ({"missing": ("bin/conda",)}, ["remove %s (damaged: without bin/conda)" % DIRECTORY, "install"]),
        ({"stamp": None, "begun": True}, ["remove %s (its installation was interrupted)" % DIRECTORY, "install"]),
    ],
)
def test_each_drift_is_repaired_and_nothing_else(change: dict[str, t.Any], expected: list[str]) -> None:
    found = steps(dataclasses.replace(CONVERGED, **change))
    assert [step if step in expected else step.split()[0] for step in found] == expected


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"link": ""}, "/opt/miniconda3 exists as a directory or file and is not ours.*mv /opt/miniconda3"),
        ({"link": "/home/ann/miniconda3"}, "is a link to /home/ann/miniconda3"),
        ({"stamp": None}, "not installed by us"),
        ({"stamp": {"sha256": "cd" * 32}}, "restore the sha256"),
        ({"condarc": "channels: [defaults]\n"}, "not written by us"),
    ],
)
def test_what_is_not_ours_is_left_untouched(change: dict[str, t.Any], words: str) -> None:
    with pytest.raises(Problem, match=words):
        bases.make_plan(ASKED, dataclasses.replace(CONVERGED, **change))


def test_a_condarc_of_others_may_stay_if_we_are_not_to_write_one() -> None:
    asked = bases.wanted({**PARAMS, "system_condarc": False}, "x86_64")
    assert steps(dataclasses.replace(CONVERGED, condarc="channels: [defaults]\n"), asked) == []


def test_a_changed_base_is_reported_and_left() -> None:
    plan = bases.make_plan(ASKED, dataclasses.replace(CONVERGED, records=frozenset({"numpy-2-0"})))
    assert not plan.steps
    assert "added: numpy-2-0; removed: python-3.10-0" in plan.warnings[0]


def test_absence_of_the_active_base() -> None:
    asked = bases.wanted({**PARAMS, "state": "absent", "sha256": None}, "riscv64")
    assert steps(CONVERGED, asked) == [
        "remove our block in /etc/bash.bashrc",
        "remove our block in /etc/zsh/zshenv",
        "remove /etc/profile.d/lockstep-conda.sh",
        "remove /etc/conda/condarc",
        "remove the link /opt/miniconda3",
        "remove %s (no longer wanted)" % DIRECTORY,
    ]
    assert steps(bases.Host(), asked) == []


def test_absence_of_an_old_base_leaves_the_active_one() -> None:
    asked = bases.wanted({**PARAMS, "state": "absent"}, "x86_64")
    active = "/opt/miniconda3.d/Miniconda3-new"
    assert steps(dataclasses.replace(CONVERGED, link=active), asked) == ["remove %s (no longer wanted)" % DIRECTORY]


def test_absence_removes_nothing_of_others() -> None:
    asked = bases.wanted({**PARAMS, "state": "absent"}, "x86_64")
    with pytest.raises(Problem, match="not installed by us"):
        bases.make_plan(asked, bases.Host(link="", exists=True))
    assert steps(bases.Host(link="", condarc="channels: []\n", hook="x"), asked) == []


def test_a_token_in_a_channel_is_not_shown() -> None:
    asked = bases.wanted({**PARAMS, "channels": ["https://host/t/SECRET/chan"]}, "x86_64")
    plan = bases.make_plan(asked, bases.Host())
    assert "SECRET" not in json.dumps(plan.diff)
    assert any("SECRET" in (getattr(step, "text", "") or "") for step in plan.steps)


def test_observing_reads_what_is_there(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(condarc, "CONDARC", str(tmp_path / "condarc"))
    monkeypatch.setattr(condarc, "HOOK", str(tmp_path / "hook.sh"))
    monkeypatch.setattr(shells, "FILES", ())
    asked = bases.wanted({**PARAMS, "prefix": str(tmp_path / "conda")}, "x86_64")
    assert bases.observe(asked) == bases.Host()
    directory = pathlib.Path(asked.directory)
    for name in bases.NEEDED:
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).touch()
    (directory / "conda-meta" / "python-3.10-0.json").touch()
    assert bases.observe(asked) == bases.Host(exists=True)
    (directory / bases.STAMP).write_text("half a st")
    assert bases.observe(asked).stamp is None
    (directory / bases.STAMP).write_text(json.dumps(STAMP))
    (tmp_path / "conda").symlink_to("conda.d/" + asked.name)
    (directory / "bin/conda").unlink()
    host = bases.observe(asked)
    assert host == bases.Host(
        link=asked.directory,
        exists=True,
        stamp=STAMP,
        missing=("bin/conda",),
        records=frozenset({"python-3.10-0"}),
    )
    assert not host.complete
