# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""The web server of a fleet: nginx, which serves what the cache publishes, and the faults that tests ask for."""

from __future__ import annotations

import pathlib

from testbed import cache

HERE = pathlib.Path(__file__).resolve().parent
SETTINGS = HERE / "web"
"""nginx.conf and the program behind /fault/; mounted, so that a change needs no new image."""


def root() -> pathlib.Path:
    """Return the served directory: its links lead to published entries of the cache."""
    folder = cache.cache_root() / "web"
    folder.mkdir(exist_ok=True)
    return folder


def publish(name: str, directory: pathlib.Path) -> None:
    """Serve ``directory``, which lies in the cache, as http://conda.bed.test/``name``/."""
    # Relative: the container sees the cache under another path.
    relative = directory.resolve().relative_to(cache.cache_root().resolve())
    cache.link_atomically(root() / name, pathlib.Path("..") / relative)


def run_arguments() -> list[str]:
    """Return podman's options and command for the web container, without image, name and network."""
    mounts = (f"{cache.cache_root()}:/srv/cache:ro", f"{SETTINGS}:/srv/bed:ro")
    return [*(f"--volume={mount}" for mount in mounts), "--stop-signal=SIGKILL"]


COMMAND = ["/bin/sh", "/srv/bed/start.sh"]


def specification() -> str:
    """Return a digest of all that a running web container depends on, apart from its image."""
    return cache.content_key(SETTINGS, *run_arguments(), *COMMAND)
