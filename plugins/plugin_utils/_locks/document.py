# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A whole lock, with what only those need who write one: the normal form is what of it is installed.

This plugin util is private to the collection.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.packages import Package

#: The category of entries that name none. Packages of others (such as dev) are for those who develop, not for servers.
CATEGORY = "main"

#: The fact of a document that environments need: names and values of variables, as JSON.
VARIABLES = "lockstep.variables"


@dataclasses.dataclass(frozen=True)
class Entry:
    """A package and what channels and indexes say of it beyond what is installed.

    ``package``: with ``sha256``, or with ``md5`` where no sha256 is known. ``md5``: 32 hex digits, where it is known besides.
    ``size``: bytes. ``timestamp``: milliseconds since 1970. ``noarch``: ``python``, ``generic`` or empty.
    ``requires_python``: of a wheel (PEP 440). ``depends`` of the package are match specs for conda, PEP 508 for pip.
    """

    package: Package
    md5: str = ""
    build_number: int | None = None
    size: int | None = None
    timestamp: int | None = None
    noarch: str = ""
    constrains: tuple[str, ...] = ()
    track_features: tuple[str, ...] = ()
    license: str = ""
    license_family: str = ""
    purls: tuple[str, ...] = ()
    python_site_packages_path: str = ""
    requires_python: str = ""
    category: str = CATEGORY


@dataclasses.dataclass(frozen=True)
class Document:
    """A lock of any format.

    ``platforms``: entries by platform, in any order. ``channels``: public URLs or names, the first has the highest priority.
    ``indexes``: public URLs of package indexes (PEP 503). ``virtual_packages``: by platform, match specs that a host must
    fulfil (``__glibc >=2.28``), where the lock says so itself. ``content_hash``: by platform, of what the lock was made from.
    ``sources``: names of the files it was made from. ``custom``: further facts, text by text (CEP 37's custom_metadata).
    ``subdirs``: conda's subdir of platforms that are not called like it. ``edited``: the entries are not those that this
    collection once wrote into the file (``documents.check_unedited``).
    """

    platforms: t.Mapping[str, tuple[Entry, ...]]
    channels: tuple[str, ...] = ()
    indexes: tuple[str, ...] = ()
    virtual_packages: t.Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    content_hash: t.Mapping[str, str] = dataclasses.field(default_factory=dict)
    sources: tuple[str, ...] = ()
    custom: t.Mapping[str, str] = dataclasses.field(default_factory=dict)
    subdirs: t.Mapping[str, str] = dataclasses.field(default_factory=dict)
    edited: bool = dataclasses.field(default=False, compare=False)
