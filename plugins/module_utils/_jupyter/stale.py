# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Kernels whose interpreter is gone: ours can be removed, other people's are only told of.

This module util is private to the collection.
"""

from __future__ import annotations

import dataclasses
import os
import typing as t

from ansible_collections.lockstep.gpufleet.plugins.module_utils._files import read_or_none
from ansible_collections.lockstep.gpufleet.plugins.module_utils._jupyter.kernelspec import is_ours, parse_text


@dataclasses.dataclass(frozen=True)
class Registered:
    """A kernel that is registered: where, and what of it counts here.

    ``user``: whose it is, None for the system's. ``interpreter``: the program that it starts. ``gone``: whether that program
    is not there. ``managed``: whether this collection made it, and then ``environment`` and ``root`` say of what, and
    ``store``: whether that store is there at all.
    """

    name: str
    path: str
    interpreter: str
    gone: bool
    managed: bool
    user: str | None = None
    environment: str = ""
    root: str = ""
    store: bool = True

    def to_data(self) -> dict[str, t.Any]:
        """Return what the module reports of it."""
        return {
            "name": self.name,
            "path": self.path,
            "interpreter": self.interpreter,
            "managed": self.managed,
            "user": self.user or "",
        }


def read_all(data: str, user: str | None) -> list[Registered]:
    """Return the kernels below Jupyter's data directory ``data`` that can be read; links are other people's doing."""
    folder = os.path.join(data, "kernels")
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return []
    return [one for one in (_read(name, os.path.join(folder, name), user) for name in names) if one is not None]


def _read(name: str, path: str, user: str | None) -> Registered | None:
    try:
        content = read_or_none(os.path.join(path, "kernel.json"))
    except OSError:
        return None
    document = parse_text(content) if content is not None else None
    arguments = (document or {}).get("argv")
    program = arguments[0] if isinstance(arguments, list) and arguments else None
    if document is None or not isinstance(program, str) or not os.path.isabs(program):
        return None  # no kernel, or one whose program Jupyter looks for in PATH
    managed = is_ours(document) and not os.path.islink(path)
    mark = document["metadata"]["lockstep"] if managed else {}
    root = str(mark.get("root") or "")
    return Registered(
        name=name,
        path=path,
        interpreter=program,
        gone=_is_gone(program),
        managed=managed,
        user=user,
        environment=str(mark.get("environment") or ""),
        root=root,
        store=not root or os.path.isdir(os.path.join(root, "envs")),
    )


def _is_gone(path: str) -> bool:
    """Say whether nothing is there. What may not be looked at, or does not answer, is not gone."""
    try:
        os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False


@dataclasses.dataclass(frozen=True)
class Verdict:
    """``purge``: kernels to remove. ``reported``: kernels without interpreter that stay. ``warnings``: sentences."""

    purge: tuple[Registered, ...]
    reported: tuple[Registered, ...]
    warnings: tuple[str, ...]


NOTHING = Verdict((), (), ())


def judge(registered: t.Iterable[Registered], reachable: t.Container[str | None], wanted: t.Container[str]) -> Verdict:
    """Decide about every kernel; pure.

    ``reachable``: users whose kernels this call may change, None among them for the system's. ``wanted``: paths of kernels that
    this call writes or removes anyway. A store that is not there at all is more likely not mounted than gone: its kernels stay.
    """
    purge, reported, warnings = [], [], []
    for one in registered:
        if not one.gone or one.path in wanted:
            continue
        if one.managed and one.user in reachable and one.store:
            purge.append(one)
            continue
        reported.append(one)
        why = "it was not made by this collection and is left untouched"
        if one.managed and not one.store:
            why = f"the store {one.root} is not there at all (not mounted?), so it is left untouched"
        elif one.managed:
            why = f"it is left untouched, as this call is not about kernels of {one.user or 'the system'}"
        warnings.append(f"Kernel {one.name!r} cannot start: its interpreter {one.interpreter} is gone ({one.path}); {why}.")
    return Verdict(tuple(purge), tuple(reported), tuple(warnings))
