# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""What each lock format carries of a document, as data: round trips and the documentation are tested against this table."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.ordering import canonical
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locks import conda_lock_text
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locks.document import CATEGORY, Document, Entry

FORMATS = ("conda-lock.yml", "pixi.lock", "explicit", "explicit_md5", "requirements")
ONE_PLATFORM = ("explicit", "explicit_md5", "requirements")

# "yes": comes back as it was. "no": left out, since the format has no place for it. "error": a lock that has it cannot be
# written so. Whatever else a cell says counts as "yes".
TABLE = {
    "several platforms": ("yes", "yes", "a file each", "a file each", "a file each"),
    "conda packages: name, version, build, address": ("yes", "yes", "yes", "yes", "no: conda brings them"),
    "wheels: name, version, address": ("yes", "yes", "in comments (1)", "error (1)", "yes"),
    "sha256": ("yes", "yes", "yes", "no: md5 is asked for", "yes"),
    "md5 of a package with sha256": ("yes", "yes", "no", "yes, without one it is an error", "no"),
    "conda packages with md5 only": ("yes", "yes", "yes", "yes", "no: conda brings them"),
    "wheels with md5 only": ("yes", "yes", "in comments (1)", "error (1)", "error: pip takes no md5"),
    "dependencies": ("one constraint for each name (2)", "yes", "no", "no", "no"),
    "categories other than main": ("yes", "error", "error", "error", "error"),
    "what hosts must have": ("as a fact (3)", "yes", "no", "no", "no"),
    "platforms under names of their own": ("error", "yes", "as conda's platform", "as conda's platform", "as conda's platform"),
    "archives on the controller": ("yes", "yes", "yes", "yes", "error"),
    "channels": ("yes", "yes", "no", "no", "no"),
    "indexes": ("no", "yes", "no", "no", "no"),
    "content hashes, sources, facts": ("yes", "no", "no", "no", "no"),
    "size, time, build number, kind of noarch, constrains, features, licence, purls, requires-python": (
        *("no", "yes", "no", "no", "no"),
    ),
}


def markdown() -> str:
    """Return the table as the documentation has it."""
    rows = [("", *FORMATS), ("---",) * (len(FORMATS) + 1), *((row, *cells) for row, cells in TABLE.items())]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows).replace("|  |", "| |")


def says(row: str, format_: str) -> str:
    """Return ``yes``, ``no`` or ``error``."""
    cell = TABLE[row][FORMATS.index(format_)]
    return next((word for word in ("no", "error") if cell == word or cell.startswith((word + ":", word + " "))), "yes")


def _has(document: Document, platform: str | None) -> dict[str, bool]:
    """Tell which of the rows that can be errors apply to ``document``."""
    names = document.platforms if platform is None else [platform]
    entries = [entry for name in names for entry in document.platforms[name]]
    managers = {(entry.package.manager, bool(entry.package.md5)) for entry in entries}
    return {
        "conda packages: name, version, build, address": any(kind == "conda" for kind, _weak in managers),
        "wheels: name, version, address": any(kind == "pip" for kind, _weak in managers),
        "conda packages with md5 only": ("conda", True) in managers,
        "wheels with md5 only": ("pip", True) in managers,
        "categories other than main": any(entry.category != CATEGORY for entry in entries),
        "platforms under names of their own": bool(document.subdirs),
        "archives on the controller": any(entry.package.source and "://" not in entry.package.source for entry in entries),
    }


def refused(document: Document, format_: str, platform: str | None = None) -> bool:
    """Tell whether the writer of ``format_`` has to refuse ``document``. ``platform``: of a format that is for one."""
    entries = [entry for name in document.platforms if platform in (None, name) for entry in document.platforms[name]]
    if format_ == "requirements":
        entries = [entry for entry in entries if entry.package.manager == "pip"]
        document = dataclasses.replace(document, platforms={platform or "": tuple(entries)})
    if format_ == "explicit_md5" and not all(entry.md5 or entry.package.md5 for entry in entries):
        return True
    return not entries and format_ != "requirements" or any(
        there and says(row, format_) == "error" for row, there in _has(document, platform).items()
    )


def carried(document: Document, format_: str, platform: str | None = None) -> Document:
    """Return what of ``document`` comes back from a file of ``format_``, with entries in a fixed order."""

    def kept(row: str, value: t.Any) -> t.Any:
        return value if says(row, format_) == "yes" else type(value)()

    names = document.platforms if platform is None else [platform]
    platforms = {
        name if platform is None else document.subdirs.get(name, name): tuple(
            _carried(entry, format_) for entry in document.platforms[name] if entry.package.manager == "pip" or format_ != "requirements"
        )
        for name in names
    }
    return in_order(
        Document(
            platforms,
            channels=kept("channels", document.channels),
            indexes=kept("indexes", document.indexes),
            virtual_packages=kept("what hosts must have", dict(document.virtual_packages)),
            content_hash=kept("content hashes, sources, facts", dict(document.content_hash)),
            sources=kept("content hashes, sources, facts", document.sources),
            custom=kept("content hashes, sources, facts", dict(document.custom)),
            subdirs=kept("platforms under names of their own", dict(document.subdirs)) if platform is None else {},
        )
    )


def _carried(entry: Entry, format_: str) -> Entry:
    package, md5 = entry.package, entry.md5
    if says("dependencies", format_) == "no":
        package = dataclasses.replace(package, depends=())
    elif format_ == "conda-lock.yml":
        depends = tuple(f"{name} {wanted}".strip() for name, wanted in conda_lock_text.constraints(package.depends).items())
        package = dataclasses.replace(package, depends=depends)
    if says("sha256", format_) == "no" and package.sha256:
        package, md5 = dataclasses.replace(package, sha256="", md5=md5), ""
    if says("md5 of a package with sha256", format_) == "no":
        md5 = ""
    if says("size, time, build number, kind of noarch, constrains, features, licence, purls, requires-python", format_) == "no":
        entry = Entry(package, category=entry.category)
    return dataclasses.replace(entry, package=package, md5=md5)


def in_order(document: Document) -> Document:
    """Return ``document`` with the entries in the order of their names: in a document the order has no meaning."""

    def key(entry: Entry) -> tuple[str, ...]:
        return entry.package.manager, canonical(entry.package.name), entry.category

    return dataclasses.replace(
        document, platforms={name: tuple(sorted(entries, key=key)) for name, entries in document.platforms.items()}
    )
