# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Locks as files on the controller: where they are looked for, what they are, and reading each of them once.

This plugin util is private to the collection.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import typing as t

from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locks import documents
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locks.document import CATEGORY
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locks.normal_form import NormalForm

#: Part of the cache's file names: raise it when the readers or the normal form change.
_READERS = 5


def find(lock: str, places: t.Sequence[str], fallback: t.Callable[[str], str | None], what: str = "lock") -> str:
    """Return the path of ``lock``; a relative one is looked for in ``places``, then asked of ``fallback``.
    ``what``: a word for it in errors.

    Raises Problem that lists all the places.
    """
    lock = os.path.normpath(os.path.expanduser(lock))
    if os.path.isabs(lock):
        if os.path.isfile(lock):
            return lock
        raise Problem(f"The {what} {lock} is not a file on the controller.")
    tried = []
    for place in dict.fromkeys(places):
        path = os.path.normpath(os.path.join(place, lock))
        if os.path.isfile(path):
            return path
        tried.append(path)
    found = fallback(lock)
    if found and os.path.isfile(found):
        return found
    lines = "".join(f"\n- {path}" for path in tried)
    raise Problem(
        f"The {what} {lock} is nowhere on the controller. It was looked for as{lines}\n"
        "and where Ansible looks for files (files/ of the role and the playbook)."
    )


def read(
    path: str,
    categories: t.Collection[str] = (CATEGORY,),
    cache: str | None = None,
    environment: str | None = None,
    platform: str | None = None,
) -> NormalForm:
    """Return the normal form of the lock at ``path``, of whatever format; raises Problem that names ``path``.

    ``categories``: of a conda-lock.yml. ``environment``: of a pixi.lock; ``platform``: which of its platforms is meant where it
    has several for hosts of one kind. ``cache``: a folder of this run that only its user can read, that Ansible removes
    when the run ends, and that all its forks share. The first fork that needs a lock parses it, by the sha256 of its
    content; the others wait for it and read the result, which takes a tenth of the time. Without ``cache`` it is parsed.
    """
    content = documents.content(path)
    if cache is None:
        return parse(content, path, categories, environment, platform)
    os.makedirs(cache, mode=0o700, exist_ok=True)
    asked = [sorted(set(categories)), environment, platform]
    key = json.dumps([_READERS, asked, hashlib.sha256(content).hexdigest()])
    name = f"{cache}/{hashlib.sha256(key.encode()).hexdigest()}"
    with open(f"{name}.lock", "w", encoding="ascii") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        with contextlib.suppress(FileNotFoundError), open(f"{name}.json", encoding="utf-8") as file:
            return NormalForm.from_json(file.read())
        form = parse(content, path, categories, environment, platform)
        with open(f"{name}.part", "w", encoding="utf-8", opener=_private) as file:  # URLs may hold credentials
            file.write(form.to_json())
        os.rename(f"{name}.part", f"{name}.json")
        return form


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def parse(
    content: bytes,
    path: str,
    categories: t.Collection[str] = (CATEGORY,),
    environment: str | None = None,
    platform: str | None = None,
) -> NormalForm:
    """Tell the format by the content and return the normal form; raises Problem that names ``path``."""
    if not categories:
        raise Problem(f"{path}: no categories are asked for; leave the option out for {CATEGORY}.")
    document = documents.parse(content, path, categories, environment)
    return documents.normal_form(document, path, categories, platform)
