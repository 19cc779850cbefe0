# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves that the channel, its locks and the installer are real: they install and run. Takes a minute."""

from __future__ import annotations

import hashlib
import json
import pathlib
import subprocess
import sys
import typing as t

import pytest
import yaml
from conda_package_streaming import package_streaming

from testbed import cache
from testbed.channel import build as channel_build
from testbed.channel.recipe import CHANNEL_URL, WHEELS_URL
from testbed.installer import build as installer_build

CLEAN = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}

INSTALL = """
import asyncio, json, os, pathlib, sys
import rattler

async def main():
    channel, prefix, cache, hashes = json.load(sys.stdin)
    gateway = rattler.Gateway(cache_dir=cache + "/repodata")
    sources = [rattler.Channel(pathlib.Path(channel).as_uri())]
    found = await gateway.query(sources, ["linux-64", "noarch"], sorted(hashes), recursive=False)
    records = [r for group in found for r in group if r.sha256.hex() == hashes[r.name.normalized]]
    assert len(records) == len(hashes), (len(records), len(hashes))
    await rattler.install(records, prefix, cache_dir=cache, show_progress=False)
    os._exit(0)

asyncio.run(main())
"""


@pytest.fixture(scope="module")
def bed() -> dict[str, t.Any]:
    """What is published: built now, or there already."""
    found = channel_build.build(cache.cache_root())
    return found | installer_build.build(cache.cache_root(), found)


@pytest.fixture(scope="module")
def base(bed: dict[str, t.Any], tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A base that the installer laid down, as it would on a host."""
    folder = tmp_path_factory.mktemp("base")
    installer = pathlib.Path(bed["installers_path"], installer_build.file_name(bed["bed_miniconda_release"]))
    done = run(["sh", installer, "-b", "-p", folder / "miniconda3"], folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "miniconda3"


def run(command: list[t.Any], home: pathlib.Path, **more: t.Any) -> subprocess.CompletedProcess[str]:
    """Run a program as on a bare host: none of this machine's variables."""
    return subprocess.run(
        [str(part) for part in command],
        env=CLEAN | {"HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
        **more,
    )


def served(bed: dict[str, t.Any], url: str) -> pathlib.Path:
    """Return the file behind a URL of a lock."""
    kind = "channel_path" if url.startswith(f"{CHANNEL_URL}/") else "wheels_path"
    return pathlib.Path(bed[kind], url.removeprefix(f"{CHANNEL_URL}/").removeprefix(f"{WHEELS_URL}/"))


def local_explicit(bed: dict[str, t.Any], name: str, goal: pathlib.Path) -> pathlib.Path:
    """Write an explicit file of real conda's that names the archives on this machine's disk; return it."""
    text = pathlib.Path(bed["locks_path"], name, "explicit-md5.txt").read_text(encoding="utf-8")
    goal.write_text(text.replace(CHANNEL_URL, pathlib.Path(bed["channel_path"]).as_uri()), encoding="utf-8")
    return goal


@pytest.mark.parametrize("name", ["ai_env", "cuda", "tiny", "tiny_next"])
def test_locks_name_what_is_served(bed: dict[str, t.Any], name: str) -> None:
    folder = pathlib.Path(bed["locks_path"], name)
    packages = yaml.safe_load((folder / "conda-lock.yml").read_text(encoding="utf-8"))["package"]
    for package in packages:
        content = served(bed, package["url"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == package["hash"]["sha256"], package["url"]
        if package["manager"] == "conda":
            assert hashlib.md5(content, usedforsecurity=False).hexdigest() == package["hash"]["md5"], package["url"]
    wanted = {
        f"{p['url']}#{p['hash']['sha256']}" for p in packages if p["manager"] == "conda" and p["platform"] == "linux-64"
    }
    explicit = (folder / "explicit.txt").read_text(encoding="utf-8").splitlines()
    assert {line for line in explicit if line.startswith("http")} == wanted


def test_py_rattler_reads_the_locks(bed: dict[str, t.Any]) -> None:
    code = (
        "import os, sys; from rattler.lock import LockFile; e = LockFile.from_path(sys.argv[1]).default_environment()\n"
    )
    code += "print([(str(p), len(e.packages(p))) for p in e.platforms()], flush=True); os._exit(0)"
    for name, expected in (("ai_env", "[('linux-64', 111)]"), ("tiny", "[('linux-64', 6)]")):
        lock = pathlib.Path(bed["locks_path"], name, "conda-lock.yml")
        assert run([sys.executable, "-I", "-c", code, lock], lock.parent).stdout.strip() == expected


def test_archives_hold_what_paths_json_says(bed: dict[str, t.Any]) -> None:
    """Read every archive as conda does; a wrong hash would make an installer call an environment altered."""
    for file in pathlib.Path(bed["channel_path"]).glob("*/*.conda"):
        info = {
            e.name: tar.extractfile(e).read()
            for tar, e in package_streaming.stream_conda_component(file, component="info")
        }
        said = {e["_path"]: e for e in json.loads(info["info/paths.json"])["paths"]}
        seen = set()
        for tar, entry in package_streaming.stream_conda_component(file, component="pkg"):
            seen.add(entry.name)
            if entry.isreg():
                assert hashlib.sha256(tar.extractfile(entry).read()).hexdigest() == said[entry.name]["sha256"], (
                    file.name,
                    entry.name,
                )
        assert seen == set(said), file.name


def test_py_rattler_installs_ai_env(bed: dict[str, t.Any], tmp_path: pathlib.Path) -> None:
    lock = yaml.safe_load(pathlib.Path(bed["locks_path"], "ai_env", "conda-lock.yml").read_text(encoding="utf-8"))
    hashes = {p["name"]: p["hash"]["sha256"] for p in lock["package"] if p["manager"] == "conda"}
    assert len(hashes) > 100
    prefix = tmp_path / "ai_env"
    request = json.dumps([bed["channel_path"], str(prefix), str(tmp_path / "cache"), hashes])
    done = run([sys.executable, "-I", "-c", INSTALL], tmp_path, input=request)
    assert done.returncode == 0, done.stderr
    code = (
        "import numpy, pandas, ipykernel, jupyterlab, scipy.linalg, zmq, sys; print(sys.prefix, numpy.arange(3).sum())"
    )
    done = run([prefix / "bin/python", "-I", "-c", code], tmp_path)
    assert done.stdout.split() == [str(prefix), "3"], done.stderr
    assert run([prefix / "bin/pip", "check"], tmp_path).stdout.strip() == "No broken requirements found."
    made = run([prefix / "bin/python", "-m", "venv", tmp_path / "venv"], tmp_path)
    assert made.returncode == 0, made.stdout + made.stderr


def test_the_base_is_a_real_conda(base: pathlib.Path) -> None:
    assert run([base / "bin/conda", "--version"], base.parent).stdout.strip() == "conda 24.7.1"
    listed = json.loads(run([base / "bin/conda", "list", "--json"], base.parent).stdout)
    assert {"conda", "python", "pip"} <= {package["name"] for package in listed}
    explicit = (base / "conda-meta/initial-state.explicit.txt").read_text(encoding="utf-8").split()
    now = run([base / "bin/conda", "list", "--explicit", "--md5"], base.parent).stdout.split()
    assert {line for line in explicit if line.startswith("http")} == {line for line in now if line.startswith("http")}
    assert not (base / "install_tmp").exists()


def test_real_conda_installs_an_explicit_file(
    bed: dict[str, t.Any], base: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    explicit = local_explicit(bed, "tiny", tmp_path / "explicit.txt")
    prefix = tmp_path / "tiny"
    done = run(
        [base / "bin/conda", "create", "--yes", "--quiet", "--offline", "--prefix", prefix, "--file", explicit],
        tmp_path,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert run([prefix / "bin/bed-greeter"], tmp_path).stdout == "hello from bed-greeter 1.0\n"
    assert run([prefix / "bin/bed-prefix-py"], tmp_path).stdout.strip() == str(prefix)
    assert (prefix / "share/bed-post-link.ran").read_text() == "bed-post-link 1.0\n"
    verbose = run([prefix / "bin/python", "-v", "-c", "import bed_timestamp_pyc"], tmp_path).stderr
    assert "bed_timestamp_pyc.cpython-311.pyc matches" in verbose
    shell = f". {base}/etc/profile.d/conda.sh; conda activate {prefix}; command -v python; "
    shell += "conda deactivate; echo ${CONDA_PREFIX-none}"
    assert run(["bash", "-euc", shell], tmp_path).stdout.split() == [f"{prefix}/bin/python", "none"]


def test_real_conda_solves_against_the_channel(
    bed: dict[str, t.Any], base: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    channel = pathlib.Path(bed["channel_path"]).as_uri()
    command = [
        base / "bin/conda",
        "create",
        "--yes",
        "--quiet",
        "--prefix",
        tmp_path / "new",
        "--override-channels",
        "--channel",
        channel,
    ]
    done = run([*command, "bed-greeter<2"], tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert run([tmp_path / "new/bin/bed-greeter"], tmp_path).stdout == "hello from bed-greeter 1.0\n"


def test_conda_init_changes_only_the_shell(base: pathlib.Path, tmp_path: pathlib.Path) -> None:
    done = run([base / "bin/conda", "init", "bash"], tmp_path)
    assert f"no change     {base}/etc/profile.d/conda.sh" in done.stdout, done.stdout + done.stderr
    assert f"no change     {base}/bin/conda\n" in done.stdout
    assert "conda initialize" in (tmp_path / ".bashrc").read_text(encoding="utf-8")


def test_installer_refuses_what_the_real_one_refuses(
    bed: dict[str, t.Any], base: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    installer = pathlib.Path(bed["installers_path"], installer_build.file_name(bed["bed_miniconda_release"]))
    there = run(["sh", installer, "-b", "-p", base], tmp_path)
    assert (there.returncode, "already exists" in there.stderr) == (1, True)
    with open(installer, "rb") as file:
        (tmp_path / "cut.sh").write_bytes(file.read(20_000_000))
    cut = run(["sh", tmp_path / "cut.sh", "-b", "-p", tmp_path / "new"], tmp_path)
    assert (cut.returncode, "should be" in cut.stderr, (tmp_path / "new").exists()) == (1, True, False)
    assert run(["sh", installer, "-h"], tmp_path).returncode == 2
    assert run(["sh", installer, "-b", "-p", tmp_path / "a b"], tmp_path).returncode == 1
