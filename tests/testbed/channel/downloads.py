# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the channel is made from: PyPI's wheels, each checked against its committed hash, and Debian's packages.

Downloads go through pip and apt as this machine has them configured. A file that is there with the right hash is not
asked for again.
"""

from __future__ import annotations

import concurrent.futures
import dataclasses
import hashlib
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

from packaging.utils import canonicalize_name, parse_wheel_filename

from testbed.cache import locked
from testbed.runtime import BedError

from .recipe import clean_environment

# pip's names for "an x86_64 Linux with glibc 2.34 or newer", newest first.
_TAGS = [f"manylinux_2_{minor}_x86_64" for minor in range(34, 16, -1)] + ["manylinux2014_x86_64", "linux_x86_64"]
_PARALLEL = 4


@dataclasses.dataclass(frozen=True)
class Pin:
    """One line of a requirements file: canonical name, exact version, and the sha256 of each file that may serve it."""

    name: str
    version: str
    hashes: frozenset[str]


def read_pins(file: pathlib.Path) -> list[Pin]:
    """Return the pins of a requirements file as ``uv pip compile --generate-hashes`` writes it."""
    text = re.sub(r"(?m)^\s*#.*$", "", file.read_text(encoding="utf-8")).replace("\\\n", " ")
    pins = []
    for line in filter(str.strip, text.splitlines()):
        found = re.match(r"([A-Za-z0-9._-]+)==([^\s;]+)\s", line + " ")
        hashes = frozenset(re.findall(r"--hash=sha256:([0-9a-f]{64})", line))
        if not found or not hashes:
            raise ValueError(f"{file}: not 'name==version --hash=sha256:...': {line.strip()[:80]}")
        pins.append(Pin(canonicalize_name(found[1]), found[2], hashes))
    return pins


def match(pins: list[Pin], folder: pathlib.Path) -> dict[str, pathlib.Path]:
    """Return name -> wheel in ``folder`` for each pin whose wheel is there with a right hash."""
    wheels: dict[tuple[str, str], list[pathlib.Path]] = {}
    for file in sorted(folder.glob("*.whl")):
        name, version = parse_wheel_filename(file.name)[:2]
        wheels.setdefault((str(name), str(version)), []).append(file)
    found = {}
    for pin in pins:
        for file in wheels.get((pin.name, pin.version), []):
            if hashlib.sha256(file.read_bytes()).hexdigest() in pin.hashes:
                found[pin.name] = file
    return found


def _pip(pins: list[Pin], folder: pathlib.Path) -> None:
    """Let pip download ``pins`` into ``folder``, as Python 3.11 on x86_64 would choose them."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as file:
        for pin in pins:
            file.write(
                f"{pin.name}=={pin.version} " + " ".join(f"--hash=sha256:{h}" for h in sorted(pin.hashes)) + "\n"
            )
        file.flush()
        command = [
            sys.executable,
            "-m",
            "pip",
            "download",
            "--quiet",
            "--no-deps",
            "--require-hashes",
            "--only-binary=:all:",
        ]
        command += ["--implementation=cp", "--python-version=3.11", "--abi=cp311", "--abi=abi3", "--abi=none"]
        command += [f"--platform={tag}" for tag in _TAGS] + ["--requirement", file.name, "--dest", str(folder)]
        done = subprocess.run(
            command, env=clean_environment(download=True), capture_output=True, text=True, check=False
        )
    if done.returncode:
        raise BedError(f"pip could not download from PyPI:\n{done.stdout}{done.stderr}".rstrip())


def wheels(requirements: pathlib.Path, cache: pathlib.Path) -> dict[str, pathlib.Path]:
    """Return name -> wheel for every pin of ``requirements``; missing ones are downloaded into ``cache/downloads``."""
    folder = cache / "downloads"
    folder.mkdir(parents=True, exist_ok=True)
    pins = read_pins(requirements)
    there = match(pins, folder)
    missing = [pin for pin in pins if pin.name not in there]
    if missing:
        # Each pip works in a folder of its own, so that a killed one leaves no half file where it would be looked at.
        with locked("downloads"), tempfile.TemporaryDirectory(prefix=".pip-", dir=folder) as work:
            for left in folder.glob(".pip-*"):  # of downloads that were killed
                if left != pathlib.Path(work):
                    shutil.rmtree(left)
            parts = [missing[n::_PARALLEL] for n in range(_PARALLEL) if missing[n::_PARALLEL]]
            with concurrent.futures.ThreadPoolExecutor(_PARALLEL) as pool:
                list(pool.map(lambda part: _pip(part, pathlib.Path(work)), parts))
            for file in pathlib.Path(work).glob("*.whl"):
                file.replace(folder / file.name)
    found = match(pins, folder)
    lost = [f"{pin.name}=={pin.version}" for pin in pins if pin.name not in found]
    if lost:
        raise BedError(f"no wheel with a pinned hash for: {', '.join(lost)}")
    return found


def debs(names: list[str], folder: pathlib.Path) -> None:
    """Download Debian packages into ``folder``: the versions this machine's apt offers, which apt verifies."""
    command = ["apt-get", "download", "-q", *names]
    environment = clean_environment(download=True)
    for attempt in ("as the lists are", "after apt-get update"):
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return
        if attempt == "as the lists are":
            subprocess.run(["apt-get", "update", "-q"], env=environment, capture_output=True, check=False)
    raise BedError(f"apt-get could not download Debian 12's Python:\n{done.stdout}{done.stderr}".rstrip())
