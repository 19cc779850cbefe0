# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""The environment that was made from the files is the one that was made by hand, and nothing secret is in them."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys

import pytest
import testinfra
import yaml

HERE = pathlib.Path(__file__).resolve().parent
PROJECT = HERE.parents[1]
FILES = PROJECT / "build/molecule/adopt/environments/old"


def connect(request, name):
    return testinfra.get_host(f"ansible://{name}", ansible_inventory=request.config.getoption("--ansible-inventory"))


@pytest.fixture(scope="module")
def by_hand(request):
    return connect(request, "adopt01")


@pytest.fixture(scope="module")
def made(request):
    return connect(request, "adopt02")


LIST = """
import glob, json, sys
records = [json.load(open(path)) for path in glob.glob(sys.argv[1] + '/conda-meta/*.json') if 'broken' not in path]
print(json.dumps(sorted([r['name'], r['version'], r['build'], r['url'].replace('http://10.88.81.2', ''), r['sha256']] for r in records)))
"""


def conda_packages(host, prefix):
    answer = host.run("/usr/bin/python3 -c %s %s", LIST, prefix)
    assert answer.rc == 0, answer.stderr
    return json.loads(answer.stdout)


def test_the_builds_are_the_same(by_hand, made):
    packages = conda_packages(by_hand, "/home/ops/envs/old")
    assert len(packages) > 5
    assert conda_packages(made, "/opt/lockstep/envs/old") == packages


@pytest.mark.parametrize("module", ["einops", "humanize", "packaging", "six", "bed_greeter"])
def test_what_is_imported_is_the_same(by_hand, made, module):
    program = f"import importlib.metadata as m; import {module}; print(m.version({module.replace('_', '-')!r}))"
    versions = [host.run("%s/bin/python -c %s", prefix, program).stdout for host, prefix in (
        (by_hand, "/home/ops/envs/old"), (made, "/opt/lockstep/envs/old"))]
    assert versions[0] and versions[0] == versions[1]


def test_what_people_asked_for_is_what_the_file_asks_for():
    written = yaml.safe_load((FILES / "environment.yml").read_text(encoding="utf-8"))
    names = [entry.partition("==")[0] for entry in written["dependencies"] if isinstance(entry, str)]
    assert names == ["bed-greeter", "bed-post-link", "packaging", "pip", "python", "six"]
    assert written["dependencies"][-1]["pip"][2:] == ["einops==0.8.2", written["dependencies"][-1]["pip"][3]]
    assert written["variables"] == {"BED_GREETING": "good morning"}


def test_the_report_says_what_is_lost_and_no_file_has_a_secret():
    report = (FILES / "report.txt").read_text(encoding="utf-8")
    assert "secret-tool: it is a checkout of https://git.example.org/tool.git at 0123abcd" in report
    assert "site-packages/packaging/version.py was edited by hand" in report
    assert "loose_module.py" in report
    for file in FILES.iterdir():
        assert "Sesame" not in file.read_text(encoding="utf-8")


def run(tmp_path, *arguments, playbook="adopt"):
    environment = {**os.environ, "ANSIBLE_HOME": str(tmp_path), "ANSIBLE_FORCE_COLOR": "0", "SCENARIO_RESULTS": str(tmp_path)}
    program = str(pathlib.Path(sys.executable).parent / "ansible-playbook")
    command = [program, "-vv", f"--inventory={HERE / 'inventory'}", f"lockstep.gpufleet.{playbook}", *arguments]
    answer = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert "Traceback" not in answer.stdout + answer.stderr
    return answer


ADOPT = ("-e", "target=adopt01", "-e", "prefix=/home/ops/envs/old")
OPTIONS = ("-e", '{"pip_options": ["--no-index", "--find-links http://10.88.81.2/wheels/"]}')


def test_the_playbook_writes_the_same(tmp_path):
    answer = run(tmp_path, *ADOPT, *OPTIONS, "-e", f"directory={tmp_path}/there")
    assert answer.returncode == 0, answer.stdout[-3000:] + answer.stderr
    assert "Sesame" not in answer.stdout + answer.stderr
    names = sorted(file.name for file in FILES.iterdir())
    assert names == ["conda-lock.yml", "environment.yml", "report.txt"]
    for name in names:
        assert (tmp_path / "there" / name).read_bytes() == (FILES / name).read_bytes()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "Say which environment: -e target=HOST -e prefix=DIRECTORY."),
        (("-e", "target=adopt01", "-e", "prefix=/usr"), "/usr is no conda environment on this host"),
        ((*ADOPT, *OPTIONS, "-e", "strict=true"), "cannot be reproduced as it is"),
    ],
)
def test_what_is_wrong_is_one_clear_error(tmp_path, arguments, says):
    answer = run(tmp_path, *arguments, *(("-e", f"directory={tmp_path}/there") if arguments else ()))
    assert answer.returncode != 0
    assert says in " ".join((answer.stdout + answer.stderr).split())
    assert not (tmp_path / "there").exists()


def test_somebodys_files_are_not_overwritten_unasked(tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "there/environment.yml").write_text("mine\n", encoding="utf-8")
    answer = run(tmp_path, *ADOPT, *OPTIONS, "-e", f"directory={tmp_path}/there")
    assert answer.returncode != 0
    assert "has other files of these names: environment.yml" in " ".join((answer.stdout + answer.stderr).split())
    assert [file.name for file in (tmp_path / "there").iterdir()] == ["environment.yml"]
    assert run(tmp_path, *ADOPT, *OPTIONS, "-e", f"directory={tmp_path}/there", "-e", "overwrite=true").returncode == 0


def test_what_was_adopted_is_locked_already(tmp_path):
    environments = json.dumps({"conda_env_environments": [{"name": "old", "file": f"{FILES}/environment.yml"}]})
    before = {file.name: file.read_bytes() for file in FILES.iterdir()}
    answer = run(tmp_path, "-vv", "-e", "target=adopt01", "-e", environments, playbook="lock")
    assert answer.returncode == 0, answer.stdout[-3000:] + answer.stderr
    assert "what is wanted has not changed" in answer.stdout
    assert {file.name: file.read_bytes() for file in FILES.iterdir()} == before
