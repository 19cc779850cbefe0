# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""The scripts of shells, run by shells with the variables that conda has set before. Real conda runs them on a host."""

from __future__ import annotations

import pathlib
import subprocess

import pytest

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda import startup

SHOWN = (
    *("PATH", "CONDA_PREFIX", "CONDA_SHLVL", "CONDA_PREFIX_1", "CONDA_STACKED_2"),
    *("PYTHONNOUSERSITE", "_LOCKSTEP_USER_SITE_1", "_LOCKSTEP_USER_SITE_2"),
)


@pytest.fixture(params=[["sh", "-eu"], ["bash", "-eu"], ["bash"]], ids=" ".join)
def shell(request):
    return request.param


@pytest.fixture
def root(tmp_path):
    """Make a store with two generations of one environment, the link on the first; its root wants to be quoted."""
    root = tmp_path.resolve() / "a$b'store"
    for number in (1, 2):
        prefix = root / "generations" / f"{number:016x}" / "envs" / "ai"
        prefix.mkdir(parents=True)
        startup.add(str(prefix), str(root / "envs" / "ai"), user_site=False)
    (root / "envs").mkdir()
    (root / "envs" / "ai").symlink_to(prefix.parents[2] / f"{1:016x}" / "envs" / "ai")
    return root


def generation(root, number):
    return f"{root}/generations/{number:016x}/envs/ai"


def run(shell, variables, *scripts):
    """Run scripts in one shell; return what is exported afterwards, and whether variables of ours are left."""
    sourced = "\n".join(f". '{str(script).replace(chr(39), chr(39) * 1 + chr(92) + chr(39) * 2)}'" for script in scripts)
    code = sourced + "\nset | grep '^_lockstep' || :\necho ---\nenv -0"
    answer = subprocess.run(
        [*shell, "-c", code], env={"PATH": "/usr/bin:/bin", **variables}, capture_output=True, check=False
    )
    assert (answer.returncode, answer.stderr) == (0, b""), answer.stderr
    left, exported = answer.stdout.split(b"---\n", 1)
    assert left == b""
    found = dict(entry.split("=", 1) for entry in exported.decode().split("\0") if entry)
    return {name: found[name] for name in SHOWN if name in found}


def activate(prefix):
    return pathlib.Path(prefix, "etc/conda/activate.d", startup.SCRIPT)


def deactivate(prefix):
    return pathlib.Path(prefix, "etc/conda/deactivate.d", startup.SCRIPT)


PATHS = ["{}/bin:/usr/bin:/bin", "{}/bin:/usr/bin:/bin:", "/x:{}/bin:/usr/bin:{}/bin:/bin", ":{}/bin:/usr/bin:/bin"]


@pytest.mark.parametrize("path", PATHS)
def test_the_link_gives_way_to_the_generation(shell, root, path):
    link, one = f"{root}/envs/ai", generation(root, 1)
    variables = {"PATH": path.replace("{}", link), "CONDA_PREFIX": link, "CONDA_SHLVL": "1"}
    shown = run(shell, variables, activate(link))
    assert shown["PATH"] == path.replace("{}", one, 1).replace("{}", link)
    assert (shown["CONDA_PREFIX"], shown["CONDA_SHLVL"], shown["PYTHONNOUSERSITE"]) == (one, "1", "1")


@pytest.mark.parametrize("original", ["{root}/envs/ai", "{root}/generations/0000000000000001/envs/ai"], ids=["link", "generation"])
def test_a_clone_stays_itself(shell, root, tmp_path, original):
    """conda copies the script, and writes the clone's prefix over the one that was cloned."""
    original = original.format(root=root)
    clone = tmp_path / "home" / ".conda" / "envs" / "mine"
    script = activate(clone)
    script.parent.mkdir(parents=True)
    script.write_text(activate(original).read_text().replace(original, str(clone)))
    variables = {"PATH": f"{clone}/bin:/usr/bin:/bin", "CONDA_PREFIX": str(clone), "CONDA_SHLVL": "1"}
    shown = run(shell, variables, script)
    assert (shown["PATH"], shown["CONDA_PREFIX"]) == (variables["PATH"], str(clone))


def test_a_switch_in_the_very_moment(shell, root):
    """conda named the link; the script that it leads to by now decides."""
    link = f"{root}/envs/ai"
    variables = {"PATH": f"{link}/bin:/usr/bin:/bin", "CONDA_PREFIX": link, "CONDA_SHLVL": "1"}
    shown = run(shell, variables, activate(generation(root, 2)))
    assert shown["PATH"] == f"{generation(root, 2)}/bin:/usr/bin:/bin"


def test_a_link_of_the_users_and_a_copy(shell, root, tmp_path):
    (tmp_path / "mine").symlink_to(root / "envs" / "ai")
    variables = {"PATH": f"{tmp_path}/mine/bin:/usr/bin:/bin", "CONDA_PREFIX": f"{tmp_path}/mine", "CONDA_SHLVL": "1"}
    assert run(shell, variables, activate(tmp_path / "mine"))["CONDA_PREFIX"] == generation(root, 1)
    (tmp_path / "copy").mkdir()
    variables = {"PATH": f"{tmp_path}/copy/bin:/usr/bin:/bin", "CONDA_PREFIX": f"{tmp_path}/copy", "CONDA_SHLVL": "1"}
    shown = run(shell, variables, activate(generation(root, 1)))
    assert (shown["CONDA_PREFIX"], shown["PATH"]) == (f"{tmp_path}/copy", f"{tmp_path}/copy/bin:/usr/bin:/bin")


def test_once_more_after_a_switch(shell, root):
    """conda takes it for another environment; one deactivation must suffice all the same."""
    link, one, two = f"{root}/envs/ai", generation(root, 1), generation(root, 2)
    variables = {"PATH": f"{link}/bin:/usr/bin:/bin", "CONDA_PREFIX": link, "CONDA_SHLVL": "2", "CONDA_PREFIX_1": one}
    shown = run(shell, variables, activate(two))
    assert shown == {
        "PATH": f"{two}/bin:/usr/bin:/bin",
        "CONDA_PREFIX": two,
        "CONDA_SHLVL": "1",
        "PYTHONNOUSERSITE": "1",
        "_LOCKSTEP_USER_SITE_1": "unset",
    }


@pytest.mark.parametrize("before", ["{}/bin:/x", "{}/bin", "/x:{}/bin"])
def test_once_more_stacked(shell, root, before):
    link, one, two = f"{root}/envs/ai", generation(root, 1), generation(root, 2)
    below = before.replace("{}", one)
    variables = {
        "PATH": f"{link}/bin:{below}:/usr/bin:/bin",
        "CONDA_PREFIX": link,
        "CONDA_SHLVL": "2",
        "CONDA_PREFIX_1": one,
        "CONDA_STACKED_2": "true",
        "PYTHONNOUSERSITE": "1",
        "_LOCKSTEP_USER_SITE_1": "was x y",
    }
    shown = run(shell, variables, activate(two))
    rest = before.replace("{}/bin", "").strip(":")
    assert shown["PATH"] == ":".join(filter(None, [f"{two}/bin", rest, "/usr/bin:/bin"]))
    assert (shown["CONDA_SHLVL"], shown["_LOCKSTEP_USER_SITE_1"]) == ("1", "was x y")
    assert "CONDA_STACKED_2" not in shown and "CONDA_PREFIX_1" not in shown


@pytest.mark.parametrize("before", [None, "", "1", "a b"], ids=str)
def test_user_site_comes_back_as_it_was(shell, root, before):
    prefix = generation(root, 1)
    variables = {"CONDA_PREFIX": prefix, "CONDA_SHLVL": "1", "PATH": f"{prefix}/bin:/usr/bin:/bin"}
    if before is not None:
        variables["PYTHONNOUSERSITE"] = before
    # Twice: conda activates a level again when the one above it, stacked, is left.
    inside = run(shell, variables, activate(prefix), activate(prefix))
    assert inside["PYTHONNOUSERSITE"] == "1"
    after = run(shell, variables, activate(prefix), activate(prefix), deactivate(prefix))
    assert after.get("PYTHONNOUSERSITE") == before
    assert "_LOCKSTEP_USER_SITE_1" not in after


def test_user_site_is_let_in_on_request(shell, root):
    prefix = generation(root, 1)
    startup.add(prefix, f"{root}/envs/ai", user_site=True)
    variables = {"CONDA_PREFIX": prefix, "CONDA_SHLVL": "1", "PATH": f"{prefix}/bin:/usr/bin:/bin"}
    assert "PYTHONNOUSERSITE" not in run(shell, variables, activate(prefix))
    assert "PYTHONNOUSERSITE" not in run(shell, variables, activate(prefix), deactivate(prefix))


def test_an_environment_without_python_has_the_scripts_alone(root):
    prefix = generation(root, 1)
    assert startup.add(prefix, f"{root}/envs/ai", user_site=False) == {
        f"etc/conda/activate.d/{startup.SCRIPT}",
        f"etc/conda/deactivate.d/{startup.SCRIPT}",
    }
    pathlib.Path(prefix, "bin").mkdir()
    pathlib.Path(prefix, "bin/python").touch()
    pathlib.Path(prefix, "lib/python3.12").mkdir(parents=True)
    assert f"lib/python3.12/site-packages/{startup.MODULE}.py" in startup.add(prefix, f"{root}/envs/ai", user_site=False)


def test_our_lines_come_first_and_last():
    first, last = startup.LINES
    others = ["distutils-precedence.pth", "__editable__.x.pth", "_virtualenv.pth", "A.pth", "a1_coverage.pth", "zope-nspkg.pth"]
    assert sorted([*others, *startup.LINES]) == [first, *sorted(others), last]
    others = ["activate-gcc_linux-64.sh", "~cuda-nvcc_activate.sh", "env_vars.sh", "libxml2_activate.sh"]
    assert min([*others, startup.SCRIPT]) == startup.SCRIPT
