# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a lock is for, whoever was asked."""

from __future__ import annotations

import dataclasses
import typing as t

import pytest
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.packages import Package
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locking import hosts, planning
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locks.document import Document, Entry
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._specification.model import CondaSpec, Specification, Where

LOCK = "/ai/conda-lock.yml"
SPECIFICATION = Specification("/ai/environment.yml", "environment.yml")
GPU = {"__glibc": "2.36", "__linux": "6.1.115", "__archspec": "x86_64_v3", "__cuda": "12.4"}
NEWER = {"__glibc": "2.41", "__linux": "6.12.48", "__archspec": "x86_64_v4", "__cuda": "13.0"}
CPU = {name: version for name, version in GPU.items() if name != "__cuda"}


def asked(*those: tuple[str, dict[str, str]], absent: tuple[str, ...] = ()) -> hosts.Asked:
    return hosts.Asked(SPECIFICATION.path, LOCK, tuple(hosts.Host(name, "linux-64", have) for name, have in those), absent)


def locked(targets: t.Sequence[planning.Target], options: planning.Options = planning.Options()) -> Document:
    """Return a lock for ``targets``, as it is read again."""
    package = Package("conda", "a", "1", "0", "noarch", "https://c/noarch/a-1-0.conda", "0" * 64, ())
    digest = SPECIFICATION.digest()
    custom = {planning.VIRTUAL_PACKAGES + one.platform: planning.recorded(one.virtual_packages) for one in targets}
    return Document(
        {one.platform: (Entry(package),) for one in targets},
        content_hash={one.platform: planning.content_hash(digest, one, options) for one in targets},
        custom={**custom, planning.SPECIFICATION: digest, planning.POLICY: "enforce"},
    )


def first_lock(*those: tuple[str, dict[str, str]]) -> Document:
    return locked(planning.targets(asked(*those), SPECIFICATION, planning.Options())[0])


def why(present: Document, wanted: hosts.Asked, **options: t.Any) -> str | None:
    chosen = planning.Options(**options)
    targets, _warnings = planning.targets(wanted, SPECIFICATION, chosen, present)
    return planning.reason(present, SPECIFICATION.digest(), targets, chosen)


@pytest.mark.parametrize(
    "wanted",
    [
        asked(("gpu01", GPU), ("gpu02", NEWER)),
        asked(("gpu01", {**GPU, "__linux": "6.1.140"}), ("gpu02", NEWER)),  # a security update
        asked(("gpu02", NEWER), absent=("gpu01 (not asked)",)),  # --limit
        asked(("gpu01", GPU), absent=("gpu02 (unreachable)",)),
        asked(absent=("gpu01 (unreachable)", "gpu02 (unreachable)")),
        asked(),  # the file by itself
    ],
)
def test_a_lock_stays_whoever_was_asked(wanted: hosts.Asked):
    assert why(first_lock(("gpu01", GPU), ("gpu02", NEWER)), wanted) is None


def test_a_platform_stays_whose_hosts_were_not_asked():
    both = asked(("gpu01", GPU)).hosts + (hosts.Host("arm01", "linux-aarch64", {**GPU, "__archspec": "aarch64"}),)
    present = locked(planning.targets(hosts.Asked(SPECIFICATION.path, LOCK, both), SPECIFICATION, planning.Options())[0])
    assert why(present, asked(("gpu01", GPU), absent=("arm01 (unreachable)",))) is None
    assert why(present, asked(("gpu01", GPU))) == "it is for linux-64, linux-aarch64"


def test_a_host_that_has_less_counts_also_while_another_is_down():
    present = first_lock(("gpu01", NEWER), ("gpu02", NEWER))
    wanted = asked(("gpu01", GPU), absent=("gpu02 (unreachable)",))
    said = why(present, wanted)
    assert said is not None and "__cuda 12.4, not 13.0" in said and "__linux 6.1, not 6.12" in said
    _targets, warnings = planning.targets(wanted, SPECIFICATION, planning.Options(), present)
    assert len(warnings) == 1
    assert warnings[0].startswith("/ai/conda-lock.yml: of the hosts that use it, gpu02 (unreachable) did not tell what it has: the lock")
    assert "__cuda=13.0" in warnings[0]


@pytest.mark.parametrize("told", [(), (("gpu01", GPU),)])
def test_a_first_lock_is_not_made_without_a_host_that_uses_it(told: tuple[tuple[str, dict[str, str]], ...]):
    wanted = asked(*told, absent=("gpu02 (unreachable)",))
    with pytest.raises(Problem) as caught:
        planning.targets(wanted, SPECIFICATION, planning.Options())
    assert "gpu02 (unreachable) did not tell what it has" in str(caught.value)
    assert "-e '{\"conda_lock_virtual_packages\": {\"linux-64\": {" in str(caught.value)
    said = planning.Options(virtual_packages={"linux-64": {"__cuda": "12.4"}})
    targets, warnings = planning.targets(wanted, SPECIFICATION, said)
    assert targets[0].virtual_packages["__cuda"] == "12.4"
    assert len(warnings) == 1 and warnings[0].endswith("what virtual_packages says counts.")


@pytest.mark.parametrize("those", [(("gpu01", CPU),), (("gpu01", GPU), ("cpu01", CPU))])
def test_a_lock_does_not_lose_cuda_because_of_a_driver_that_does_not_answer(those: tuple[tuple[str, dict[str, str]], ...]):
    present = first_lock(("gpu01", GPU))
    with pytest.raises(Problem, match=rf"made for __cuda=12.4 on linux-64, but {those[-1][0]} has no CUDA driver"):
        planning.targets(asked(*those), SPECIFICATION, planning.Options(), present)
    meant = planning.Options(virtual_packages={"linux-64": {"__cuda": ""}})
    targets, warnings = planning.targets(asked(*those), SPECIFICATION, meant, present)
    assert "__cuda" not in targets[0].virtual_packages and not warnings


def test_it_does_not_lose_cuda_either_while_another_host_is_down():
    present = first_lock(("gpu01", GPU), ("gpu02", GPU))
    with pytest.raises(Problem, match="made for __cuda=12.4 on linux-64, but gpu01 has no CUDA driver"):
        planning.targets(asked(("gpu01", CPU), absent=("gpu02 (unreachable)",)), SPECIFICATION, planning.Options(), present)


def test_what_somebody_wrote_into_a_lock_is_no_record():
    present = first_lock(("gpu01", GPU))
    edited = {**present.custom, planning.VIRTUAL_PACKAGES + "linux-64": "__glibc=2.36 __cuda=>=x y"}
    present = dataclasses.replace(present, custom=edited)
    with pytest.raises(Problem, match="there is no lock yet that says"):
        planning.targets(asked(absent=("gpu01 (unreachable)",)), SPECIFICATION, planning.Options(), present)


def test_hosts_whose_platform_is_not_asked_for_are_named():
    _targets, warnings = planning.targets(asked(("gpu01", GPU)), SPECIFICATION, planning.Options(platforms=("linux-aarch64",)))
    assert warnings == ["platforms: linux-64 is not among them, so /ai/conda-lock.yml has nothing for gpu01."]


def test_a_platform_that_is_not_locked_for_has_no_virtual_packages():
    with pytest.raises(Problem, match="virtual_packages: linux-aarch64 is not locked for; the platforms are linux-64"):
        planning.targets(asked(("gpu01", GPU)), SPECIFICATION, planning.Options(virtual_packages={"linux-aarch64": {}}))


WISH = Specification("/ai/environment.yml", "environment.yml", conda=(CondaSpec("new_package", "new_package", Where("/ai/environment.yml", 3)),))


@pytest.mark.parametrize(
    ("update", "says"),
    [
        (None, ""),
        ((), ""),
        (("a",), ""),
        (("A",), ""),
        (("New-Package",), ""),
        (("new_pakcage", "a"), "update: new_pakcage: no present lock has such a package, and no input asks for it (did you mean new-package?)."),
        (("x", "y"), "update: x, y: no present lock has such a package, and no input asks for it."),
    ],
)
def test_update_names_what_a_lock_has_or_an_input_asks_for(update: tuple[str, ...] | None, says: str):
    present = first_lock(("gpu01", GPU))
    try:
        planning.check_update(update, [(present, SPECIFICATION), (None, WISH)])
        found = ""
    except Problem as problem:
        found = str(problem)
    assert found == says


def test_update_moves_only_locks_that_have_the_package():
    present = first_lock(("gpu01", GPU))
    assert why(present, asked(("gpu01", GPU)), update=("a",)) == "a may change"
    assert why(present, asked(("gpu01", GPU)), update=("other",)) is None
