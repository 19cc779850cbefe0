# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Builds or reuses the channel ``many`` and its locks: 299 made-up noarch packages and the bed's own Python.

Of each package a third are Python sources, as many compiled files come from them, and a third is data, in folders
as deep as real ones. The locks lie beside the packages:

- ``explicit.txt`` and ``explicit-md5.txt``: the environment, with sha256 or md5 (for conda 24.7.1);
- ``next/explicit.txt``: the same with another version of one package.

Built only for those who call ``build``; needs nothing from outside.
"""

from __future__ import annotations

import concurrent.futures
import functools
import hashlib
import os
import pathlib
import random

from testbed.cache import built, content_key

from .. import archive
from ..archive import Member, Package
from ..recipe import HERE

URL = "http://conda.bed.test/many"
PACKAGES = 299
MODULES = 64
DATA = 65
CHANGED = 7

_FUNCTION = '''

def {name}(values: list, limit: int = {limit}) -> dict:
    """Return how often each of ``values`` below ``limit`` occurs, and {name} of the rest."""
    counted = {{"{name}": {number}}}
    for index, value in enumerate(values):
        if isinstance(value, str) and len(value) > {number}:
            counted[value.lower()] = counted.get(value.lower(), 0) + index
        elif isinstance(value, (int, float)) and value * {number} < limit:
            counted[f"{{value:>{width}}}"] = [one for one in range(int(value) % {limit}) if one & {mask}]
        else:
            try:
                counted.setdefault("rest", []).append((index, value, -index * {number}))
            except (KeyError, ValueError) as error:
                raise RuntimeError("{name} failed: %s" % error) from error
    return counted
'''


def _module(numbers: random.Random, package: str, number: int) -> bytes:
    """Return a source of two to nine kilobytes that compiles, imports nothing and is like no other."""
    text = [f'"""Part {number} of {package}."""\n\nimport functools\n\nPARTS = {[numbers.randrange(9999) for _entry in range(40)]}\n']
    for index in range(numbers.randrange(2, 9)):
        values = {name: numbers.randrange(3, 99) for name in ("limit", "number", "width", "mask")}
        text.append(_FUNCTION.format(name=f"count_{index}_{numbers.randrange(10**6)}", **values))
    return "".join(text).encode()


def package(number: int, version: str = "1.0") -> Package:
    """Return package ``number`` of the channel."""
    name = f"many-{number:03}"
    folder = name.replace("-", "_")
    numbers = random.Random(f"{name} {version}")
    members = {f"site-packages/{folder}/__init__.py": Member(f'"""{name}"""\n\n__version__ = "{version}"\n'.encode())}
    for index in range(1, MODULES):
        place = f"site-packages/{folder}/part_{index % 6}"
        members[f"{place}/module_{index}.py"] = Member(_module(numbers, name, index))
    for index in range(DATA):
        place = f"site-packages/{folder}/data_{index % 4}"
        members[f"{place}/table_{index}.bin"] = Member(numbers.randbytes(numbers.randrange(100, 12_000)))
    information = f"site-packages/{folder}-{version}.dist-info"
    members[f"{information}/METADATA"] = Member(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode())
    members[f"{information}/INSTALLER"] = Member(b"conda\n")
    members[f"{information}/RECORD"] = Member("".join(f"{path[14:]},,\n" for path in sorted(members)).encode())
    made = Package(name, version, "pyhbed_0", "noarch", members, ["python >=3.9"], summary="Much of nothing")
    made.noarch = True
    return made


def _write(number: int, version: str, channel: pathlib.Path) -> pathlib.Path:
    return archive.write(package(number, version), channel)


def _hashes(file: pathlib.Path) -> dict[str, str]:
    content = file.read_bytes()
    return {"sha256": hashlib.sha256(content).hexdigest(), "md5": hashlib.md5(content, usedforsecurity=False).hexdigest()}


def _make(python: dict[str, str], folder: pathlib.Path) -> None:
    """``python``: the lock's line for Python, by the name of the hash."""
    wanted = [(number, "1.0") for number in range(1, PACKAGES + 1)] + [(CHANGED, "2.0")]
    with concurrent.futures.ProcessPoolExecutor(os.cpu_count()) as processes:
        files = list(processes.map(_write, *zip(*wanted, strict=True), [folder] * len(wanted)))
    lines = {
        name: [f"{URL}/{file.parent.name}/{file.name}#{_hashes(file)[name]}" for file in files] for name in ("sha256", "md5")
    }

    def lock(name: str, left_out: int) -> str:
        some = [line for index, line in enumerate(lines[name]) if index != left_out]
        return "\n".join(["# platform: linux-64", "@EXPLICIT", python[name], *some, ""])

    (folder / "explicit.txt").write_text(lock("sha256", len(files) - 1), encoding="utf-8")
    (folder / "explicit-md5.txt").write_text(lock("md5", len(files) - 1), encoding="utf-8")
    (folder / "next").mkdir()
    (folder / "next" / "explicit.txt").write_text(lock("sha256", CHANGED - 1), encoding="utf-8")


def _python_line(locks: pathlib.Path, name: str) -> str:
    lines = (locks / "tiny" / name).read_text(encoding="utf-8").splitlines()
    return next(line for line in lines if "/python-3" in line)


def build(locks: pathlib.Path) -> pathlib.Path:
    """Build or reuse the channel and return its folder in the cache. ``locks``: of the bed, which know its Python."""
    python = {"sha256": _python_line(locks, "explicit.txt"), "md5": _python_line(locks, "explicit-md5.txt")}
    recipe = [pathlib.Path(__file__), HERE / "archive.py", HERE / "recipe.py"]
    return built("channel", "many", content_key(*recipe, *python.values()), functools.partial(_make, python))
