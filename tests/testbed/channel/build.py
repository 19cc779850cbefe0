# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Builds or reuses the channel, the wheels and the locks of the bed.

``build(cache)`` publishes ``channel-<key>/``, ``wheels-<key>/`` and ``locks-<key>/`` below ``<cache>/channel/``; each
key is a digest of the recipe and of the pinned inputs, so what is there is right and is used at once.
"""

from __future__ import annotations

import concurrent.futures
import functools
import json
import os
import pathlib
import shutil
import tempfile
import typing as t

from testbed.cache import built, content_key

from . import archive, conda_itself, debian_python, downloads, locks, rattler_call, specials, wheels
from .recipe import CHANNEL_URL, HERE, WHEELS_URL

_SUBJECT = "channel"
_OF_THE_LOCKS = ("locks.py", "solve_child.py")


def _channel_key() -> str:
    """Return the key of the channel: everything of the recipe but what only the locks are made from."""
    files = [
        f
        for pattern in ("*.py", "requirements.txt", "conda.txt")
        for f in HERE.glob(pattern)
        if f.name not in _OF_THE_LOCKS
    ]
    return content_key(*sorted(files), HERE / "shell")


def _write_wheel(name: str, sources: dict[str, pathlib.Path], interpreter: pathlib.Path, channel: pathlib.Path) -> None:
    archive.write(wheels.convert(name, sources, interpreter), channel)


def _make_channel(cache: pathlib.Path, folder: pathlib.Path) -> None:
    with tempfile.TemporaryDirectory(prefix=".work-", dir=folder) as name, concurrent.futures.ThreadPoolExecutor(
        1
    ) as pool:
        work = pathlib.Path(name)
        fetching = pool.submit(downloads.wheels, HERE / "requirements.txt", cache)
        debs = built(
            _SUBJECT, "debs", content_key(*debian_python.DEBS), functools.partial(downloads.debs, debian_python.DEBS)
        )
        sources = fetching.result()
        carrier = downloads.wheels(HERE / "conda.txt", cache)["conda-lock"]
        python, interpreter = debian_python.build(work, debs, [sources["pip"], sources["setuptools"]])
        packages = [python, *specials.all_of_them(interpreter, work), conda_itself.package(carrier, interpreter)]
        # Big ones first: the last to finish decides how long all take.
        names = sorted(sources, key=lambda wheel: -sources[wheel].stat().st_size)
        with concurrent.futures.ProcessPoolExecutor(os.cpu_count()) as processes:
            jobs = [processes.submit(_write_wheel, wheel, sources, interpreter, folder) for wheel in names]
            jobs += [processes.submit(archive.write, package, folder) for package in packages]
            for job in jobs:
                job.result()
    _index(folder)


def _index(channel: pathlib.Path) -> None:
    """Let py-rattler index the channel, and take out the time of day, so that the same packages give the same index."""
    rattler_call.call("index_child.py", {"channel": str(channel)})
    shutil.rmtree(channel / ".tmp", ignore_errors=True)
    for file in channel.glob("*/repodata.json"):
        repodata = json.loads(file.read_text(encoding="utf-8"))
        for record in repodata["packages.conda"].values():
            del record["indexed_timestamp"]
        content = json.dumps(repodata, sort_keys=True).encode()
        file.write_bytes(content)
        file.with_name("repodata.json.zst").write_bytes(archive.compress(content))


def _make_wheels(sources: dict[str, pathlib.Path], folder: pathlib.Path) -> None:
    for wheel in sources.values():
        shutil.copyfile(wheel, folder / wheel.name)


def build(cache: pathlib.Path) -> dict[str, t.Any]:
    """Build or reuse everything below ``cache``.

    Returns URLs as the fleet sees them, and the published folders as absolute paths.
    """
    channel_key = _channel_key()
    channel = built(_SUBJECT, "channel", channel_key, functools.partial(_make_channel, cache))

    def make_wheels(folder: pathlib.Path) -> None:
        _make_wheels(downloads.wheels(HERE / "wheels.txt", cache), folder)

    wheels_key = content_key(HERE / "wheels.txt")
    served = built(_SUBJECT, "wheels", wheels_key, make_wheels)

    def make_locks(folder: pathlib.Path) -> None:
        locks.write(channel, downloads.match(downloads.read_pins(HERE / "wheels.txt"), served), folder)

    locks_key = content_key(*(HERE / name for name in _OF_THE_LOCKS), HERE / "environments", channel_key, wheels_key)
    locked = built(_SUBJECT, "locks", locks_key, make_locks)
    return {
        "bed_channel": CHANNEL_URL,
        "bed_wheels": WHEELS_URL,
        "bed_locks": str(locked),
        "channel_path": str(channel),
        "wheels_path": str(served),
        "locks_path": str(locked),
    }
