# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Disks that fill up in the middle of a build, by bytes and by inodes, and a cache that cannot be written."""

from __future__ import annotations

import dataclasses
import typing as t

import pytest

from faults.environments.arena import Arena, Target
from faults.environments.laboratory import Lab

ROOT = "/filling"
ROOM = "size=900m,nr_inodes=200k"

#: The limit becomes what is in use just now.
FULL = {
    "no space": f"mount -o remount,size=$(df -k --output=used {ROOT} | tail -1 | tr -d ' ')k {ROOT}",
    "no inodes": f"mount -o remount,nr_inodes=$(df --output=iused {ROOT} | tail -1 | tr -d ' ') {ROOT}",
}


@pytest.fixture(scope="module")
def filling(lab: Lab, pairs: dict[str, list[Target]], tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[tuple]:
    """A store on a small filesystem of its own, with both locks built once."""
    lab.console(f"mkdir {ROOT} && mount -t tmpfs -o {ROOM} filling {ROOT}")
    made = dataclasses.replace(lab, root=ROOT, scratch=tmp_path_factory.mktemp("filling"))
    targets = []
    for target in pairs["large"]:
        result = made.apply(made.options("large", target.lock))[0]
        assert not result.get("failed"), result
        generation = result["environments"][0]["generation"]
        targets.append(Target(target.lock, generation, made.observe("large")["trees"][generation]))
    yield made, targets
    lab.console(f"systemctl stop job-of-a-user; umount {ROOT}; rmdir {ROOT}")


@pytest.mark.parametrize("phase", ["fetch", "link", "bytecode"])
@pytest.mark.parametrize("lack", FULL)
def test_the_disk_fills_up(filling, matrix, tmp_path, lack, phase):
    lab, targets = filling
    lab.scratch = tmp_path
    active = lab.observe("large")["active"]
    old, new = sorted(targets, key=lambda target: target.generation != active)
    # Preflight looks twice and would refuse; here the disk fills up after it has looked.
    arena = Arena(lab, matrix, "large", old, new, {"preflight": "warn"})
    arena.set_up("slow python-", cold=True)
    strike = lab.strike(name="large", phase=phase, harm="command", command=FULL[lack])
    result = lab.apply(arena.wanted())[0]
    struck = strike.result()
    assert struck["phase"] == phase and not struck["said"], struck
    print(f"{lack} while {phase}: {result.get('msg')}")
    assert result["failed"] and "No space left" in result["msg"], result
    seen = arena.after_the_fault()
    assert seen["active"] == old.generation
    left = "nothing left behind" if seen["litter"] == [] else "remains are removed by the next run"
    lab.console(f"mount -o remount,{ROOM} {ROOT}")
    matrix.note(f"{lack} left on the disk", phase, f"one clear error, old stays, {left}, {arena.recover(seen)}")


def test_the_cache_is_read_only(small: Arena):
    cache = f"{small.lab.root}/cache"
    small.set_up()
    small.lab.console(f"mount --bind {cache} {cache} && mount -o remount,ro,bind {cache}")
    try:
        nothing, change = small.lab.apply(small.former(), small.wanted())
        seen = small.after_the_fault()
    finally:
        small.lab.console(f"umount {cache}")
    assert not nothing.get("failed") and nothing["changed"] is False, nothing
    assert change["failed"] and "Read-only file system" in change["msg"], change
    assert seen["active"] == small.old.generation and seen["litter"] == []
    small.matrix.note("cache is read-only", "before", f"one clear error, old stays, {small.recover(seen)}")
