# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""The text of the bed's locks, and that its environments ask for what the channel has."""

from __future__ import annotations

import typing as t

import pytest
import yaml
from testbed.channel import downloads, locks
from testbed.channel.recipe import CHANNEL_URL, HERE, PYTHON_VERSION

PACKAGES: list[dict[str, t.Any]] = [
    {
        "name": name,
        "version": "1.0",
        "subdir": "noarch",
        "file_name": f"{name}-1.0-0.conda",
        "md5": digit * 32,
        "sha256": digit * 64,
        "depends": depends,
    }
    for name, digit, depends in (("zeta", "1", []), ("alpha", "2", ["zeta >=1", "python"]))
]


@pytest.mark.parametrize(("hash_name", "length"), [("md5", 32), ("sha256", 64)])
def test_explicit_keeps_link_order(hash_name: str, length: int) -> None:
    assert locks.explicit(PACKAGES, "linux-64", hash_name).splitlines() == [
        "# platform: linux-64",
        "@EXPLICIT",
        f"{CHANNEL_URL}/noarch/zeta-1.0-0.conda#{'1' * length}",
        f"{CHANNEL_URL}/noarch/alpha-1.0-0.conda#{'2' * length}",
    ]


def test_conda_lock_is_sorted_and_keeps_hashes_as_text() -> None:
    lock = yaml.safe_load(
        locks.conda_lock({"linux-64": PACKAGES, "linux-aarch64": PACKAGES[:1]}, ["alpha==1.0"], [], {})
    )
    assert lock["version"] == 1
    assert lock["metadata"]["platforms"] == ["linux-64", "linux-aarch64"]
    assert set(lock["metadata"]["content_hash"]) == {"linux-64", "linux-aarch64"}
    assert [(p["name"], p["platform"]) for p in lock["package"]] == [
        ("alpha", "linux-64"),
        ("zeta", "linux-64"),
        ("zeta", "linux-aarch64"),
    ]
    assert lock["package"][0]["dependencies"] == {"python": "", "zeta": ">=1"}
    assert lock["package"][1]["hash"] == {"md5": "1" * 32, "sha256": "1" * 64}


@pytest.mark.parametrize("name", sorted(locks.ENVIRONMENTS))
def test_environments_pin_what_is_in_the_channel(name: str) -> None:
    specs, pip = locks.read_environment(HERE / "environments" / name / "environment.yml")
    there = {f"{pin.name}=={pin.version}" for pin in downloads.read_pins(HERE / "requirements.txt")} | {
        f"python=={PYTHON_VERSION}"
    }
    assert {spec for spec in specs if not spec.startswith("bed-")} <= there
    assert set(pip) <= {f"{pin.name}=={pin.version}" for pin in downloads.read_pins(HERE / "wheels.txt")}


def test_every_environment_is_locked() -> None:
    assert {path.parent.name for path in HERE.glob("environments/*/environment.yml")} == set(locks.ENVIRONMENTS)


def test_wheels_of_the_pip_part_are_not_in_the_channel() -> None:
    names = [{pin.name for pin in downloads.read_pins(HERE / file)} for file in ("requirements.txt", "wheels.txt")]
    assert not names[0] & names[1]
