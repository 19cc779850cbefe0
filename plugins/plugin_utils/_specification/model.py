# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What people want of an environment, before anything is solved, and where each part of it was written.

This plugin util is private to the collection.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import re
import typing as t

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.urls import public_url

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s#]+")


class Where(t.NamedTuple):
    """A line of a file. ``number`` counts from 1; 0 is the whole file."""

    path: str
    number: int = 0

    def __str__(self) -> str:
        return f"{self.path}, line {self.number}" if self.number else self.path


@dataclasses.dataclass(frozen=True)
class Channel:
    """``text``: a name (``conda-forge``) or a URL, environment variables filled in; may hold credentials."""

    text: str = dataclasses.field(repr=False)
    where: Where

    @property
    def public(self) -> str:
        """The name, or the URL without credentials: what may be shown and written."""
        return public_url(self.text) if "://" in self.text else self.text


@dataclasses.dataclass(frozen=True)
class CondaSpec:
    """One dependency for conda. ``text``: a match spec (CEP 29), without a comment; its channel may be a URL with credentials.

    ``name``: of the package, lower case. ``exact``: the spec with its channel's URL as it stands among the specification's channels,
    environment variables and credentials included, where that is not ``text``; for the solver alone, never to be shown.
    """

    text: str = dataclasses.field(repr=False)
    name: str
    where: Where
    exact: str = dataclasses.field(default="", repr=False)


@dataclasses.dataclass(frozen=True)
class PipRequirement:
    """One dependency for pip. ``text``: PEP 508, without a comment, environment variables filled in; may hold credentials.

    ``name``: as PEP 503 compares it. ``hashes``: sha256 of the archives that it may be, beside the one that a URL in ``text`` says;
    empty: of any.
    """

    text: str = dataclasses.field(repr=False)
    name: str
    where: Where
    hashes: frozenset[str] = frozenset()

    def public(self) -> str:
        """Return all of it without secrets."""
        return " ".join([_public(self.text), *(f"--hash=sha256:{one}" for one in sorted(self.hashes))])


@dataclasses.dataclass(frozen=True)
class PipOptions:
    """How the pip part is resolved, as pip's own options say it. URLs may hold credentials.

    ``find_links``: URLs, and absolute paths on the controller.
    """

    index_url: str = dataclasses.field(default="", repr=False)
    extra_index_urls: tuple[str, ...] = dataclasses.field(default=(), repr=False)
    find_links: tuple[str, ...] = dataclasses.field(default=(), repr=False)
    no_index: bool = False
    pre: bool = False
    constraints: tuple[PipRequirement, ...] = ()


@dataclasses.dataclass(frozen=True)
class WantedArchive:
    """A conda package named by its archive: exactly this build is kept.

    ``address``: URL as written, without hash; may hold credentials. Of ``md5`` and ``sha256`` those that the input names.
    """

    address: str = dataclasses.field(repr=False)
    md5: str
    sha256: str
    where: Where


@dataclasses.dataclass(frozen=True)
class Specification:
    """An input of ``conda_lock``, of whatever format.

    ``kind``: ``environment.yml``, ``requirements.txt``, ``conda list`` (of ``--export``) or ``explicit``. ``platforms``: those the input itself names.
    ``variables``: for the activated environment (environment.yml's ``variables``). ``notes``: sentences for the user about
    what was ignored or could not be kept, each with its line. ``archives``: conda packages that are fixed already.
    """

    path: str
    kind: str
    name: str = ""
    channels: tuple[Channel, ...] = ()
    conda: tuple[CondaSpec, ...] = ()
    pip: tuple[PipRequirement, ...] = ()
    pip_options: PipOptions = PipOptions()
    platforms: tuple[str, ...] = ()
    variables: t.Mapping[str, str] = dataclasses.field(default_factory=dict)
    archives: tuple[WantedArchive, ...] = ()
    notes: tuple[str, ...] = ()

    def files(self) -> list[str]:
        """Return the paths of all files that were read: the input, and those that it refers to and that say something."""
        parts = (*self.conda, *self.pip, *self.pip_options.constraints, *self.archives)
        return list(dict.fromkeys([self.path, *(part.where.path for part in parts if os.path.isabs(part.where.path))]))

    def digest(self) -> str:
        """Return the sha256 of what is wanted.

        Comments, the order of lines, credentials and the directory that all files lie in do not count; the order of channels does.
        """
        here = os.path.dirname(os.path.abspath(self.path))
        wanted = {
            "channels": [one.public for one in self.channels],
            "conda": sorted(_public(one.text) for one in self.conda),
            "pip": sorted(one.public() for one in self.pip),
            "options": [
                _public(self.pip_options.index_url),
                [_public(url) for url in self.pip_options.extra_index_urls],
                [url if "://" in url else os.path.relpath(url, here) for url in map(_public, self.pip_options.find_links)],
                self.pip_options.no_index,
                self.pip_options.pre,
                sorted(one.public() for one in self.pip_options.constraints),
            ],
            "platforms": sorted(self.platforms),
            "variables": dict(sorted(self.variables.items())),
            "archives": sorted([_public(one.address), one.md5, one.sha256] for one in self.archives),
        }
        return hashlib.sha256(json.dumps(wanted, sort_keys=True).encode()).hexdigest()


def _public(text: str) -> str:
    """Return ``text`` with the public form of every URL in it; what follows a ``#``, a hash, stays."""
    return _URL.sub(lambda match: public_url(match[0]), text)
