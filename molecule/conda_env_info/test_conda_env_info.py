# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""The snapshots on the controller say what real conda and pip say of the environments on the host."""

from __future__ import annotations

import json
import pathlib
import re

import pytest
import yaml

PROJECT = pathlib.Path(__file__).resolve().parents[2]
SNAPSHOTS = PROJECT / "build" / "molecule" / "conda_env_info" / "snapshots" / "info01"
CONDA = "/opt/miniconda3/bin/conda"

#: What pip calls a package of conda's that is no Python distribution.
NOT_FOR_PIP = {"ai_env": {"python"}, "tiny": {"python", "bed-post-link", "bed-prefix-py", "bed-timestamp-pyc"}}


@pytest.fixture(params=["ai_env", "tiny"])
def name(request):
    return request.param


@pytest.fixture
def snapshot(host, name):
    """Return the files of the generation that is active on the host, by name."""
    generation = host.file(f"/opt/lockstep/envs/{name}").linked_to.split("/")[4]
    return {path.name: path.read_text(encoding="utf-8") for path in (SNAPSHOTS / name / generation).iterdir()}


def run(host, command):
    answer = host.run(command)
    assert answer.rc == 0, answer.stderr
    return answer.stdout


def entries(text):
    """Return URL and hash of each line of an explicit list."""
    return [line.partition("#")[::2] for line in text.splitlines() if line and not line.startswith(("#", "@"))]


def canonical(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def conda_packages(snapshot):
    return {
        dependency.split("=")[0]: dependency.split("=")[1]
        for dependency in yaml.safe_load(snapshot["environment.yml"])["dependencies"]
        if isinstance(dependency, str)
    }


def wheels(snapshot):
    lines = [line for line in snapshot["requirements.txt"].splitlines() if not line.startswith("#")]
    return dict(line.split(" ")[0].split("==") for line in lines)


def test_environment_yml_is_what_conda_exports(host, name, snapshot):
    theirs = yaml.safe_load(run(host, f"{CONDA} env export -n {name}"))
    del theirs["prefix"]  # a path of this host
    assert yaml.safe_load(snapshot["environment.yml"]) == theirs


def test_the_explicit_list_is_condas_in_another_order(host, name, snapshot):
    theirs = entries(run(host, f"{CONDA} list -n {name} --explicit"))
    ours = entries(snapshot["explicit.txt"])
    assert len(ours) == len(theirs) and {url for url, _sha256 in ours} == {url for url, _none in theirs}
    script = (
        "import glob, json\n"
        f"records = map(json.load, map(open, glob.glob('/opt/lockstep/envs/{name}/conda-meta/*.json')))\n"
        "print(json.dumps({r['url']: [r['sha256'], r['name'], [d.split()[0] for d in r['depends']]] for r in records}))\n"
    )
    records = json.loads(run(host, f'python3 -c "{script}"'))
    assert dict(ours) == {url: record[0] for url, record in records.items()}
    names = [records[url][1] for url, _sha256 in ours]
    for position, (url, _sha256) in enumerate(ours):
        needed = {need for need in records[url][2] if need in names}
        assert needed <= set(names[:position]), f"{url} comes before what it needs"


def test_pip_knows_the_same_packages(host, name, snapshot):
    if name == "tiny":
        # tiny has no pip: what importlib finds is what pip would list.
        code = "import importlib.metadata as m; print(*(d.metadata['Name'] + '==' + d.version for d in m.distributions()))"
        lines = run(host, f'/opt/lockstep/envs/tiny/bin/python -I -c "{code}"').split()
    else:
        listed = json.loads(run(host, f"/opt/lockstep/envs/{name}/bin/python -m pip list --format=json --disable-pip-version-check"))
        lines = run(host, f"/opt/lockstep/envs/{name}/bin/python -m pip freeze --all").split()
        assert sorted(lines) == sorted(f"{one['name']}=={one['version']}" for one in listed)
    theirs = {canonical(line.split("==")[0]): line.split("==")[1] for line in lines}
    ours = {**conda_packages(snapshot), **wheels(snapshot)}
    assert theirs == {package: version for package, version in ours.items() if package not in NOT_FOR_PIP[name]}


def test_the_requirements_are_what_pip_installed_and_can_install(host, name, snapshot):
    pip = [one["pip"] for one in yaml.safe_load(snapshot["environment.yml"])["dependencies"] if isinstance(one, dict)]
    assert [f"{package}=={version}" for package, version in wheels(snapshot).items()] == (pip[0] if pip else [])
    if not pip:
        return
    text = snapshot["requirements.txt"]
    command = (
        "umask 077 && cd $(mktemp -d) && cat > requirements.txt <<'EOF'\n" + text + "EOF\n"
        f"/opt/lockstep/envs/{name}/bin/python -m pip download --quiet --no-deps --require-hashes --no-index "
        "--find-links http://conda.bed.test/wheels/ --trusted-host conda.bed.test -r requirements.txt && ls *.whl | wc -l; rm -r $PWD"
    )
    assert run(host, command).strip() == str(len(wheels(snapshot)))


def test_nothing_that_was_given_away_or_opened_comes_back_through_the_cache(host, name):
    """Files are hard links into the cache: a mode or owner that was changed in one generation must not be in the next."""
    prefix = host.run(f"readlink -f /opt/lockstep/envs/{name}").stdout.strip()
    assert run(host, f"find {prefix} ! -user root -o ! -group root") == ""
    modes = run(host, f"find {prefix} ! -type l -printf '%y%m\n' | sort -u").split()
    assert modes == ["d755", "f644", "f755"]
    if name == "ai_env":
        site = f"{prefix}/lib/python3.11/site-packages"
        assert host.file(f"{site}/idna/intranges.py").mode == 0o644
        assert run(host, f"stat -c %a {site}/numpy/_core/_multiarray_umath.*.so").strip() == "755"


def test_the_seal_is_the_hosts(host, name, snapshot):
    assert snapshot["seal.json"] == host.file(f"/opt/lockstep/envs/{name}/../../seal.json").content_string
