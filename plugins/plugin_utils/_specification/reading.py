# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What an input of ``conda_lock`` is, told by its content.

This plugin util is private to the collection.
"""

from __future__ import annotations

import dataclasses
import re
import typing as t

from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locks import strict_yaml
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._specification import (
    channel_list,
    conda_list,
    environment_yml,
    explicit_list,
    pip_lines,
    requirements_txt,
    sources,
)
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._specification.model import (
    Channel,
    CondaSpec,
    Specification,
    Where,
)

#: What stands for a file where an option says what an input does not.
PYTHON_OPTION = "the option python"
CHANNELS_OPTION = "the option channels"

_PYTHON = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+([a-z]+[0-9]+)?")

#: A line that only YAML has: a key at the margin (also after tabs, which are told then), or what begins a document or list.
_YAML = re.compile(r"^(---|[{\[]|[\w-]+[ \t]*:(\s|$)|- )|^\s*(name|channels|dependencies):(\s|$)", re.MULTILINE)

#: A table of TOML, or a key at the margin.
_TOML = re.compile(r"\[+[\w.\"'-]+\]+$|[\w-]+ = [\"'\[{]")


def read(
    path: str,
    channels: t.Sequence[str] = (),
    python: str | None = None,
    pypi_names: t.Mapping[str, str] | None = None,
) -> Specification:
    """Return what the file at ``path`` wants; raises Problem that names it. See ``parse``."""
    return parse(sources.content(path), path, channels, python, pypi_names)


def parse(
    content: bytes,
    path: str,
    channels: t.Sequence[str] = (),
    python: str | None = None,
    pypi_names: t.Mapping[str, str] | None = None,
) -> Specification:
    """Return what ``content`` wants; raises Problem that names ``path`` and the line.

    ``channels`` and ``python``, an exact version, are for an input that names none. ``pypi_names``: PyPI's names of conda
    packages that are called otherwise there, beyond the well-known ones.
    """
    text = sources.text(content, path)
    if not text.strip():
        raise Problem(f"{path} is empty: nothing in it says what is wanted.")
    if text.lstrip().startswith("<") and not text.lstrip().startswith(strict_yaml.CONFLICT):
        raise Problem(f"{path} is an HTML or XML page: a download may have failed.")
    if explicit_list.looks_like(text):
        return explicit_list.parse(text, path)
    if conda_list.looks_like(text):
        return _completed(conda_list.parse(text, path), channels, python)
    if _TOML.match(next(pip_lines.logical_lines(text), (0, ""))[1]):
        raise Problem(f"{path} is TOML, which is not read: write its dependencies into an environment.yml, below pip:.")
    if _YAML.search(text):
        return _completed(environment_yml.parse(text, path, pypi_names or {}), channels, python)
    if requirements_txt.looks_like(text):
        return _completed(requirements_txt.parse(text, path, pypi_names or {}), channels, python)
    raise Problem(f"{path} is neither an environment.yml nor a requirements file, nor an @EXPLICIT list of conda's.")


def check_python(python: str) -> None:
    """Raise Problem if what the option python says is no exact version."""
    if not _PYTHON.fullmatch(python):
        raise Problem(f"The option python is {python}: give an exact version, such as 3.10.14.")


def _completed(specification: Specification, channels: t.Sequence[str], python: str | None) -> Specification:
    """Return ``specification`` with what the options say where it is silent."""
    path = specification.path
    if not any(spec.name == "python" for spec in specification.conda):
        if python:
            check_python(python)
            spec = CondaSpec(f"python=={python}", "python", Where(PYTHON_OPTION))
            specification = dataclasses.replace(specification, conda=(spec, *specification.conda))
        elif specification.kind == requirements_txt.KIND:
            raise Problem(f"{path} does not say which Python it is for: give the option python, such as python=3.10.14.")
    channels_there: list[Channel | None] = list(specification.channels)
    if not channels_there:
        where = Where(CHANNELS_OPTION)
        try:
            channels_there = [channel_list.read(text, where) for text in channels]
        except ValueError as error:
            raise Problem(f"{where}: {error}.") from None
    notes = list(specification.notes)
    there, conda = channel_list.with_those_of_specs([one for one in channels_there if one], specification.conda, notes)
    return dataclasses.replace(specification, channels=there, conda=conda, notes=tuple(notes))
