# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""``@EXPLICIT`` lists (CEP 23), as ``conda list --explicit --sha256`` and conda-lock write them.

This plugin util is private to the collection.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.ordering import canonical
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.packages import Package
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.urls import directory_name, file_name, public_url
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locks import addresses, normal_form
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locks.document import Document, Entry

MARKER = "@EXPLICIT"

_PLATFORM = re.compile(r"#\s*platform:\s*(\S+)\s*$")

#: What conda-lock writes for pip packages: a comment that conda skips.
_PIP = re.compile(r"#\s*pip\s+(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^]]*\])?\s*@\s*(?P<url>\S+)\s*$")


def is_explicit(text: str) -> bool:
    """Tell whether ``text`` is meant as such a list."""
    return any(line.strip() == MARKER for line in text.splitlines())


class Line(t.NamedTuple):
    """A line that names an archive. ``number``: counts from 1. ``written``: without hash. ``hash``: what follows the ``#``.

    ``pip``: the name of pip's package, empty for one of conda's.
    """

    number: int
    written: str
    hash: str
    pip: str = ""


def lines(text: str) -> t.Iterator[Line]:
    """Return the lines of ``text`` that name archives: all but blank ones, the marker and comments on other things."""
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip()
        if pip := _PIP.match(line):
            written, _separator, digest = pip["url"].partition("#")
            yield Line(number, written, digest, pip["name"])
        elif line and line != MARKER and not line.startswith("#"):
            written, _separator, digest = line.partition("#")
            yield Line(number, written.strip(), digest.strip())


def archive(written: str) -> tuple[str, str, str] | None:
    """Return name, version and build of the conda package that a line names, or None if it names none."""
    try:
        return normal_form.split_conda_name(file_name(written))
    except ValueError:  # no URL, such as http://[
        return None


def said(text: str) -> set[str]:
    """Return the platforms that comments of ``text`` name."""
    return {match[1] for line in text.splitlines() if (match := _PLATFORM.match(line.strip()))}


def document(text: str, path: str) -> Document:
    """Return the lock that ``text`` is, for one platform; raises one Problem that lists every line that is not accepted.

    Blank lines and comments are skipped wherever they stand; ``# platform:`` and ``# pip NAME @ URL#sha256=`` are
    read. What stands for an archive, ``addresses.read`` says.
    """
    packages: list[Package] = []
    wrong: list[str] = []
    no_hash: list[str] = []
    for line in lines(text):
        add = _add_pip if line.pip else _add_conda
        add(line, f"line {line.number}", packages, wrong, no_hash)
    if wrong:
        raise Problem(normal_form.listing(f"{path} has entries that cannot be installed from", wrong))
    if no_hash:
        raise Problem(normal_form.listing(f"{path} has entries without a sha256", no_hash, normal_form.completing(path)))
    if not packages:
        raise Problem(f"{path} names no packages.")
    platforms = {package.subdir for package in packages if package.subdir not in ("", "noarch")} | said(text)
    if len(platforms) > 1:
        raise Problem(
            f"{path} mixes the platforms {' and '.join(sorted(platforms))}: an {MARKER} list is for one platform."
        )
    return Document({next(iter(platforms), normal_form.ANY): tuple(map(Entry, packages))})


def _add_conda(line: Line, where: str, packages: list[Package], wrong: list[str], no_hash: list[str]) -> None:
    written, digest = line.written, line.hash
    parts = archive(written)
    if parts is None:
        wrong.append(f"{where}: {public_url(written)[:200]} is no URL or path of a .conda or .tar.bz2 package")
        return
    try:
        address = addresses.read(written)
    except ValueError as error:
        wrong.append(f"{where}: {error}")
        return
    sha256, md5 = digest.removeprefix("sha256:"), ""
    if normal_form.is_md5(digest):
        sha256, md5 = "", digest
    elif not normal_form.is_sha256(sha256):
        no_hash.append(f"{where}: {file_name(written)} ({'not a sha256' if digest else 'no hash'})")
        return
    subdir = directory_name(address.url)
    subdir = subdir if subdir in normal_form.SUBDIRS else ""
    packages.append(Package("conda", *parts, subdir, address.url, sha256, md5=md5, source=address.source))


def _add_pip(line: Line, where: str, packages: list[Package], wrong: list[str], no_hash: list[str]) -> None:
    name, written = line.pip, line.written
    try:
        wheel = normal_form.split_wheel_name(file_name(written))
    except ValueError:  # no URL, such as http://[
        wheel = None
    if wheel is None:
        wrong.append(f"{where}: the pip package {name} is no wheel, and is not built here; build a wheel of it and lock that")
        return
    try:
        address = addresses.read(written)
    except ValueError as error:
        wrong.append(f"{where}: {error}")
        return
    kind, _equals, digest = line.hash.partition("=")
    sha256 = digest if kind == "sha256" and normal_form.is_sha256(digest) else ""
    md5 = digest if kind == "md5" and normal_form.is_md5(digest) else ""
    if not sha256 and not md5:
        no_hash.append(f"{where}: pip package {name}")
        return
    packages.append(
        Package(
            "pip", canonical(name), wheel[1], "", "", address.url, sha256, md5=md5, source=address.source
        )
    )
