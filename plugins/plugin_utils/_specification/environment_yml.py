# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""``environment.yml``, as people and ``conda env export`` write it.

This plugin util is private to the collection.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locks import addresses, normal_form, strict_yaml
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._specification import channel_list, conda_specs, pip_lines
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._specification.mistakes import Mistakes
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._specification.model import (
    Channel,
    CondaSpec,
    Specification,
    Where,
)

KIND = "environment.yml"

_KNOWN = ("name", "channels", "dependencies", "prefix", "variables", "platforms", "category")
_LOCK = {"metadata", "package"}
_PIXI = {"version", "environments"}
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

#: What conda-lock and conda-build read out of comments: ``# [linux64]``, ``# [not win and py>=310]``.
_SELECTOR = re.compile(r"^\s*-\s[^#]*#\s*(\[[^\]]*\b(?:linux|osx|win|unix|x86|aarch64|arm64|ppc64le|s390x|py\d*)\w*\b[^\]]*\])\s*$")


def parse(text: str, path: str, pypi_names: t.Mapping[str, str]) -> Specification:
    """Return what ``text`` wants, with the line of each part; raises one Problem that lists what is wrong.

    ``pypi_names``: as in ``pip_requirements.built_by_conda``.
    """
    root = strict_yaml.load_nodes(text, path, "an environment file")
    if root is None or not isinstance(root.value, dict):
        raise Problem(f"{path} is no environment file: it has no keys such as name and dependencies.")
    if _LOCK <= set(root.value) or _PIXI <= set(root.value):
        raise Problem(f"{path} is a lock already: give it to conda_env as it is, or lock what it was made from.")
    if "dependencies" not in root.value:
        raise Problem(f"{path} is no environment file: it has no dependencies.")
    return _Reader(path, root.value, text, pypi_names).specification()


class _Reader:
    """One file on its way to a Specification."""

    def __init__(self, path: str, keys: dict[str, strict_yaml.Node], text: str, pypi_names: t.Mapping[str, str]) -> None:
        self.path = path
        self.keys = keys
        self.text = text
        self.mistakes = Mistakes()
        self.pip = pip_lines.Reader(self.mistakes, pypi_names)
        self.notes: list[str] = []

    def where(self, node: strict_yaml.Node) -> Where:
        return Where(self.path, node.line)

    def specification(self) -> Specification:
        """Read all keys."""
        self._unknown_keys()
        channels = self._channels()
        conda, pip_nodes = self._dependencies()
        for node in pip_nodes:
            for _number, line in pip_lines.logical_lines(node.value):
                self.pip.line(line, self.where(node))
        options = self.pip.finish()
        conda += self.pip.conda
        specification = Specification(
            self.path,
            KIND,
            name=self._name(),
            channels=tuple(channels),
            conda=tuple(conda),
            pip=tuple(self.pip.requirements),
            pip_options=options,
            platforms=self._platforms(),
            variables=self._variables(),
            notes=tuple([*self.notes, *self.pip.notes]),
        )
        self.mistakes.raise_any(self.path)
        return specification

    def _unknown_keys(self) -> None:
        for key, node in self.keys.items():
            where = Where(self.path, node.key_line)
            if key == "prefix":
                self.notes.append(f"{where}: prefix is ignored; an environment's place on hosts is for them to say.")
            elif key == "category":
                self.notes.append(f"{where}: category is ignored; all dependencies are locked.")
            elif key not in _KNOWN:
                self.notes.append(f"{where}: {addresses.shown(key)} is unknown and ignored.")
        for number, line in enumerate(self.text.splitlines(), 1):
            if selector := _SELECTOR.match(line):
                self.notes.append(f"{Where(self.path, number)}: {selector[1]} is a comment; the line counts for every platform.")

    def _name(self) -> str:
        node = self.keys.get("name")
        if node is None or node.value is None:
            return ""
        if not isinstance(node.value, str):
            self.mistakes.add(self.where(node), "name is no text")
            return ""
        return node.value

    def _texts(self, key: str, what: str) -> list[tuple[str, Where]]:
        """Return the texts of the list that ``key`` holds; one text alone is taken as such a list by conda too."""
        node = self.keys.get(key)
        if node is None or node.value is None:
            return []
        if isinstance(node.value, dict):
            self.mistakes.add(self.where(node), f"{key} is no list")
            return []
        found = []
        for item in node.value if isinstance(node.value, list) else [node]:
            if isinstance(item.value, str) and item.value.strip():
                found.append((item.value.strip(), self.where(item)))
            else:
                self.mistakes.add(self.where(item), f"an entry of {key} is no {what}")
        return found

    def _channels(self) -> list[Channel]:
        found = []
        for text, where in self._texts("channels", "name or URL of a channel"):
            try:
                channel = channel_list.read(text, where)
            except ValueError as error:
                self.mistakes.add(where, str(error))
                continue
            if channel:
                found.append(channel)
        return found

    def _platforms(self) -> tuple[str, ...]:
        found = []
        for text, where in self._texts("platforms", "platform"):
            if text not in normal_form.SUBDIRS or text == "noarch":
                self.mistakes.add(where, f"{text} is no platform; conda's are called linux-64, linux-aarch64 and so on")
            found.append(text)
        return tuple(dict.fromkeys(found))

    def _variables(self) -> dict[str, str]:
        node = self.keys.get("variables")
        if node is None or node.value is None:
            return {}
        if not isinstance(node.value, dict):
            self.mistakes.add(self.where(node), "variables is no mapping of names and values")
            return {}
        found = {}
        for name, value in node.value.items():
            where = Where(self.path, value.key_line)
            if not _VARIABLE.fullmatch(name):
                self.mistakes.add(where, f"{name} is no name of an environment variable")
            elif not isinstance(value.value, str):
                self.mistakes.add(where, f"the variable {name} has no text as its value; write {name}: '' for an empty one")
            elif any(ord(letter) < 32 for letter in value.value):
                self.mistakes.add(where, f"the variable {name} holds a line break or another control character")
            else:
                found[name] = value.value
        return found

    def _dependencies(self) -> tuple[list[CondaSpec], list[strict_yaml.Node]]:
        """Return conda's dependencies, and the lines for pip."""
        node = self.keys["dependencies"]
        conda: list[CondaSpec] = []
        pip: list[strict_yaml.Node] = []
        if node.value is None:
            return conda, pip
        if not isinstance(node.value, list):
            hint = "; a hyphen must be followed by a space" if isinstance(node.value, str) else ""
            self.mistakes.add(self.where(node), f"dependencies is no list{hint}")
            return conda, pip
        sections = []
        for item in node.value:
            if isinstance(item.value, dict):
                sections.append(item)
                pip += self._pip_section(item, again=len(sections) > 1)
            elif isinstance(item.value, list):
                self.mistakes.add(self.where(item), "a list stands in the list of dependencies")
            else:
                self._spec(item, conda)
        if sections and not any(spec.name == "pip" for spec in conda):
            self.notes.append(
                f"{self.where(sections[0])}: pip is not among conda's dependencies and is not added; wheels are installed without it."
            )
        return conda, pip

    def _spec(self, item: strict_yaml.Node, conda: list[CondaSpec]) -> None:
        text = " ".join((item.value or "").split())
        try:
            conda.append(CondaSpec(text, conda_specs.read(text).name, self.where(item)))
        except ValueError as error:
            self.mistakes.add(self.where(item), str(error))

    def _pip_section(self, item: strict_yaml.Node, again: bool) -> list[strict_yaml.Node]:
        found = []
        for key, node in item.value.items():
            where = Where(self.path, node.key_line)
            if key != "pip":
                spec = f"; write {key}={node.value}" if isinstance(node.value, str) else ""
                self.mistakes.add(where, f"{key}: is no dependency, only pip: may stand here{spec}")
            elif again:
                self.mistakes.add(where, "a second pip: section stands here; put all its lines into one")
            elif isinstance(node.value, list):
                for line in node.value:
                    if isinstance(line.value, str) and line.value.strip():
                        found.append(line)
                    else:
                        self.mistakes.add(self.where(line), "an entry of pip: is no text")
            elif node.value is not None:
                self.mistakes.add(where, "pip: is no list; write each requirement as a line of its own below it, with a hyphen")
        return found
