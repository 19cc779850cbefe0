# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""YAML as locks need it: plain text, lists and mappings, and no way to make much out of little.

Scalars stay as they are written, so that a hash of digits only, or a version such as 1.10, is no number. Anchors,
aliases, tags, merge keys, duplicate keys and deep nesting are refused, by events, before anything is built.

This plugin util is private to the collection.
"""

from __future__ import annotations

import typing as t

import yaml

from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem

try:
    from yaml import CSafeLoader as Loader
except ImportError:  # PyYAML without libyaml: slower, same result
    from yaml import SafeLoader as Loader  # type: ignore[assignment]

#: Bytes; locks of hundreds of packages for several platforms have one or two million.
LARGEST = 64 * 1024 * 1024

#: Levels of nesting; the lock formats have five.
DEEPEST = 20

_NULL = ("", "~", "null", "Null", "NULL")


def load(text: str, path: str) -> t.Any:
    """Return the only document of ``text`` as str, None, list and dict; raises Problem that names ``path`` and line."""
    try:
        return _load(yaml.parse(text, Loader=Loader), path)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        raise Problem(f"{path}{where}: is not valid YAML ({getattr(error, 'problem', None) or error}).") from None


def _load(events: t.Iterable[t.Any], path: str) -> t.Any:
    def refuse(event: t.Any, what: str) -> t.NoReturn:
        raise Problem(f"{path}, line {event.start_mark.line + 1}: {what}; a lock has no use for it.")

    root: list[t.Any] = []
    stack: list[t.Any] = [root]
    keys: list[t.Any] = [None]
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
        if isinstance(parent, list):
            parent.append(value)
        elif key is None:
            if not isinstance(event, yaml.ScalarEvent):
                refuse(event, "a mapping's key is not plain text")
            if event.value in parent or event.value == "<<":
                refuse(event, f"the key {event.value!r} stands twice or merges")
            keys[-1] = event.value
            continue
        else:
            parent[key] = value
            keys[-1] = None
        if isinstance(value, (dict, list)):
            if len(stack) > DEEPEST:
                refuse(event, f"nesting is deeper than {DEEPEST} levels")
            stack.append(value)
            keys.append(None)
    return root[0] if root else None
