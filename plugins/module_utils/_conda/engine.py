# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The engine: py-rattler and uv, unpacked from wheels whose hashes are known, and run in child processes.

This module util is private to the collection.
"""

from __future__ import annotations

import dataclasses
import hashlib
import inspect
import json
import os
import subprocess
import tempfile
import typing as t
import zipfile

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda import archives, children, dialogue, link_program
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.engine_wheels import (
    OLDEST_PYTHON,
    PYPI,
    VERSIONS,
    WHEELS,
)
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.store import Store
from ansible_collections.lockstep.gpufleet.plugins.module_utils._files import sync_filesystem
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem


@dataclasses.dataclass(frozen=True)
class Engine:
    """An unpacked engine and the Python that runs it."""

    directory: str
    python: str

    @property
    def uv(self) -> str:
        return f"{self.directory}/uv-{VERSIONS['uv']}.data/scripts/uv"


def wheels(platform: str, mirror: str | None) -> list[archives.Archive]:
    """Return the engine's wheels for ``platform``; ``mirror``: base URL to take them from instead of PyPI."""
    result = []
    for path, sha256 in WHEELS[platform]:
        name = path.rpartition("/")[2]
        url = f"{mirror.rstrip('/')}/{name}" if mirror else f"{PYPI}/{path}"
        result.append(archives.Archive("engine: " + name, url, name, sha256))
    return result


def find_python(base: str) -> str | None:
    """Return the base's Python, or None where there is no base."""
    for name in ("python", "python3"):
        path = f"{base}/bin/{name}"
        if os.access(path, os.X_OK):
            return path
    return None


def check_python(python: str, base: str) -> None:
    """Raise Problem unless ``python`` runs and is new enough for the engine."""
    try:
        answer = subprocess.run(
            [python, "-I", "-S", "-B", "-c", "import sys; print(*sys.version_info[:2])"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=60,
            check=False,
            env=clean_environment("/"),
        )
        version = tuple(int(part) for part in answer.stdout.split())
        if answer.returncode != 0 or len(version) != 2:
            raise ValueError
    except (OSError, ValueError, subprocess.TimeoutExpired):
        raise Problem(f"The base {base} is broken: its Python {python} does not run. Install it again.") from None
    if version < OLDEST_PYTHON:
        raise Problem(
            f"The base {base} has Python {version[0]}.{version[1]}, but the engine that builds environments needs "
            f"{OLDEST_PYTHON[0]}.{OLDEST_PYTHON[1]} or newer: install a newer release of the base "
            "(miniconda_release) or name another one (conda_env_base)."
        )


def unpack(store: Store, platform: str, mirror: str | None, python: str) -> Engine:
    """Return the engine, unpacked if this store does not have it; its wheels must be in the archive cache.

    The directory is named by the wheels' hashes and appears by one rename.
    """
    parts = wheels(platform, mirror)
    digest = hashlib.sha256("".join(sorted(part.sha256 for part in parts)).encode()).hexdigest()
    directory = f"{store.engines}/{digest}"
    if not os.path.isdir(directory):
        os.makedirs(store.engines, mode=0o755, exist_ok=True)
        altered = archives.verify(store.archives, parts)
        if altered:
            raise Problem(f"{altered[0].file_name} in {store.archives} was altered and is removed: run again.")
        # Beside its place, not in the cache, which may be on another filesystem.
        staging = tempfile.mkdtemp(prefix=".", dir=store.engines)
        for part in parts:
            with zipfile.ZipFile(archives.path_in_cache(store.archives, part)) as wheel:
                wheel.extractall(staging)
        os.chmod(f"{staging}/uv-{VERSIONS['uv']}.data/scripts/uv", 0o755)
        os.chmod(staging, 0o755)
        sync_filesystem(staging)
        os.rename(staging, directory)
    return Engine(directory, python)


def is_unpacked(store: Store, platform: str) -> bool:
    """Tell whether the store has the engine, so that its wheels are not needed."""
    digest = hashlib.sha256("".join(sorted(sha256 for _path, sha256 in WHEELS[platform])).encode()).hexdigest()
    return os.path.isdir(f"{store.engines}/{digest}")


def clean_environment(home: str) -> dict[str, str]:
    """Return the environment of every program that we start: nothing of the caller's leaks into what is built."""
    return {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": home, "LC_ALL": "C.UTF-8"}


def link(
    engine: Engine,
    request: dict[str, t.Any],
    temporary: str,
    approve: t.Callable[[list[dict[str, t.Any]]], None],
    report: t.Callable[[dict[str, t.Any]], None],
) -> tuple[dict[str, str], set[str]]:
    """Run the link program in a child process.

    Returns the sha256 of the files that it linked unchanged, by path, and the paths of those that are executables in
    their packages.
    ``request``: see ``link_program.link``; ``approve`` and ``report``: see ``dialogue.converse``. Raises EngineRefused
    or EngineDied, or what ``approve`` raises; then the prefix was not touched.
    """
    environment = clean_environment(temporary)
    # Whatever the engine may try to fetch by itself fails at once: only verified archives are linked.
    environment.update(dict.fromkeys(("http_proxy", "https_proxy", "all_proxy"), "http://127.0.0.1:9"))
    answer = dialogue.converse(
        [engine.python, "-I", "-S", "-B", "-c", inspect.getsource(link_program)],
        dict(request, engine=engine.directory),
        environment,
        "The engine (py-rattler)",
        approve,
        report,
    )
    return answer["hashes"], set(answer["executables"])


def run_program(python: str, source: t.Any, request: dict[str, t.Any], temporary: str, who: str) -> dict[str, t.Any]:
    """Run the program ``source`` (a module) by ``python`` with a JSON request; return its JSON answer or raise Problem."""
    argv = [python, "-S", "-s", "-B", "-c", inspect.getsource(source)]
    environment = dict(clean_environment(temporary), PYTHONHASHSEED="0")
    process = children.run(argv, environment, json.dumps(request).encode())
    return _answer(process, who)


def _answer(process: subprocess.CompletedProcess[bytes], who: str) -> dict[str, t.Any]:
    """Return the JSON that a child wrote; raises Problem with the last lines of its errors if it died."""
    try:
        answer = json.loads(process.stdout)
    except ValueError:
        answer = None
    if process.returncode != 0 or not isinstance(answer, dict):
        words = process.stderr.decode("utf-8", "replace").strip()[-2000:]
        how = dialogue.how_it_ended(process.returncode)
        raise Problem(f"{who} {how}; nothing was switched." + (f" It said: {words}" if words else ""))
    if "error" in answer:
        raise Problem(f"{who} refused: {answer['error']}")
    return answer
