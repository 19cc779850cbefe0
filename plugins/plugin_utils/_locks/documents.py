# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Locks of any format as documents, and what of a document is installed.

This plugin util is private to the collection.
"""

from __future__ import annotations

import dataclasses
import json
import re
import typing as t

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda import variables
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.ordering import key as key_of
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.packages import Package
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locks import conda_lock, explicit, pixi, strict_yaml
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locks.document import CATEGORY, VARIABLES, Document
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locks.normal_form import NormalForm, Stated, locking, make

#: Keys at the margin that only locks have, and one that only environment files have; all stand near the beginning.
_LOCK = re.compile(r"^(version|metadata|package|packages|environments):", re.MULTILINE)
_CONDA_LOCK = re.compile(rb"^(metadata|package):", re.MULTILINE)
_WANTED = re.compile(r"^dependencies:", re.MULTILINE)
_BEGINNING = 4096


def content(path: str) -> bytes:
    """Return what the file at ``path`` holds; raises Problem."""
    try:
        with open(path, "rb") as file:
            found = file.read(strict_yaml.LARGEST + 1)
    except OSError as error:
        raise Problem(f"The lock {path} cannot be read: {error.strerror}.") from None
    if len(found) > strict_yaml.LARGEST:
        raise Problem(f"{path} is larger than {strict_yaml.LARGEST // 1024**2} MiB: it is no lock.")
    return found


def read(path: str) -> Document:
    """Return the lock at ``path``, of whatever format; raises Problem that names ``path``."""
    return parse(content(path), path)


def parse(
    content: bytes, path: str, categories: t.Collection[str] | None = None, environment: str | None = None
) -> Document:
    """Tell the format by the content and return the lock, with the entries of ``categories`` only (None: with all).

    ``environment``: of a pixi.lock, which has several (None: ``default``). Raises Problem that names ``path``. A lock that
    was edited by hand is returned; see ``check_unedited``.
    """
    if not content.strip():
        raise Problem(f"{path} is empty: it is no lock.")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise Problem(f"{path} is no text: it is no lock.")
    if text.lstrip()[:1] == "<" and not text.lstrip().startswith(strict_yaml.CONFLICT):
        raise Problem(f"{path} is an HTML or XML page, no lock: a download may have failed.")
    if explicit.is_explicit(text):
        _refuse_environment(environment, path)
        if categories is not None and set(categories) != {CATEGORY}:
            raise Problem(f"{path} is an {explicit.MARKER} list, which has no categories: leave categories out.")
        return explicit.document(text, path)
    data = strict_yaml.load(text, path)
    if pixi.is_pixi(data):
        if categories is not None and set(categories) != {CATEGORY}:
            raise Problem(f"{path} is a pixi.lock, which has no categories but environments: give pixi_environment instead.")
        return pixi.document(data, path, environment or pixi.ENVIRONMENT)
    if conda_lock.is_conda_lock(data):
        _refuse_environment(environment, path)
        return conda_lock.document(data, path, categories)
    if isinstance(data, dict) and "dependencies" in data:
        raise Problem(
            f"{path} is an environment file: it says what is wanted, not which archives. Lock it first, and give the lock: "
            f"{locking(path)}."
        )
    raise Problem(f"{path} is no lock: neither an {explicit.MARKER} list nor a conda-lock.yml or pixi.lock.")


def is_lock(content: bytes) -> bool:
    """Tell whether a file is meant as a conda-lock.yml or a pixi.lock; an ``@EXPLICIT`` list may lack hashes and is none here."""
    text = content[:_BEGINNING].decode("utf-8", "replace")
    return bool(_LOCK.search(text)) and not _WANTED.search(text)


def is_conda_lock(content: bytes) -> bool:
    """Tell whether what ``is_lock`` holds of is a conda-lock.yml."""
    return bool(_CONDA_LOCK.search(content[:_BEGINNING]))


def other_environments(content: bytes, path: str) -> list[str]:
    """Return the names of the environments that ``parse`` leaves out if none is named; only a pixi.lock has several."""
    data = strict_yaml.load(content.decode("utf-8-sig", "replace"), path)
    return sorted(set(data["environments"]) - {pixi.ENVIRONMENT}) if pixi.is_pixi(data) else []


def _refuse_environment(environment: str | None, path: str) -> None:
    if environment is not None:
        raise Problem(f"{path} is no pixi.lock, so it has no environments: leave pixi_environment out.")


def check_unedited(document: Document, path: str) -> None:
    """Raise Problem if entries of the lock at ``path`` were changed after this collection had written them."""
    if document.edited:
        raise Problem(
            f"{path} was edited by hand, or changed by another program: its packages are not those that were locked. "
            "Change what it was made from instead and lock that again (ansible-playbook lockstep.gpufleet.lock). If the lock is "
            f"meant as it is, take the line {conda_lock.WRITTEN} out of its metadata."
        )


def normal_form(
    document: Document, path: str, categories: t.Collection[str] = (CATEGORY,), chosen: str | None = None
) -> NormalForm:
    """Return what is installed of the lock at ``path``; raises Problem that names ``path``.

    A package of several categories is installed once, if they agree on it. ``chosen``: which platform is meant where a
    pixi.lock has several for hosts of one kind.
    """
    check_unedited(document, path)
    names, unclear = _choose(document, path, chosen)
    platforms: dict[str, list[Package]] = {}
    for platform, name in names.items():
        entries = document.platforms[name]
        first: dict[tuple[str, str, str], str] = {}
        for entry in entries:
            package = entry.package
            key = (package.manager, key_of(package.manager, package.name), package.md5 or package.sha256)
            if entry.category in categories and first.setdefault(key, entry.category) == entry.category:
                platforms.setdefault(platform, []).append(package)
    form = make(path, platforms, {platform: _contract(document, names[platform]) for platform in platforms}, unclear)
    return dataclasses.replace(form, variables=_variables(document, path))


def _variables(document: Document, path: str) -> dict[str, str]:
    """Return what the lock says that ``conda activate`` sets; raises Problem."""
    written = document.custom.get(VARIABLES)
    if not written:
        return {}
    try:
        return variables.check(json.loads(written))
    except ValueError as error:
        raise Problem(f"{path}: {VARIABLES} in its metadata cannot be used: {error}.") from None


def _choose(document: Document, path: str, chosen: str | None) -> tuple[dict[str, str], dict[str, tuple[str, ...]]]:
    """Return which of the document's platforms is meant for each of conda's, and between which it is not clear."""
    if chosen is not None and chosen not in document.platforms:
        there = ", ".join(sorted(document.platforms))
        raise Problem(f"{path}: has no platform {chosen}; there are {there} (environments: pixi_platform).")
    named: dict[str, list[str]] = {}
    for name in document.platforms:
        named.setdefault(document.subdirs.get(name, name), []).append(name)
    clear = {
        platform: chosen if chosen in names else names[0]
        for platform, names in named.items()
        if len(names) == 1 or chosen in names
    }
    return clear, {platform: tuple(sorted(names)) for platform, names in named.items() if platform not in clear}


def _contract(document: Document, name: str) -> tuple[Stated, ...]:
    """Return what the lock says of hosts beside the packages' ``depends``."""
    stated = [(f"the lock's platform {name}", "virtual-packages", spec) for spec in document.virtual_packages.get(name, ())]
    for entry in document.platforms[name]:
        stated += [(entry.package.label, "constrains", spec) for spec in entry.constrains if spec.startswith("__")]
    return tuple(stated)
