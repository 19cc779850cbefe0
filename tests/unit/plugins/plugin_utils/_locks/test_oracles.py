# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs of others read what is written: conda-lock its own format, conda and pip theirs."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import io
import json
import pathlib
import subprocess
import tarfile
import zipfile

import pytest
from unit.plugins.plugin_utils._locks import rattler_oracle

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.packages import Package
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locks import (
    conda_lock_text,
    documents,
    explicit_text,
    requirements_text,
)
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locks.document import Document, Entry

ORACLES = pathlib.Path(__file__).parents[5] / "build/oracles/bin/python"
URL = "https://conda.example/ch"
ZLIB = Package("conda", "zlib", "1.3", "h_1", "linux-64", f"{URL}/linux-64/zlib-1.3-h_1.conda", "1" * 64, ("__glibc >=2.17,<3",))
SIX = Package("conda", "six", "1.0", "py_0", "noarch", f"{URL}/noarch/six-1.0-py_0.conda", "2" * 64, ("python >=3",))
LOCK = {"linux-64": (Entry(ZLIB, md5="3" * 32), Entry(SIX, md5="4" * 32))}


def ask(program: str, *arguments: str) -> str:
    done = subprocess.run([ORACLES, "-c", program, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.fixture(name="wheel")
def wheel_(tmp_path: pathlib.Path) -> Entry:
    path = tmp_path / "greeter-1.0-py3-none-any.whl"
    files = {
        "greeter.py": b"",
        "greeter-1.0.dist-info/METADATA": b"Metadata-Version: 2.1\nName: greeter\nVersion: 1.0\n",
        "greeter-1.0.dist-info/WHEEL": b"Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(
        f"{name},sha256={base64.urlsafe_b64encode(hashlib.sha256(text).digest()).rstrip(b'=').decode()},{len(text)}\n"
        for name, text in files.items()
    )
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
        archive.writestr("greeter-1.0.dist-info/RECORD", record + "greeter-1.0.dist-info/RECORD,,\n")
    return Entry(Package("pip", "greeter", "1.0", "", "", path.as_uri(), hashlib.sha256(path.read_bytes()).hexdigest()))


CONDA_LOCK = """
import json, pathlib, sys
from conda_lock.lockfile import parse_conda_lock_file
content = parse_conda_lock_file(pathlib.Path(sys.argv[1]))
print(json.dumps([[p.manager, p.name, p.version, p.platform, p.url, p.hash.sha256, p.hash.md5] for p in content.package]))
"""


def test_conda_lock_reads_its_own_format(tmp_path: pathlib.Path, wheel: Entry):
    document = Document(
        {**LOCK, "linux-aarch64": (Entry(SIX, md5="4" * 32), wheel)},
        channels=(URL, "conda-forge"),
        content_hash={"linux-64": "5" * 64, "linux-aarch64": "6" * 64},
        sources=("environment.yml",),
        custom={"lockstep.specification": "7" * 64},
    )
    path = tmp_path / "conda-lock.yml"
    path.write_text(conda_lock_text.text(document), encoding="utf-8")
    found = json.loads(ask(CONDA_LOCK, str(path)))
    expected = [
        [e.package.manager, e.package.name, e.package.version, platform, e.package.url, e.package.sha256, e.md5 or None]
        for platform, entries in document.platforms.items()
        for e in entries
    ]
    assert sorted(found) == sorted(expected)


def test_py_rattler_reads_conda_lock(tmp_path: pathlib.Path):
    document = Document(LOCK, channels=(URL,), content_hash={"linux-64": "5" * 64}, sources=("environment.yml",))
    path = tmp_path / "conda-lock.yml"
    path.write_text(conda_lock_text.text(document), encoding="utf-8")
    (environments,) = rattler_oracle.read(path)
    found = {(one["name"], one["sha256"], one["md5"]) for one in environments["default"]["linux-64"]["packages"]}
    assert found == {(entry.package.name, entry.package.sha256, entry.md5) for entry in LOCK["linux-64"]}


def test_conda_installs_from_the_list_with_md5(tmp_path: pathlib.Path):
    archive = tmp_path / "linux-64/tool-1.0-0.tar.bz2"
    archive.parent.mkdir()
    index = {"name": "tool", "version": "1.0", "build": "0", "build_number": 0, "depends": [], "subdir": "linux-64"}
    paths = {"paths": [], "paths_version": 1}
    with tarfile.open(archive, "w:bz2") as tar:
        for name, text in (("info/index.json", json.dumps(index)), ("info/paths.json", json.dumps(paths)), ("info/files", "")):
            member = tarfile.TarInfo(name)
            member.size = len(text)
            tar.addfile(member, io.BytesIO(text.encode()))
    content = archive.read_bytes()
    sha256, md5 = hashlib.sha256(content).hexdigest(), hashlib.md5(content).hexdigest()
    tool = Package("conda", "tool", "1.0", "0", "linux-64", archive.as_uri(), sha256)
    path = tmp_path / "explicit.txt"
    path.write_text(explicit_text.text(Document({"linux-64": (Entry(tool, md5=md5),)}), "linux-64", md5=True), encoding="utf-8")
    # conda-lock carries the whole of it, under another name.
    program = "import sys, conda_lock; sys.path.insert(0, conda_lock.__path__[0] + '/_vendor'); "
    program += "from conda.cli import main; sys.exit(main(*sys.argv[1:]))"
    command = [ORACLES, "-c", program, "create", "--yes", "--offline", "--prefix", tmp_path / "there", "--file", path]
    home = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "CONDA_PKGS_DIRS": str(tmp_path / "pkgs"), "CONDA_SUBDIR": "linux-64", "CONDA_SOLVER": "classic"}
    done = subprocess.run(command, env=home, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    record = json.loads((tmp_path / "there/conda-meta/tool-1.0-0.json").read_text(encoding="utf-8"))
    assert (record["url"], record["md5"]) == (archive.as_uri(), md5)


@pytest.mark.parametrize("right", [True, False])
def test_pip_installs_from_the_requirements(tmp_path: pathlib.Path, wheel: Entry, right: bool):
    package = wheel.package if right else dataclasses.replace(wheel.package, sha256="0" * 64)
    path = tmp_path / "requirements.txt"
    text = requirements_text.text(Document({"linux-64": (Entry(ZLIB), Entry(package))}), "linux-64")
    path.write_text(text, encoding="utf-8")
    command = [ORACLES, "-m", "pip", "install", "--disable-pip-version-check", "--no-index", "--require-hashes", "--no-deps"]
    done = subprocess.run(
        [*command, "--target", tmp_path / "there", "-r", path], capture_output=True, text=True, check=False
    )
    assert (done.returncode == 0) is right, done.stderr
    assert (tmp_path / "there/greeter.py").exists() is right


def test_a_lock_that_is_edited_is_told_from_one_that_is_not(tmp_path: pathlib.Path):
    path = tmp_path / "conda-lock.yml"
    path.write_text(conda_lock_text.text(Document(LOCK)), encoding="utf-8")
    assert not documents.read(str(path)).edited
    path.write_text(path.read_text(encoding="utf-8").replace("1" * 64, "a" * 64), encoding="utf-8")
    assert documents.read(str(path)).edited
