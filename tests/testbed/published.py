# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the bed publishes: the served directories, and the variables that tell playbooks about them."""

from __future__ import annotations

import importlib
import pathlib
import typing as t

import yaml

from testbed import cache, identity, web
from testbed.runtime import BedError

SERVED = ("channel", "wheels", "installers")
HERE = pathlib.Path(__file__).resolve().parent


def build(parts: t.Collection[str], say: t.Callable[[str], None]) -> dict[str, t.Any]:
    """Build or reuse the channel and the installer, serve them, and return what they say about themselves.

    ``parts``: ``channel`` or both, ``channel`` and ``installer``.
    """
    found: dict[str, t.Any] = {}
    for part in parts:
        if not (HERE / part / "build.py").is_file():
            raise BedError(f"tests/testbed/{part}/build.py is missing")
        module = importlib.import_module(f"testbed.{part}.build")
        arguments = [cache.cache_root()] + ([found] if part == "installer" else [])
        say(f"{part}: build or reuse")
        found.update(module.build(*arguments))
    for name in SERVED:
        if f"{name}_path" in found:
            web.publish(name, pathlib.Path(found[f"{name}_path"]))
    return found


def variables(found: dict[str, t.Any]) -> dict[str, str]:
    """Return the Ansible variables about what is served: every ``bed_*`` of ``found``, and the URLs."""
    values = {f"bed_{name}": f"http://{identity.WEB_HOST}/{name}" for name in SERVED}
    values.update({key: str(value) for key, value in found.items() if key.startswith("bed_")})
    return values


def write(state: pathlib.Path, found: dict[str, t.Any]) -> None:
    """Write ``vars.yml`` and the link ``locks`` into ``state``; what a partial build did not find stays as it was."""
    path = state / "vars.yml"
    try:
        known = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except FileNotFoundError:
        known = {}
    known.update(variables(found))
    cache.write_atomically(path, "---\n" + yaml.safe_dump(known))
    if "locks_path" in found:
        cache.link_atomically(state / "locks", pathlib.Path(found["locks_path"]))
