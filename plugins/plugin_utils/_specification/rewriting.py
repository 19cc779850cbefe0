# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""New specs in an environment.yml's text, which otherwise stays as it is.

This plugin util is private to the collection.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.ordering import canonical
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locks import addresses, strict_yaml

_WHAT = "an environment file"

_MARK = "\ufeff"

#: What stands before the name is a channel.
_NAME = re.compile(r"(?:\S*::)?([\w.-]+)")


def pinned(text: str, path: str, pins: t.Iterable[tuple[int, str]]) -> str:
    """Return ``text`` with other specs: ``pins`` are lines (counted from 1) and what to write there, for conda or in ``pip:``.

    ``text``: of the file at ``path``, with its line endings and byte order mark as they are. Comments, quotation marks, indentation and order
    stay too. Of several dependencies on a line, the one of the pin's name is meant. Raises Problem where a line does not hold that, or
    where it is not written on this line alone.
    """
    if text.startswith(_MARK):  # which places in the text do not count
        return _MARK + pinned(text.removeprefix(_MARK), path, pins)
    root = strict_yaml.load_nodes(text, path, _WHAT)
    by_line: dict[int, list[strict_yaml.Node]] = {}
    for node in _dependencies(root):
        by_line.setdefault(node.line, []).append(node)
    found = [(_meant(by_line.get(number, []), f"{path}, line {number}", pin), pin) for number, pin in pins]
    # From the end, so that places before it stay right.
    for node, pin in sorted(found, key=lambda pair: pair[0].start, reverse=True):
        if node.style in ("|", ">") or len(text[node.start : node.end].splitlines()) > 1:
            raise Problem(
                f"{path}, line {node.line}: the dependency takes more than this line, so {addresses.shown(pin)} cannot be written into it."
            )
        text = text[: node.start] + _quoted(pin, node) + text[node.end :]
    return text


def _meant(nodes: t.Sequence[strict_yaml.Node], where: str, pin: str) -> strict_yaml.Node:
    """Return which of the dependencies on a line ``pin`` is for; raises Problem."""
    if len(nodes) > 1:
        nodes = [node for node in nodes if _name(node.value) == _name(pin)]
    if len(nodes) == 1:
        return nodes[0]
    what = "the dependency stands several times" if nodes else "no such dependency stands"
    raise Problem(f"{where}: {what} on this line, so {addresses.shown(pin)} cannot be written into it.")


def _name(dependency: str) -> str:
    """Return the name of a dependency, for conda or for pip, as names are compared."""
    match = _NAME.match(dependency.strip())
    return canonical(match[1]) if match else ""


def _dependencies(root: strict_yaml.Node | None) -> t.Iterator[strict_yaml.Node]:
    """Return the entries for conda and for pip, wherever they stand in the order of the text."""
    top = root.value if root and isinstance(root.value, dict) else {}
    section = top.get("dependencies")
    for item in section.value if section and isinstance(section.value, list) else []:
        if isinstance(item.value, str):
            yield item
        elif isinstance(item.value, dict) and (pip := item.value.get("pip")) and isinstance(pip.value, list):
            yield from (line for line in pip.value if isinstance(line.value, str))


def _quoted(pin: str, node: strict_yaml.Node) -> str:
    """Return ``pin`` as a scalar of the node's style, in quotation marks where it would be read as something else without."""
    if node.style == '"':
        return '"' + pin.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if node.style == "'" or not _plain(pin, node.flow):
        return "'" + pin.replace("'", "''") + "'"
    return pin


def _plain(pin: str, flow: bool) -> bool:
    """Tell whether ``pin`` is read as itself without quotation marks."""
    try:
        found = strict_yaml.load(f"[{pin}]" if flow else f"- {pin}", "", _WHAT)
    except Problem:
        return False
    return found == [pin]
