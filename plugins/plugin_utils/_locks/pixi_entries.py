# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Single packages of a ``pixi.lock``: what an entry says, and what follows from its location.

This plugin util is private to the collection.
"""

from __future__ import annotations

import dataclasses
import re
import typing as t
from urllib.parse import urldefrag

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.ordering import canonical
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.packages import Package
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.urls import directory_name, file_name, public_url
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locks import addresses, conda_lock, normal_form
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locks.document import Entry

#: The kinds of packages: archives of channels, sources of conda packages (version 7), and what pip installs.
_KINDS = ("conda", "conda_source", "pypi")

#: The last moment that seconds can mean, the end of the year 9999; what is more is milliseconds (rattler does the same).
_LAST_SECOND = 253402300799

_TRAILING_DIGITS = re.compile(r"\d*$")

_SOURCE_REMEDY = (
    "Only archives are installed, since building a package would run its code as root. Build it once (pixi build), put it into "
    "a channel, and lock that."
)


@dataclasses.dataclass
class Report:
    """What is wrong with entries, by what is to be done about it."""

    wrong: list[str] = dataclasses.field(default_factory=list)
    source: list[str] = dataclasses.field(default_factory=list)
    no_wheel: list[str] = dataclasses.field(default_factory=list)
    no_hash: list[str] = dataclasses.field(default_factory=list)

    def conclude(self, path: str) -> None:
        """Raise one Problem about the entries of the lock at ``path`` if there is any."""
        for what, items, remedy in (
            ("entries that cannot be installed from", self.wrong, ""),
            ("conda packages that have to be built from source", self.source, _SOURCE_REMEDY),
            ("pip packages that are no wheels", self.no_wheel, conda_lock.WHEEL_REMEDY),
            ("entries without a sha256", self.no_hash, conda_lock.REMEDY),
        ):
            if items:
                raise Problem(normal_form.listing(f"{path} has {what}", items, remedy))


def location(item: t.Any) -> tuple[str, str] | None:
    """Return kind and location of an entry or of what names one; None if it has none."""
    if isinstance(item, dict):
        for kind in _KINDS:
            if isinstance(item.get(kind), str):
                return kind, item[kind]
    return None


def entry(
    key: tuple[str, str], item: dict[str, t.Any], platform: str, subdir: str, report: Report
) -> Entry | None:
    """Return the entry of a package, or None after telling ``report`` what is wrong with it.

    ``key``: what ``location`` says of it. ``platform``: the name in messages. ``subdir``: the platform's.
    """
    kind, place = key
    written = urldefrag(place)[0]
    name = file_name(written) if "://" in written else written.rsplit("/", 1)[-1]
    shown = f"{_text(item, 'name') or name or written} ({platform})"
    if kind == "pypi":
        reason = conda_lock.no_wheel(written, {"type": "editable"} if item.get("editable") == "true" else None)
        if reason:
            report.no_wheel.append(f"{shown}: {reason}")
            return None
    elif kind == "conda_source" or normal_form.split_conda_name(name) is None:
        report.source.append(f"{public_url(place) if '://' in place else place} ({platform})")
        return None
    try:
        address = addresses.read(written)
    except ValueError as error:
        report.wrong.append(f"{shown}: {error}")
        return None
    sha256, md5 = (_text(item, hash_).lower() for hash_ in ("sha256", "md5"))
    if not (normal_form.is_sha256(sha256) if sha256 else normal_form.is_md5(md5)):
        report.no_hash.append(f"{shown}: {file_name(address.url)} ({'no valid hash' if sha256 or md5 else 'no hash'})")
        return None
    package = Package("pip", "", "", "", "", address.url, sha256, (), "" if sha256 else md5, address.source)
    known = md5 if sha256 and normal_form.is_md5(md5) else ""
    if kind == "pypi":
        return _wheel(item, package, known, shown, report)
    return _archive(item, package, known, shown, subdir, report)


def _wheel(item: dict[str, t.Any], package: Package, md5: str, shown: str, report: Report) -> Entry | None:
    missing = [key for key in ("name", "version") if not _text(item, key)]
    if missing:
        report.wrong.append(f"{shown} lacks {', '.join(missing)}")
        return None
    package = dataclasses.replace(
        package,
        name=canonical(_text(item, "name")),
        version=_text(item, "version"),
        depends=_texts(item, "requires_dist"),
    )
    return Entry(package, md5=md5, requires_python=_text(item, "requires_python"))


def _archive(
    item: dict[str, t.Any], package: Package, md5: str, shown: str, platform: str, report: Report
) -> Entry | None:
    archive = package.file_name
    parts = normal_form.split_conda_name(archive)
    said = tuple(_text(item, key) for key in ("name", "version", "build"))
    if parts is None or any(one and one != other for one, other in zip(said, parts)):
        report.wrong.append(f"{shown}: says {' '.join(filter(None, said))}, but its archive is {archive}")
        return None
    folder = directory_name(package.url)
    subdir = _text(item, "subdir") or (folder if folder in normal_form.SUBDIRS else "")
    if subdir not in ("", platform, "noarch"):
        report.wrong.append(f"{shown}: its archive is for {subdir}")
        return None
    name, version, build = parts
    package = dataclasses.replace(
        package, manager="conda", name=name, version=version, build=build, subdir=subdir, depends=_texts(item, "depends")
    )
    timestamp = _number(item, "timestamp")
    if timestamp is not None and timestamp <= _LAST_SECOND:
        timestamp *= 1000
    number = _number(item, "build_number")
    noarch = _text(item, "noarch")
    return Entry(
        package,
        md5=md5,
        build_number=build_number_of(build) if number is None else number,
        size=_number(item, "size"),
        timestamp=timestamp,
        noarch=noarch if noarch in ("python", "generic") else noarch_of(subdir, build),
        constrains=_texts(item, "constrains"),
        track_features=_texts(item, "track_features"),
        license=_text(item, "license"),
        license_family=_text(item, "license_family"),
        purls=_texts(item, "purls"),
        python_site_packages_path=_text(item, "python_site_packages_path"),
    )


def build_number_of(build: str) -> int:
    """Return the build number of an entry that does not say it: by rattler's rule the digits at the build's end."""
    match = _TRAILING_DIGITS.search(build)
    return int(match[0]) if match and match[0] else 0


def noarch_of(subdir: str, build: str) -> str:
    """Return the kind of noarch of an entry that does not say it, by rattler's rule."""
    if subdir != "noarch":
        return ""
    return "python" if "py" in build else "generic"


def _text(item: dict[str, t.Any], key: str) -> str:
    value = item.get(key)
    return value if isinstance(value, str) else ""


def _texts(item: dict[str, t.Any], key: str) -> tuple[str, ...]:
    value = item.get(key)
    return tuple(one for one in value if isinstance(one, str)) if isinstance(value, list) else ()


def _number(item: dict[str, t.Any], key: str) -> int | None:
    text = _text(item, key)
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None
