# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kernels on a real file system: planned, written, repaired, removed."""

from __future__ import annotations

import json
import os
import stat

import pytest
from ansible_collections.lockstep.gpufleet.plugins.module_utils._jupyter import kernel_directory
from ansible_collections.lockstep.gpufleet.plugins.module_utils._jupyter.kernelspec import parse_kernels
from ansible_collections.lockstep.gpufleet.plugins.module_utils._jupyter.registration import apply, make_plan, observe
from ansible_collections.lockstep.gpufleet.plugins.module_utils._jupyter.stale import Registered
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem

ONE = [{"name": "ai_env", "kernel": {}}]


def make_environment(root, generation="1" * 16, name="ai_env", ipykernel=True, minor=11, frozen=True):
    """Lay down those files of an environment that a kernel depends on, where conda and wheels put them."""
    prefix = root / "generations" / generation / "envs" / name
    site = prefix / "lib" / f"python3.{minor}" / "site-packages"
    (prefix / "bin").mkdir(parents=True)
    site.mkdir(parents=True)
    python = prefix / "bin" / "python"
    python.write_text("#!/bin/sh\n")
    python.chmod(0o755)
    if ipykernel:
        (site / "ipykernel-7.3.0.dist-info").mkdir()
        (site / "ipykernel_launcher.py").write_text("")
        (site / "ipykernel" / "resources").mkdir(parents=True)
        (site / "ipykernel" / "resources" / "logo-32x32.png").write_bytes(b"PNG")
        (site / "ipykernel" / "kernelspec.py").write_text('["-Xfrozen_modules=off"]' if frozen else "")
        shipped = prefix / "share" / "jupyter" / "kernels" / "python3"
        shipped.mkdir(parents=True)
        (shipped / "kernel.json").write_text(
            json.dumps({"argv": ["python", "-m", "ipykernel_launcher", "-f", "{connection_file}"], "metadata": {"debugger": True}})
        )
    (root / "envs").mkdir(exist_ok=True)
    link = root / "envs" / name
    if link.is_symlink():
        link.unlink()
    link.symlink_to(f"../generations/{generation}/envs/{name}")
    return str(prefix)


class Host:
    """A store and a Jupyter data directory below one folder, and the module's three steps on them."""

    def __init__(self, folder):
        self.root = folder / "store"
        self.root.mkdir()
        self.data = folder / "share" / "jupyter"
        self.kernel = self.data / "kernels" / "ai_env"

    def plan(self, environments=None, generations=None, state="present", replace=False, purge=()):
        kernels = parse_kernels(ONE if environments is None else environments, state)
        self.state = observe(kernels, str(self.data), str(self.root), generations or {})
        return make_plan(kernels, self.state, str(self.root), replace, purge)

    def run(self, *arguments, **options):
        plan = self.plan(*arguments, **options)
        if plan:
            apply(plan, self.state)
        return plan

    def argv(self):
        return json.loads((self.kernel / "kernel.json").read_text())["argv"]


@pytest.fixture
def host(tmp_path):
    return Host(tmp_path)


def test_a_kernel_is_registered_once(host):
    prefix = make_environment(host.root)
    assert [str(step) for step in host.plan().steps] == [f"register kernel ai_env at {prefix} (new)"]
    assert not host.data.exists(), "a plan writes nothing"
    host.run()
    assert host.argv()[:2] == [f"{prefix}/bin/python", "-Xfrozen_modules=off"]
    assert sorted(os.listdir(host.kernel)) == ["kernel.json", "logo-32x32.png"]
    assert os.listdir(host.data) == ["kernels"], "no staging folder stays"
    assert not host.plan(), "a second run has nothing to do"


def test_modes_do_not_depend_on_the_umask(host):
    make_environment(host.root)
    before = os.umask(0o077)
    try:
        host.run()
    finally:
        os.umask(before)
    for path in (host.data, host.data / "kernels", host.kernel):
        assert stat.S_IMODE(path.stat().st_mode) == 0o755
    for path in host.kernel.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_a_switched_environment_is_followed(host):
    make_environment(host.root)
    host.run()
    second = make_environment(host.root, generation="2" * 16)
    plan = host.run()
    assert "changed: argv" in str(plan.steps[0])
    assert host.argv()[0] == f"{second}/bin/python"


@pytest.mark.parametrize(
    ("minor", "frozen", "expected"), [(11, True, True), (10, True, False), (12, False, False), (13, True, True)]
)
def test_frozen_modules_are_off_where_ipykernel_does_so(host, minor, frozen, expected):
    make_environment(host.root, minor=minor, frozen=frozen)
    host.run()
    assert ("-Xfrozen_modules=off" in host.argv()) is expected


DRIFT = {
    "edited": lambda kernel: (kernel / "kernel.json").write_text((kernel / "kernel.json").read_text().replace("-m", "-q")),
    "truncated": lambda kernel: (kernel / "kernel.json").write_text(""),
    "no kernel.json": lambda kernel: (kernel / "kernel.json").unlink(),
    "mode": lambda kernel: (kernel / "kernel.json").chmod(0o600),
    "directory mode": lambda kernel: kernel.chmod(0o700),
    "logo gone": lambda kernel: (kernel / "logo-32x32.png").unlink(),
    "logo changed": lambda kernel: (kernel / "logo-32x32.png").write_bytes(b"GIF"),
    "extra file": lambda kernel: (kernel / "kernel.js").write_text("alert(1)"),
    "extra folder": lambda kernel: (kernel / "extra").mkdir(),
    "logo is a link": lambda kernel: [(kernel / "logo-32x32.png").unlink(), (kernel / "logo-32x32.png").symlink_to("/etc/passwd")],
}


@pytest.mark.parametrize("damage", DRIFT.values(), ids=DRIFT.keys())
def test_drift_is_seen_and_repaired(host, damage):
    make_environment(host.root)
    host.run()
    damage(host.kernel)
    plan = host.plan()
    assert [step.name for step in plan.steps] == ["ai_env"]
    assert plan.diff[0]["before"] != plan.diff[0]["after"]
    host.run()
    assert not host.plan()
    assert sorted(os.listdir(host.kernel)) == ["kernel.json", "logo-32x32.png"]


def test_another_layout_of_the_same_json_is_no_drift(host):
    make_environment(host.root)
    host.run()
    path = host.kernel / "kernel.json"
    path.write_text(json.dumps(json.loads(path.read_text())))
    assert not host.plan()


def test_removal(host):
    make_environment(host.root)
    host.run()
    plan = host.run(state="absent")
    assert [str(step) for step in plan.steps] == [f"remove kernel ai_env ({host.kernel})"]
    assert os.listdir(host.data / "kernels") == []
    assert not host.plan(state="absent")


def test_a_kernel_can_go_after_its_environment_has_gone(host):
    make_environment(host.root)
    host.run()
    (host.root / "envs" / "ai_env").unlink()
    assert host.run([{"name": "ai_env", "state": "absent", "kernel": {}}])
    assert not host.kernel.exists()


def _foreign_directory(kernel):
    kernel.mkdir(parents=True)
    (kernel / "kernel.json").write_text('{"argv": ["/home/mia/x/bin/python"], "metadata": {}}')


def _foreign_link(kernel):
    kernel.parent.mkdir(parents=True)
    kernel.symlink_to("/nowhere")


@pytest.mark.parametrize("make", [_foreign_directory, _foreign_link])
@pytest.mark.parametrize("state", ["present", "absent"])
def test_what_others_made_is_left_alone_unless_asked(host, make, state):
    make_environment(host.root)
    make(host.kernel)
    with pytest.raises(Problem, match="replace_unmanaged"):
        host.run(state=state)
    assert host.run(state=state, replace=True)
    assert host.kernel.exists() is (state == "present")
    assert not host.plan(state=state)


def test_logos_of_the_user_take_the_place_of_the_environments(host):
    make_environment(host.root)
    entry = [{"name": "ai_env", "kernel": {"logos": {"logo-svg.svg": "PHN2Zy8+", "logo-64x64.png": "iVBORw0KGgo="}}}]
    host.run(entry)
    assert (host.kernel / "logo-svg.svg").read_bytes() == b"<svg/>"
    assert sorted(os.listdir(host.kernel)) == ["kernel.json", "logo-32x32.png", "logo-64x64.png", "logo-svg.svg"]
    assert not host.plan(entry)
    host.run()
    assert sorted(os.listdir(host.kernel)) == ["kernel.json", "logo-32x32.png"]


def test_what_nothing_can_start_is_purged_in_the_same_run(host):
    make_environment(host.root)
    host.run()
    old = host.data / "kernels" / "old"
    old.mkdir()
    (old / "kernel.json").write_text("{}")
    plan = host.run(purge=[Registered("old", str(old), "/gone/python", True, True)])
    assert [str(step) for step in plan.steps] == [f"purge kernel old ({old}): its interpreter /gone/python is gone"]
    assert os.listdir(host.data / "kernels") == ["ai_env"]


def test_a_missing_environment_is_refused(host):
    with pytest.raises(Problem, match="does not exist on this host"):
        host.plan()


def test_a_dangling_link_is_refused(host):
    (host.root / "envs").mkdir()
    (host.root / "envs" / "ai_env").symlink_to("../generations/gone/envs/ai_env")
    with pytest.raises(Problem, match="does not exist"):
        host.plan()


def test_an_environment_without_ipykernel_is_refused_and_the_package_named(host):
    make_environment(host.root, ipykernel=False)
    with pytest.raises(Problem, match="ipykernel.*lock"):
        host.plan()


def test_an_environment_without_python_is_refused(host):
    prefix = make_environment(host.root)
    os.unlink(f"{prefix}/bin/python")
    with pytest.raises(Problem, match="no Python"):
        host.plan()


def test_a_generation_that_is_still_to_be_built_can_be_planned_but_not_applied(host):
    prefix = str(host.root / "generations" / ("3" * 16) / "envs" / "ai_env")
    plan = host.plan(generations={"ai_env": prefix})
    assert str(plan.steps[0]) == f"register kernel ai_env at {prefix} (new)"
    assert f"{prefix}/bin/python" in plan.diff[0]["after"]
    with pytest.raises(Problem, match="conda_env first"):
        apply(plan, host.state)
    assert not host.data.exists()


def test_the_prediction_of_a_switch_equals_what_happens(host):
    make_environment(host.root)
    host.run()
    prefix = str(host.root / "generations" / ("3" * 16) / "envs" / "ai_env")
    predicted = host.plan(generations={"ai_env": prefix})
    assert make_environment(host.root, generation="3" * 16) == prefix
    assert host.plan().diff == predicted.diff


def test_given_generations_win_over_the_link(host):
    first = make_environment(host.root)
    make_environment(host.root, generation="2" * 16)
    host.run(generations={"ai_env": first})
    assert host.argv()[0] == f"{first}/bin/python"


def test_a_relative_generation_is_refused(host):
    with pytest.raises(Problem, match="absolute"):
        host.plan(generations={"ai_env": "generations/1"})


def test_a_plain_directory_works_with_a_warning(host):
    prefix = make_environment(host.root)
    (host.root / "envs" / "ai_env").unlink()
    os.rename(prefix, host.root / "envs" / "ai_env")
    plan = host.run()
    assert "plain directory" in plan.warnings[0]
    assert host.argv()[0] == f"{host.root}/envs/ai_env/bin/python"


def test_what_an_interrupted_run_left_is_removed(host):
    make_environment(host.root)
    host.run()
    (host.data / ".lockstep-staging" / "ai_env").mkdir(parents=True)
    assert "interrupted" in str(host.run().steps[0])
    assert os.listdir(host.data) == ["kernels"]


def test_a_write_that_fails_leaves_the_old_kernel(host, monkeypatch):
    make_environment(host.root)
    host.run()
    old = (host.kernel / "kernel.json").read_bytes()
    make_environment(host.root, generation="2" * 16)

    def full(*_arguments, **_options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(kernel_directory, "write_atomically", full)
    with pytest.raises(OSError):
        host.run()
    assert (host.kernel / "kernel.json").read_bytes() == old
    assert os.listdir(host.data) == ["kernels"]
