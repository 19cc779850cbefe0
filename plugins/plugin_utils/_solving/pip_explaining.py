# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Why uv has found no solution, in sentences with the user's own lines.

This plugin util is private to the collection.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locks import addresses
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._solving import overlap, uv
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._solving.model import Target
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._solving.provided import Provided
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._solving.wanted import Wanted
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._specification import pip_requirements
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._specification.model import Specification

_CREDENTIALS = re.compile(r"\(?(https?://[^\s()`]+?)\)? (?:could not be queried due to|returned a) .*\b(401|403)\b")
_STATUS = re.compile(r"\b(401|403|407) (?:Unauthorized|Forbidden|Proxy Authentication Required)\b")
_WANTS = "it wants credentials, or others than those it was given (credentials, netrc, or user:password@ in its URL)"

_OPENING = re.compile(r"error: (?:No solution found when resolving dependencies\s*)?")
_USELESS = re.compile(r"hint: (?:Wheels are required for|Pre-releases are available).*|Consider using `exclude-newer-package`.*")
_FIRST_INDEX = re.compile(r"By default, uv will only consider .*?(?:--index-strategy .*? defined\.|$)")
_WHY_FIRST = (
    "Of several indexes the first that has a package counts, so that nobody can put another one of the same name before it: "
    "let that index have the version, or name the wheel by its URL."
)
_NOT_FOUND = re.compile(r"not found in the (?:package registry|provided package locations)")
_FAILED = re.compile(r"Failed to (?:fetch|download):? `?(.+?)`?$")
_NO_WHEELS = re.compile(r"ha(?:s|ve) no usable wheels|no wheels")
_NO_EXTRA = re.compile(r"warning: The package `([\w.-]+)[^`]*` does not have an extra named `([^`]+)`")
_YANKED = re.compile(r"warning: `([\w.-]+)==([^`]+)` is yanked(?: \(reason: \"?(.*?)\"?\))?\.?$")
_URL = re.compile(r"https?://[^\s`)]+")


_Named = t.TypeVar("_Named", Wanted, Provided)


class Unreachable(uv.NoAnswer):
    """An index or a file of it could not be had: nothing is said of the requirements."""


def problem(
    words: str,
    asked: t.Sequence[Wanted],
    specification: Specification,
    target: Target,
    limits: t.Sequence[Wanted] = (),
    there: t.Mapping[str, Provided] | None = None,
) -> Problem:
    """Return why the pip part cannot be resolved. ``words``: what uv said, without secrets.

    ``limits``: constraints. ``there``: what conda brings, by name.
    """
    if why := _unreachable(words):
        return Unreachable(f"{specification.path}: the pip part cannot be resolved: {why}.")
    text = _sentence(words)
    lines = [f"- {one.where}: {addresses.shown(one.text)}" for one in _named(text, asked) or asked]
    lines += [f"- {one.where}: {addresses.shown(one.text)}, a limit" for one in _named(text, limits)]
    lines += [f"- {overlap.brought(one, specification)}" for one in _named(text, (there or {}).values())]
    parts = [f"{specification.path}: the pip part cannot be resolved for {target.platform}: {text}", "What it is about:", *lines]
    if _NOT_FOUND.search(text) and (asked_for := uv.places(specification.pip_options)):
        parts.append(f"It was looked for at {' and '.join(asked_for)}.")
    if _NO_WHEELS.search(text):
        parts.append(pip_requirements.REMEDY)
    return Problem("\n".join(parts))


def is_unsatisfiable(words: str) -> bool:
    """Tell whether uv has asked all indexes and found nothing that fits."""
    return _unreachable(words) is None and "No solution found" in words


def notes(words: str, asked: t.Sequence[Wanted]) -> list[str]:
    """Return what uv warns of and the user should know, with the lines that it is about."""
    found = []
    for line in words.splitlines():
        if match := _NO_EXTRA.match(line):
            found.append((match[1], f"{match[1]} has no extra {match[2]}; nothing is installed for it."))
        elif match := _YANKED.match(line):
            why = f" ({match[3].rstrip('.')})" if match[3] else ""
            found.append((match[1], f"{match[1]} {match[2]} was withdrawn from its index{why}; choose another version."))
    lines = {name: [str(one.where) for one in asked if one.name == name] for name, _text in found}
    return [f"{', '.join(lines[name])}: {text}" if lines[name] else text for name, text in found]


def _unreachable(words: str) -> str | None:
    """Return what kept uv from asking an index or fetching a file, or None if it was no such thing."""
    if match := _CREDENTIALS.search(words):
        kind = "it may not have the package, or " if match[2] == "403" else ""
        return f"{match[1]} answers with status {match[2]}: {kind}{_WANTS}"
    failed = [match[1] for match in map(_FAILED.search, words.splitlines()) if match]
    if not failed:
        return None
    url = next(iter(_URL.findall(failed[-1])), failed[-1])
    if match := _STATUS.search(words):
        return f"{url} answers with status {match[1]}: {_WANTS}"
    causes = [line.partition("cause: ")[2] for line in words.splitlines() if "cause: " in line]
    reason = next((cause for cause in reversed(causes) if not _FAILED.search(cause)), "nothing is known of it")
    return f"{url}: {reason.replace(f' for url ({url})', '')}"


def _sentence(words: str) -> str:
    """Return uv's explanation without what surrounds it, on one line."""
    kept = [line for line in words.splitlines() if not line.startswith("warning: ")]
    text = _OPENING.sub("", "\n".join(kept), count=1)
    text = re.sub(r"(?m)^\s*cause: ", "", text)
    text = _USELESS.sub("", text).replace("hint: ", "")
    return _FIRST_INDEX.sub(_WHY_FIRST, " ".join(text.split()))


def _named(text: str, those: t.Iterable[_Named]) -> list[_Named]:
    """Return those whose names are in an explanation."""
    return [one for one in those if re.search(rf"(?<![\w.-]){re.escape(one.name)}(?![\w-])", text, re.IGNORECASE)]
