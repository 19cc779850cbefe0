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
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem

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


@pytest.mark.parametrize(("text", "shared"), [("A = 'elsewhere'\n", True), ("A = '{prefix}/share'\n", False)])
def test_what_holds_the_prefix_is_not_shared(tmp_path, text, shared):
    """Without a digest (patched by the engine, or out of a wheel) the source says itself whether others can use it."""
    source = tmp_path / "p" / "lib" / "m.py"
    source.parent.mkdir(parents=True)
    source.write_text(text.format(prefix=tmp_path / "p"))
    answer = run(tmp_path / "p", tmp_path / "cache", [["lib/m.py", None, True]])
    entries = list((tmp_path / "cache").rglob("*.*"))
    assert len(answer["written"]) == 1
    assert [entry.stat().st_nlink for entry in entries] == ([2] if shared else [])


def test_what_is_shared_goes_by_content_place_and_version_of_python(tmp_path):
    prefix = tmp_path / "p"
    for name, text in {"one.py": "A = 1\n", "two.py": "A = 1\n", "sub/one.py": "A = 1\n", "other.py": "A = 2\n"}.items():
        (prefix / "lib" / name).parent.mkdir(parents=True, exist_ok=True)
        (prefix / "lib" / name).write_text(text)
    run(prefix, tmp_path / "cache", sources(prefix))
    entries = list((tmp_path / "cache").rglob("*.*"))
    assert len(entries) == 4  # their code says which file it is from
    magic = bytecode_program.MAGIC.hex()
    assert {entry.parent.parent.name for entry in entries} == {f"{sys.implementation.cache_tag}-{magic}"}
    again = tmp_path / "again"
    (again / "lib").mkdir(parents=True)
    (again / "lib" / "one.py").write_text("A = 3\n")
    run(again, tmp_path / "cache", sources(again))
    assert b"A" in (again / "lib" / "__pycache__" / f"one.{sys.implementation.cache_tag}.pyc").read_bytes()
    assert len(list((tmp_path / "cache").rglob("*.*"))) == 5


def header_of(source, kind):
    """Return what a compiled file begins with, for a source of this time, size and content (PEP 552)."""
    status, magic = source.stat(), bytecode_program.MAGIC
    stamp = int(status.st_mtime).to_bytes(4, "little") + status.st_size.to_bytes(4, "little")
    right = importlib.util.source_hash(source.read_bytes())
    return {
        "time and size": magic + b"\0\0\0\0" + stamp,
        "other size": magic + b"\0\0\0\0" + stamp[:4] + b"\1\0\0\0",
        "other time": magic + b"\0\0\0\0" + b"\1\0\0\0" + stamp[4:],
        "unchecked hash": magic + b"\1\0\0\0" + right,
        "checked hash": magic + b"\3\0\0\0" + right,
        "unchecked, other hash": magic + b"\1\0\0\0" + right[::-1],
        "checked, other hash": magic + b"\3\0\0\0" + right[::-1],
        "other Python": b"\1\2\r\n" + b"\0\0\0\0" + stamp,
        "cut off": magic,
    }[kind]


FRESH = ("time and size", "unchecked hash", "checked hash")
STALE = ("other size", "other time", "unchecked, other hash", "checked, other hash", "other Python", "cut off")


@pytest.mark.parametrize(("text", "compiles"), [("A = 1\n", True), ("A = 1\n", False), ("def (:\n", True)])
@pytest.mark.parametrize("kind", [*FRESH, *STALE])
def test_bytecode_of_the_package_stays_only_if_it_is_of_this_source(tmp_path, kind, text, compiles):
    source = tmp_path / "lib" / "m.py"
    source.parent.mkdir()
    source.write_text(text)
    os.utime(source, (1000, 1000))
    compiled = pathlib.Path(importlib.util.cache_from_source(str(source)))
    compiled.parent.mkdir()
    brought = header_of(source, kind) + b"rest"
    compiled.write_bytes(brought)
    hidden = tmp_path / "in-the-cache-of-packages"  # the engine links it from there
    os.link(compiled, hidden)
    answer = run(tmp_path, tmp_path / "cache", [["lib/m.py", None, compiles]])
    written = str(compiled.relative_to(tmp_path))
    if kind in FRESH:
        assert compiled.read_bytes() == brought
        assert answer == {"written": {}, "failed": []}
    elif not compiles or text.startswith("def"):
        assert not compiled.exists()
        assert answer == {"written": {}, "failed": ["lib/m.py"] if compiles else []}
    else:
        right = bytecode_program.MAGIC + bytecode_program.UNCHECKED + importlib.util.source_hash(source.read_bytes())
        assert compiled.read_bytes()[:16] == right
        assert answer["written"] == {written: hashlib.sha256(compiled.read_bytes()).hexdigest()}
    assert hidden.read_bytes() == brought


@pytest.mark.parametrize("where", ["cache", "lib/json/__pycache__"])
def test_what_cannot_be_written_is_one_sentence(tmp_path, where):
    prefix = make_prefix(tmp_path / "p")
    (tmp_path / "cache").write_text("a file") if where == "cache" else (prefix / where).write_text("a file")
    with pytest.raises(Problem) as caught:
        run(prefix, tmp_path / "cache", sources(prefix))
    assert "the compiler refused" in str(caught.value) and "Traceback" not in str(caught.value)
