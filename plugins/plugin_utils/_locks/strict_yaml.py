# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""YAML as locks and environment files need it: plain text, lists and mappings, and no way to make much out of little.

Scalars stay as they are written, so that a hash of digits only, or a version such as 1.10, is no number. Anchors,
aliases, tags, merge keys, duplicate keys and deep nesting are refused, by events, before anything is built.

This plugin util is private to the collection.
"""

from __future__ import annotations

import dataclasses
import re
import typing as t

import yaml

from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locks import addresses

try:
    from yaml import CSafeLoader as Loader
except ImportError:  # PyYAML without libyaml: slower, same result
    from yaml import SafeLoader as Loader  # type: ignore[assignment]

#: Bytes; locks of hundreds of packages for several platforms have one or two million.
LARGEST = 64 * 1024 * 1024

#: Levels of nesting; the lock formats have five.
DEEPEST = 20

#: What ends a line in YAML 1.1.
_BREAK = re.compile("\r\n|[\r\n\x85\u2028\u2029]")

#: What git writes into files that it cannot merge, at the beginning of a line.
CONFLICT = "<" * 7 + " "

_NULL = ("", "~", "null", "Null", "NULL")


@dataclasses.dataclass(frozen=True)
class Node:
    """A value and where it is written. ``value``: str, None, or a list or dict of nodes.

    ``line``: counts from 1. ``key_line``: of the key, where the node is a mapping's value, otherwise ``line``. ``start`` and
    ``end``: a scalar's place in the text, in characters, with its quotes. ``style``: of a scalar, one of ``"``, ``'``, ``|``,
    ``>``, or empty for a plain one. ``flow``: whether it stands in ``[...]`` or ``{...}``.
    """

    value: t.Any
    line: int
    key_line: int
    start: int
    end: int
    style: str
    flow: bool


def load(text: str, path: str, what: str = "a lock") -> t.Any:
    """Return the only document of ``text`` as str, None, list and dict; raises Problem that names ``path`` and line.

    ``what``: the file is, for the error about what has no place in it.
    """
    return _read(text, path, what, None)


def load_nodes(text: str, path: str, what: str) -> Node | None:
    """Return the only document of ``text`` as a Node, or None if there is none; raises as ``load``."""
    return _read(text, path, what, _node)


def _node(event: t.Any, value: t.Any, key_line: int, flow: bool) -> Node:
    line = event.start_mark.line + 1
    return Node(
        value,
        line,
        key_line or line,
        event.start_mark.index,
        event.end_mark.index,
        getattr(event, "style", None) or "",
        flow,
    )


def _read(text: str, path: str, what: str, wrap: t.Callable[[t.Any, t.Any, int, bool], t.Any] | None) -> t.Any:
    try:
        return _load(yaml.parse(text, Loader=Loader), path, what, wrap)
    except yaml.YAMLError as error:
        place = f"\n{text}".find(f"\n{CONFLICT}")
        if place >= 0:
            raise Problem(f"{path}, line {text.count(chr(10), 0, place) + 1}: a conflict of git stands here; decide for one side of it.") from None
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        if mark and _tab(text, mark.line):
            raise Problem(f"{path}{where}: a tab stands in the indentation; YAML takes spaces only.") from None
        raise Problem(f"{path}{where}: is not valid YAML ({getattr(error, 'problem', None) or error}).") from None


def _tab(text: str, number: int) -> bool:
    """Tell whether a tab stands among the spaces and hyphens that the line, counted from 0, begins with."""
    lines = _BREAK.split(text)
    line = lines[number] if number < len(lines) else ""
    return "\t" in line[: len(line) - len(line.lstrip(" \t-"))]


def _load(
    events: t.Iterable[t.Any], path: str, what: str, wrap: t.Callable[[t.Any, t.Any, int, bool], t.Any] | None
) -> t.Any:
    def refuse(event: t.Any, found: str) -> t.NoReturn:
        raise Problem(f"{path}, line {event.start_mark.line + 1}: {addresses.shown(found)}; {what} has no use for it.")

    root: list[t.Any] = []
    stack: list[t.Any] = [root]
    keys: list[t.Any] = [None]
    flows: list[bool] = [False]
    key_line = 0
    documents = 0
    for event in events:
        if isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            if documents > 1:
                refuse(event, "a second document begins")
            continue
        if isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
            stack.pop()
            keys.pop()
            flows.pop()
            continue
        if not isinstance(event, yaml.NodeEvent):
            continue
        if isinstance(event, yaml.AliasEvent) or event.anchor:
            refuse(event, "an anchor or alias stands here")
        if event.tag:
            refuse(event, f"a tag ({event.tag}) stands here")
        if isinstance(event, yaml.ScalarEvent):
            value: t.Any = None if event.implicit[0] and event.value in _NULL else event.value
        else:
            value = {} if isinstance(event, yaml.MappingStartEvent) else []
        parent, key = stack[-1], keys[-1]
        if isinstance(parent, dict) and key is None:
            if not isinstance(event, yaml.ScalarEvent):
                refuse(event, "a mapping's key is not plain text")
            if event.value in parent or event.value == "<<":
                refuse(event, f"the key {event.value!r} stands twice or merges")
            keys[-1] = event.value
            key_line = event.start_mark.line + 1
            continue
        item = value if wrap is None else wrap(event, value, key_line if isinstance(parent, dict) else 0, flows[-1])
        if isinstance(parent, list):
            parent.append(item)
        else:
            parent[key] = item
            keys[-1] = None
        if isinstance(value, (dict, list)):
            if len(stack) > DEEPEST:
                refuse(event, f"nesting is deeper than {DEEPEST} levels")
            stack.append(value)
            keys.append(None)
            flows.append(bool(event.flow_style))
    return root[0] if root else None
