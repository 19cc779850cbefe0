# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What uv writes (pylock.toml, PEP 751) as entries of a lock.

This plugin util is private to the collection.
"""

from __future__ import annotations

import os
import re
import tomllib
import typing as t
from urllib.parse import quote, unquote, urlsplit

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.ordering import canonical
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.packages import Package
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.urls import file_name, public_url
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locks import normal_form
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locks.addresses import CONTROLLER
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locks.document import Entry
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._solving import wheel_choice
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._solving.wanted import Wanted, hashes, require_their_hashes
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._specification import pip_requirements

_OURS = "lockstep"

_NAME = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[[^\]]*\])?\s*(?:==|@)")


def preferred(keep: t.Iterable[Entry]) -> str:
    """Return a pylock.toml of the versions in ``keep``, which uv keeps to as far as it can; nothing if there are none."""
    entries = sorted((canonical(one.package.name), one.package.version) for one in keep if one.package.manager == "pip")
    tables = [f'[[packages]]\nname = "{name}"\nversion = "{version}"\n' for name, version in entries]
    return f'lock-version = "1.0"\ncreated-by = "{_OURS}"\n' + "".join(tables) if tables else ""


def is_one(text: str) -> bool:
    """Tell whether ``text`` is a pylock.toml that uv wrote, not what it was given (``preferred``)."""
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return False
    packages = found.get("packages")
    return (
        found.get("created-by") != _OURS
        and isinstance(packages, list)
        and all(isinstance(one, dict) and isinstance(one.get("name"), str) for one in packages)
    )


def entries(
    text: str,
    runtime: wheel_choice.Runtime,
    keep: t.Iterable[Entry],
    base: str,
    asked: t.Sequence[Wanted],
    without: t.Container[str] = (),
) -> tuple[Entry, ...]:
    """Return the packages of a pylock.toml (see ``is_one``), by name; their needs are not known to it.

    ``keep``: a wheel in it stays the chosen one while its release has it. ``base``: the directory from which wheels on the
    controller are named. ``asked``: what the user's lines say, limits too. ``without``: names to leave out.
    Raises one Problem that lists what cannot be locked, or has another hash than is wanted.
    """
    suiting = wheel_choice.ranks(runtime)
    meant = hashes(asked)
    lines = {one.name: str(one.where) for one in reversed(asked)}
    kept = {(canonical(one.package.name), one.package.sha256) for one in keep if one.package.manager == "pip"}
    found = []
    wrong = []
    for table in tomllib.loads(text)["packages"]:
        name = canonical(table["name"])
        if name in without:
            continue
        by_name = {_file_name(one): one for one in _archives(table)}
        if name in meant:  # a wheel with another hash is only chosen, to be refused, where there is none with these
            by_name = {file: one for file, one in by_name.items() if _sha256(one) in meant[name]} or by_name
        stays = [one for one in sorted(by_name) if (name, _sha256(by_name[one])) in kept]
        chosen = wheel_choice.best(stays, suiting) or wheel_choice.best(by_name, suiting)
        if chosen is None:
            line = f"{lines[name]}: " if name in lines else ""
            there = f"only {', '.join(sorted(by_name))}" if by_name else "none at all"
            wrong.append(f"{line}{name} {table.get('version', '')} has no wheel that fits, {there}")
            continue
        archive = by_name[chosen]
        if not normal_form.is_sha256(_sha256(archive)):
            wrong.append(f"{name}: the sha256 of {chosen} could not be had")
            continue
        split = normal_form.split_wheel_name(chosen)
        version = table.get("version") or (split[1] if split else "")
        url, source = _address(archive, base)
        package = Package("pip", name, version, "", "", url, _sha256(archive), source=source)
        found.append(Entry(package, size=archive.get("size")))
    if wrong:
        raise Problem(normal_form.listing(f"The pip part cannot be locked for {runtime}", wrong, pip_requirements.REMEDY))
    require_their_hashes(asked, found)
    return tuple(sorted(found, key=lambda one: one.package.name))


def archives(text: str) -> list[dict[str, t.Any]]:
    """Return all wheels of the packages of a pylock.toml (see ``is_one``)."""
    return [one for table in tomllib.loads(text)["packages"] for one in _archives(table)]


def _archives(table: t.Mapping[str, t.Any]) -> list[dict[str, t.Any]]:
    return [table["archive"]] if "archive" in table else table.get("wheels", [])


def needs(text: str) -> dict[str, tuple[str, ...]]:
    """Return which packages each package needs, by name, from the comments (``# via``) of a requirements.txt of uv's."""
    wanted: dict[str, set[str]] = {}
    name = ""
    for line in text.splitlines():
        if match := _NAME.match(line):
            name = canonical(match[1])
            wanted.setdefault(name, set())
        elif line.lstrip().startswith("#") and name:
            said = line.lstrip(" #").removeprefix("via").strip()
            if said and not said.startswith("-"):
                wanted.setdefault(canonical(said.partition("[")[0]), set()).add(name)
    return {one: tuple(sorted(those)) for one, those in wanted.items()}


def _file_name(archive: t.Mapping[str, t.Any]) -> str:
    return file_name(archive["url"]) if "url" in archive else os.path.basename(archive["path"])


def _sha256(archive: t.Mapping[str, t.Any]) -> str:
    return str(archive.get("hashes", {}).get("sha256", "")).lower()


def _address(archive: t.Mapping[str, t.Any], base: str) -> tuple[str, str]:
    """Return URL and source (see ``packages.Package``): what lies on the controller is fetched from there."""
    url = archive.get("url", "")
    if url and not url.startswith("file:"):
        return public_url(url), ""
    path = unquote(urlsplit(url).path) if url else archive["path"]
    inside = os.path.relpath(path, base)
    source = path if inside.startswith("..") else inside
    return f"file://{CONTROLLER}/{quote(os.path.basename(path))}", source
