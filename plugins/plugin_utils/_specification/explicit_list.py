# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""``@EXPLICIT`` lists (CEP 23) as something to be locked: with any hash or none, exactly their builds are kept.

This plugin util is private to the collection.
"""

from __future__ import annotations

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.ordering import canonical
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.urls import directory_name
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locks import addresses, explicit, normal_form
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._specification import pip_requirements
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._specification.mistakes import Mistakes
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._specification.model import (
    PipRequirement,
    Specification,
    WantedArchive,
    Where,
)

KIND = "explicit"


def looks_like(text: str) -> bool:
    """Tell whether ``text`` is such a list: by its marker, or since all its lines name archives, as conda takes them too."""
    if explicit.is_explicit(text):
        return True
    lines = list(explicit.lines(text))
    return bool(lines) and all(not line.pip and explicit.archive(line.written) for line in lines)


def parse(text: str, path: str) -> Specification:
    """Return the archives that ``text`` names, with their lines; raises one Problem that lists what is wrong."""
    mistakes = Mistakes()
    archives: dict[str, WantedArchive] = {}
    pip: list[PipRequirement] = []
    notes: list[str] = []
    platforms = explicit.said(text)
    for line in explicit.lines(text):
        where = Where(path, line.number)
        try:
            if line.pip:
                pip.append(_wheel(line, where))
                if line.hash.startswith("md5="):
                    notes.append(f"{where}: the md5 of the wheel {line.pip} is not compared; only a sha256 is.")
                continue
            archive = _archive(line, where)
        except pip_requirements.NoWheelError as error:
            mistakes.add(where, str(error), pip_requirements.REMEDY)
            continue
        except ValueError as error:
            mistakes.add(where, str(error))
            continue
        subdir = directory_name(addresses.read(line.written).url)
        if subdir in normal_form.SUBDIRS and subdir != "noarch":
            platforms.add(subdir)
        name = (explicit.archive(line.written) or ("",))[0]
        other = archives.setdefault(name.lower(), archive)
        if other.address != archive.address:
            mistakes.add(where, f"{name} stands here a second time, first in line {other.where.number}")
    if len(platforms) > 1:
        mistakes.add(Where(path), f"the platforms {' and '.join(sorted(platforms))} are mixed; a list is for one platform")
    if not any(explicit.lines(text)):
        mistakes.add(Where(path), "no package is named")
    mistakes.raise_any(path)
    return Specification(
        path,
        KIND,
        pip=tuple(pip),
        platforms=tuple(sorted(platforms)),
        archives=tuple(archives.values()),
        notes=tuple(notes),
    )


def _archive(line: explicit.Line, where: Where) -> WantedArchive:
    if not explicit.archive(line.written):
        raise ValueError(f"{line.written[:200]} is no URL or path of a .conda or .tar.bz2 package")
    addresses.read(line.written)
    sha256, md5 = line.hash.removeprefix("sha256:").lower(), line.hash.removeprefix("md5:").lower()
    if normal_form.is_sha256(sha256):
        return WantedArchive(line.written, "", sha256, where)
    if normal_form.is_md5(md5):
        return WantedArchive(line.written, md5, "", where)
    if line.hash:
        raise ValueError(f"what follows the # is neither an md5 nor a sha256: {line.hash[:80]}")
    return WantedArchive(line.written, "", "", where)


def _wheel(line: explicit.Line, where: Where) -> PipRequirement:
    address = addresses.read(line.written)
    url = address.source or address.url
    text = f"{line.pip} @ {url}{'#' if line.hash else ''}{line.hash}"
    return PipRequirement(pip_requirements.read(text, str).text, canonical(line.pip), where)
