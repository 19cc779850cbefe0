# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""The compiler program, run as it is run on a host, over real sources of the standard library."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import pathlib
import shutil
import sys
import sysconfig

import pytest

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda import bytecode_program, engine

STDLIB = pathlib.Path(sysconfig.get_path("stdlib"))
FOLDERS = ("json", "email", "asyncio", "importlib", "unittest")


def make_prefix(path):
    for folder in FOLDERS:
        shutil.copytree(STDLIB / folder, path / "lib" / folder, ignore=shutil.ignore_patterns("__pycache__"))
    (path / "lib" / "bad.py").write_text("def (:\n")
    return path


def sources(prefix):
    found = []
    for path in sorted(prefix.rglob("*.py")):
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        found.append([str(path.relative_to(prefix)), digest, True])
    return found


def run(prefix, cache, listed, jobs=2):
    request = {"prefix": str(prefix), "cache": str(cache), "sources": listed, "jobs": jobs}
    return engine.run_program(sys.executable, bytecode_program, request, "/tmp", "the compiler")


def contents(prefix):
    return {str(path.relative_to(prefix)): path.read_bytes() for path in prefix.rglob("*.pyc")}


def test_same_bytes_whatever_the_order_the_place_and_the_neighbours(tmp_path):
    one, other = make_prefix(tmp_path / "one"), make_prefix(tmp_path / "a-longer-path" / "other")
    first = run(one, tmp_path / "cache1", sources(one), jobs=1)
    second = run(other, tmp_path / "cache2", sources(other)[::-1], jobs=3)
    assert first["failed"] == second["failed"] == ["lib/bad.py"]
    assert first["written"] == second["written"]
    assert contents(one) == contents(other)
    assert len(contents(one)) == len(sources(one)) - 1
    for path, digest in first["written"].items():
        assert hashlib.sha256((one / path).read_bytes()).hexdigest() == digest


def test_python_takes_them_and_shows_the_real_path(tmp_path):
    prefix = make_prefix(tmp_path / "p")
    run(prefix, tmp_path / "cache", sources(prefix))
    source = prefix / "lib" / "json" / "decoder.py"
    compiled = importlib.util.cache_from_source(str(source))
    source.write_text("raise SystemExit('the source was used')\n")  # unchecked: Python does not look at the source
    spec = importlib.util.spec_from_file_location("json.decoder", source)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.JSONDecoder.decode.__code__.co_filename == str(source)
    assert os.path.exists(compiled)


def test_a_second_environment_shares_them_and_an_edited_one_is_healed(tmp_path):
    one, two, three = (make_prefix(tmp_path / name) for name in ("one", "two", "three"))
    first = run(one, tmp_path / "cache", sources(one))
    assert run(two, tmp_path / "cache", sources(two)) == first
    name = next(iter(first["written"]))
    assert (one / name).samefile(two / name)
    (one / name).write_bytes(b"edited through a hard link")
    assert run(three, tmp_path / "cache", sources(three)) == first
    assert hashlib.sha256((three / name).read_bytes()).hexdigest() == first["written"][name]
    assert (two / name).read_bytes() == b"edited through a hard link"


def test_what_holds_the_prefix_is_not_shared(tmp_path):
    prefix = make_prefix(tmp_path / "p")
    listed = [[path, None, False] for path, _digest, _shared in sources(prefix)]
    run(prefix, tmp_path / "cache", listed)
    assert not list((tmp_path / "cache").rglob("*.*"))


@pytest.mark.parametrize(("stale", "replaced"), [(False, False), (True, True)])
def test_bytecode_of_the_package_stays_if_python_would_use_it(tmp_path, stale, replaced):
    source = tmp_path / "lib" / "m.py"
    source.parent.mkdir()
    source.write_text("A = 1\n")
    os.utime(source, (1000, 1000))
    status = source.stat()
    header = bytecode_program.MAGIC + b"\0" * 4
    header += int(status.st_mtime).to_bytes(4, "little") + (status.st_size + stale).to_bytes(4, "little")
    compiled = pathlib.Path(importlib.util.cache_from_source(str(source)))
    compiled.parent.mkdir()
    compiled.write_bytes(header + b"rest")
    run(tmp_path, tmp_path / "cache", [["lib/m.py", None, True]])
    assert (compiled.read_bytes() != header + b"rest") == replaced
