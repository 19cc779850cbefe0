# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Environments as users of a host find them: whole, equal to their locks, read-only, and the same on every host."""

from __future__ import annotations

import json
import pathlib

import pytest
import yaml

VARS = yaml.safe_load(
    (pathlib.Path(__file__).resolve().parents[2] / "build" / "bed" / "vars.yml").read_text(encoding="utf-8")
)
LOCKS = pathlib.Path(VARS["bed_locks"])

ENVIRONMENTS = {
    "env01": {"tiny": "tiny", "ai_env": "ai_env"},
    "env02": {"tiny": "tiny", "second": "tiny_next"},
}


@pytest.fixture
def name(host):
    return host.backend.get_hostname()


@pytest.fixture
def environments(name):
    return ENVIRONMENTS[name]


def locked(lock):
    """Return manager, name and sha256 of what the lock names, read independently of the code under test."""
    data = yaml.safe_load((LOCKS / lock / "conda-lock.yml").read_text(encoding="utf-8"))
    return {
        (entry["manager"], entry["name"], entry["hash"]["sha256"])
        for entry in data["package"]
        if entry["platform"] == "linux-64"
    }


def test_the_records_are_those_of_the_lock(host, environments):
    for name, lock in environments.items():
        script = (
            "import glob, json\n"
            f"for path in glob.glob('/opt/lockstep/envs/{name}/conda-meta/*.json'):\n"
            "    record = json.load(open(path))\n"
            "    print(record['name'], record['sha256'], record['url'])\n"
        )
        answer = host.run("python3 -c %s", script)
        assert answer.rc == 0, answer.stderr
        lines = [line.split() for line in answer.stdout.splitlines()]
        assert {("conda", package, sha256) for package, sha256, _url in lines} == {
            entry for entry in locked(lock) if entry[0] == "conda"
        }
        assert all(url.startswith(VARS["bed_channel"]) for _package, _sha256, url in lines)


def test_real_conda_knows_the_environments(host, environments):
    answer = host.run("/opt/miniconda3/bin/conda env list --json")
    assert answer.rc == 0, answer.stderr
    for name in environments:
        assert f"/opt/lockstep/envs/{name}" in json.loads(answer.stdout)["envs"]


def test_wheels_of_the_lock_are_there_and_work(host, environments):
    if "ai_env" not in environments:
        pytest.skip("only the large environment has pip packages")
    answer = host.run(
        "sudo -u legacy /opt/lockstep/envs/ai_env/bin/python -c "
        "'import numpy, pandas, einops, humanize, tabulate; print(humanize.intcomma(1234567))'"
    )
    assert answer.stdout.strip() == "1,234,567", answer.stderr
    assert host.run("/opt/lockstep/envs/ai_env/bin/python -m pip check").rc == 0
    assert host.run("grep -r uv_cache /opt/lockstep/envs/ai_env/lib/python3.11/site-packages/*/RECORD").rc == 1


def test_users_cannot_change_them(host, environments):
    for name in environments:
        prefix = host.run(f"readlink -f /opt/lockstep/envs/{name}").stdout.strip()
        assert host.run(f"find {prefix} ! -user root -o ! -type l -perm /022 -o -perm /7000").stdout == ""
        modes = host.run(f"find {prefix} ! -type l -printf '%y%m\\n' | sort -u").stdout.split()
        assert modes == ["d755", "f644", "f755"]
        assert host.file(f"{prefix}/lib/python3.11/EXTERNALLY-MANAGED").exists
        if name == "ai_env":
            refused = host.run(f"{prefix}/bin/python -m pip install --no-index nothing")
            assert refused.rc != 0 and "externally" in refused.stderr


def test_no_import_compiles_anything(host, environments):
    """Each source has its bytecode, and Python takes it as it is, even where the package's own was stale."""
    for name in environments:
        answer = host.run(
            f"cd / && /opt/lockstep/envs/{name}/bin/python -v -c 'import json, packaging.version, bed_timestamp_pyc, "
            "bed_prefix_py' 2>&1 | grep -E '^# (wrote|could not|bytecode is stale)|code object from .*[.]py$'"
        )
        assert answer.stdout == ""


def test_post_link_scripts_were_not_run(host, environments):
    for name in environments:
        if name != "ai_env":
            assert host.file(f"/opt/lockstep/envs/{name}/share/bed-post-link.txt").exists
            assert not host.file(f"/opt/lockstep/envs/{name}/share/bed-post-link.ran").exists


def test_the_link_names_a_generation_and_nothing_is_left_over(host, environments):
    used = set()
    for name in environments:
        target = host.file(f"/opt/lockstep/envs/{name}").linked_to
        parts = target.split("/")
        assert parts[:4] == ["", "opt", "lockstep", "generations"] and parts[5:] == ["envs", name]
        assert host.file(f"/opt/lockstep/generations/{parts[4]}/seal.json").exists
        used.add(parts[4])
    assert host.run("ls -A /opt/lockstep/cache/tmp").stdout == ""
    for generation in host.run("ls /opt/lockstep/generations").stdout.split():
        assert host.file(f"/opt/lockstep/generations/{generation}/seal.json").exists
    assert host.run("find /opt/lockstep/cache/archives -name '.*' -o -name '*.part'").stdout == ""


# The same lock, in two formats, on two releases of Debian: one tree, one seal.
SEALS: dict[str, str] = {}


def test_a_generation_is_the_same_on_every_host(host, name):
    link = host.file("/opt/lockstep/envs/tiny").linked_to
    generation = link.rsplit("/", 2)[0]
    SEALS[name] = host.run(f"cat {generation}/seal.json {generation}/tree.json | sha256sum").stdout
    assert len(set(SEALS.values())) == 1
