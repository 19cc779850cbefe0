# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Extras of distributions that conda brings: conda knows none, so what they need is what the same version's wheel says.

This plugin util is private to the collection.
"""

from __future__ import annotations

import email.parser
import re
import typing as t
import zipfile
from urllib.parse import unquote, urlsplit

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda import download
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.network import Network
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.ordering import canonical
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._packaging import InvalidRequirement, Requirement

_METADATA = re.compile(r"[^/]+\.dist-info/METADATA")

#: A line of a requirements.txt that names extras: of what was asked, or of what something else needs.
_WITH_EXTRAS = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)\[([^\]]+)\]", re.MULTILINE)


def asked(text: str) -> dict[str, list[str]]:
    """Return the extras that are wanted in a requirements.txt of uv's, by name of the package."""
    return {canonical(match[1]): match[2].split(",") for match in _WITH_EXTRAS.finditer(text)}


def lines(metadata: str) -> tuple[str, ...]:
    """Return those lines of a wheel's METADATA that say which extras there are, and what they alone need."""
    header = email.parser.HeaderParser().parsestr(metadata)
    found = [f"Provides-Extra: {name}" for name in header.get_all("Provides-Extra", [])]
    for text in header.get_all("Requires-Dist", []):
        try:
            marker = Requirement(text).marker
        except InvalidRequirement:
            continue
        if marker is not None and re.search(r"\bextra\b", str(marker)):
            found.append(f"Requires-Dist: {' '.join(text.split())}")
    return tuple(found)


def metadata(archive: t.Mapping[str, t.Any], network: Network, work: str) -> str:
    """Return the METADATA of a wheel in a pylock.toml: what its index says of it (PEP 658), or from the wheel itself.

    ``work``: a directory for what is fetched. Raises Problem if it cannot be had.
    """
    url = archive.get("url", "")
    if not url or url.startswith("file:"):
        return _inside(unquote(urlsplit(url).path) if url else archive["path"])
    try:
        download.fetch(f"{url}.metadata", f"{work}/METADATA", "", network, unverified=True)
        with open(f"{work}/METADATA", encoding="utf-8") as file:
            text = file.read()
        if text.startswith("Metadata-Version:"):
            return text
    except (Problem, UnicodeDecodeError):
        pass  # an index need not have it
    download.fetch(url, f"{work}/wheel", archive.get("hashes", {}).get("sha256", ""), network)
    return _inside(f"{work}/wheel")


def _inside(wheel: str) -> str:
    try:
        with zipfile.ZipFile(wheel) as archive:
            name = next(one for one in archive.namelist() if _METADATA.fullmatch(one))
            return archive.read(name).decode("utf-8", "replace")
    except (OSError, zipfile.BadZipFile, StopIteration):
        raise Problem(f"{wheel} is no wheel.") from None
