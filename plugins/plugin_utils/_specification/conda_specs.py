# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The syntax of conda's dependencies (match specs, CEP 29), as far as it can be told without a solver.

conda and rattler take much that nobody means: ``numpy>1.2<2`` is read as a build called ``<2``. Such slips are caught here.

This plugin util is private to the collection.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locks import normal_form


class Read(t.NamedTuple):
    """What a spec says. ``name``: lower case. ``channel``: as written before ``::`` or as ``channel=``, without a subdir, or
    empty. ``constraint``: what follows the name."""

    name: str
    channel: str
    constraint: str


_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_NUMBER = re.compile(r"[0-9]+(\.[0-9]+)*")
_BRACKETS = re.compile(r"\s*\[(?P<inside>[^\[\]]*)\]$")
_PAIR = re.compile(r"""\s*(?P<key>[a-z0-9_]+)\s*=\s*(?P<value>"[^"]*"|'[^']*'|[^,'"]*)\s*(?:,|$)""")
_KEYS = frozenset(
    [
        *("version", "build", "build_number", "channel", "subdir", "md5", "sha256", "url", "fn", "license"),
        *("license_family", "track_features", "features", "namespace"),
    ]
)

#: One comparison, several of them, and the build that may follow, where ``^...$`` is a regular expression.
_VERSION = r"[A-Za-z0-9][A-Za-z0-9_.+!-]*\*?"
_ONE = rf"(?:={{0,2}}\s*\*|(?:==|>=|<=|!=|~=|=|<|>)?\s*{_VERSION})"
_SEVERAL = rf"{_ONE}(?:\s*[,|]\s*{_ONE})*"
_CONSTRAINT = re.compile(rf"(?:\({_SEVERAL}\)|{_SEVERAL})(?:(?:\s*=\s*|\s+)(?P<build>\^[^\s$]*\$|[A-Za-z0-9_.+*]+))?")
_GRAMMAR = "write NAME, NAME=VERSION, NAME=VERSION=BUILD or NAME>=VERSION,<VERSION"


def read(text: str) -> Read:
    """Return what ``text`` says. Raises ValueError with what is wrong and what to do, fit to be shown."""
    if not text:
        raise ValueError("an empty entry stands here; name a package or take the line out")
    channel, separator, rest = text.rpartition("::")
    if separator and not channel:
        raise ValueError("no channel stands before ::")
    if not separator and _ADDRESS.match(text):
        raise ValueError(_url(text))
    rest = rest.strip()
    match = _NAME.match(rest)
    if rest.startswith("-"):
        raise ValueError(f"{rest} is an option, no package")
    if not match:
        raise ValueError(f"{rest} begins with no package name; {_GRAMMAR}")
    name, constraint = match[0], rest[match.end() :]
    if _NUMBER.fullmatch(name) and not constraint:
        raise ValueError(f"{name} is a number, no package; {_GRAMMAR} (python={name}?)")
    inside = _check(name, constraint)
    channel = channel.strip() or inside.get("channel", "")
    head, slash, subdir = channel.rpartition("/")
    if slash and subdir in normal_form.SUBDIRS:
        channel = head
    return Read(name.lower(), channel, constraint.strip())


class Parts(t.NamedTuple):
    """What a constraint says. ``version``: comparisons, ``build``: a pattern, ``others``: further keys that stand in brackets.
    ``side_by_side``: version and build as in ``=V=BUILD``, where V is this very version."""

    version: str
    build: str
    others: dict[str, str]
    side_by_side: bool = False


def parts(name: str, constraint: str) -> Parts:
    """Take apart the constraint of a spec that ``read`` has accepted."""
    brackets = _BRACKETS.search(constraint)
    inside = _pairs(name, brackets["inside"]) if brackets else {}
    text = (constraint[: brackets.start()] if brackets else constraint).strip()
    match = _CONSTRAINT.fullmatch(text)
    build = (match["build"] or "") if match else ""
    version = text[: match.start("build")].rstrip(" \t=") if match and build else text
    side_by_side = bool(build) and "version" not in inside
    return Parts(inside.pop("version", version).strip("()"), inside.pop("build", build), inside, side_by_side)


def _check(name: str, constraint: str) -> dict[str, str]:
    """Raise ValueError if ``constraint`` is none; return what its brackets say."""
    inside: dict[str, str] = {}
    brackets = _BRACKETS.search(constraint)
    text = constraint
    if brackets:
        inside = _pairs(name, brackets["inside"])
        text = constraint[: brackets.start()]
    if slip := _slip(name, text):
        raise ValueError(slip)
    if text.strip() and not (text[0] in " \t=<>!~" and _CONSTRAINT.fullmatch(text.strip())):
        raise ValueError(f"{name}{constraint} is no spec of conda's; {_GRAMMAR}")
    return inside


def _pairs(name: str, inside: str) -> dict[str, str]:
    """Return what brackets hold."""
    if not inside.strip():
        raise ValueError(f"{name}[]: nothing stands in the brackets; {_GRAMMAR}")
    if "=" not in inside:
        raise ValueError(
            f"{name}[{inside}] asks for extras, which only pip knows; write {name}, and what the extra needs as packages of "
            "their own, or put it below pip:"
        )
    found = {}
    position = 0
    while position < len(inside):
        pair = _PAIR.match(inside, position)
        if not pair or pair["key"] not in _KEYS:
            raise ValueError(f"{name}[{inside}]: what stands in brackets is no KEY=VALUE that conda knows")
        found[pair["key"]] = pair["value"].strip().strip("'\"")
        position = pair.end()
    return found


def _slip(name: str, text: str) -> str:
    """Return what is wrong about a constraint that looks like a known slip, or nothing."""
    whole = f"{name}{text}"
    if "===" in text:
        return f"{whole}: === is pip's; write {whole.replace('===', '==')}"
    if "@" in text:
        return f"{name} @ is a direct reference, which only pip knows; put it below pip: or write {name}=VERSION"
    if ";" in text:
        return f"{whole}: what follows the ; is a marker, which only pip knows; write {whole.partition(';')[0].strip()}"
    if wrong := re.search(r"=[<>]", text):
        return f"{whole}: {wrong[0]} is no comparison; write {whole.replace(wrong[0], wrong[0][::-1])}"
    if re.search(r"[=<>!~|,(]\s*$", text):
        return f"{whole}: nothing follows the {text.strip()[-1]}; {_GRAMMAR}"
    if missing := re.search(r"([A-Za-z0-9.*])\s*(?=[<>]|[!~]=)", text):
        split = missing.end(1)
        return f"{whole}: no comma stands between two comparisons; write {name}{text[:split]},{text[split:].lstrip()}"
    if text.startswith(","):
        return f"{whole} are several packages; write each on a line of its own"
    return ""


def _url(text: str) -> str:
    """Return what to do about an archive's URL."""
    parts = normal_form.split_conda_name(text.partition("#")[0].rpartition("/")[2])
    if parts:
        return f"a URL stands here; write {'='.join(parts)}, or put URLs into an @EXPLICIT list"
    return f"a URL stands here, no package; {_GRAMMAR}"
