# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where a lock says that an archive lies: the public address of it, and the one to fetch it from.

The public address goes into digests, seals and records, so it never holds a secret: no ``user:password@``, no
``/t/TOKEN/``, no query, and no value of an environment variable beyond the server's name.

This plugin util is private to the collection.
"""

from __future__ import annotations

import os
import posixpath
import re
import typing as t
from urllib.parse import quote

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.download import redact
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.packages import Package
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.urls import public_url
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locks import normal_form

#: The server's name in public addresses of archives that lie on the controller (RFC 8089 has a place for it).
CONTROLLER = "controller"

_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))", re.ASCII)
_PASSWORD = re.compile(r"[^\s/]*:(?!//)\S*@|(?<=//)[^\s/]*@")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


class Address(t.NamedTuple):
    """``url``: public. ``source``: where to fetch from if that is not ``url``, see ``packages.Package``."""

    url: str
    source: str


def read(written: str) -> Address:
    """Return the address that a lock's text, without its hash, means. Raises ValueError with a reason fit to be shown.

    Environment variables are the controller's. An absolute path lies on the host; a relative one, and one that begins with
    ``~``, on the controller.
    """
    _require_set(written)
    head, path = _split(written)
    head = _expand(head)
    if _SCHEME.match(head + path):
        url = public_url(head + path)
        source = head + _expand(path)
        if not normal_form.is_url(source):
            raise ValueError(f"{url[:200]} is no address to fetch from")
        return Address(url, "" if source == url else source)
    place = os.path.expanduser(head) + _expand(path)
    if place.startswith("/") and not written.startswith("~"):
        return Address("file://" + quote(place), "")
    name, folder = posixpath.basename(place), posixpath.basename(posixpath.dirname(place))
    subdir = folder + "/" if folder in normal_form.SUBDIRS else ""
    return Address(f"file://{CONTROLLER}/{subdir}{quote(name)}", os.path.normpath(place))


def shown(text: str) -> str:
    """Return ``text`` as it may be shown: without the secrets of URLs in it, also of those that are written wrongly."""
    return _PASSWORD.sub("***@", redact(text))


def expanded(written: str) -> str:
    """Return a URL with its environment variables, which are the controller's; raises ValueError as ``read``."""
    _require_set(written)
    return "".join(map(_expand, _split(written)))


def written(package: Package) -> str:
    """Return the text that ``read`` makes the package's address of, without credentials."""
    if not package.source or "://" in package.source:
        return package.url
    if not package.source.startswith("/"):
        return package.source
    home = os.path.expanduser("~")
    return "~/" + os.path.relpath(package.source, home)


def _require_set(written: str) -> None:
    """Raise ValueError if ``written`` names an environment variable that is not there."""
    names = {match[1] or match[2] for match in _VARIABLE.finditer(written)}
    unset = sorted(name for name in names if name not in os.environ)
    if unset:
        raise ValueError(f"the environment variable {unset[0]} is not set on the controller")


def _split(written: str) -> tuple[str, str]:
    """Return what stands before the path (scheme, user and server; or a path's first part), and the path."""
    scheme = _SCHEME.match(written)
    end = written.find("/", scheme.end() if scheme else 0)
    return (written, "") if end < 0 else (written[:end], written[end:])


def _expand(text: str) -> str:
    """Return ``text`` with its environment variables; their values are quoted where they are part of user:password@."""
    user, at, rest = text.rpartition("@")

    def quoted(match: re.Match[str]) -> str:
        return quote(os.environ[match[1] or match[2]], safe="%:")

    return (_VARIABLE.sub(quoted, user) if _SCHEME.match(text) else os.path.expandvars(user)) + at + os.path.expandvars(rest)


def local_archives(packages: t.Iterable[Package], lock: str) -> dict[str, str]:
    """Return, by source, the paths of archives on the controller: beside the lock, or in the working directory.

    Raises one Problem that lists those that are nowhere.
    """
    places = [os.path.dirname(os.path.abspath(lock)), os.getcwd()]
    found: dict[str, str] = {}
    missing = []
    for package in packages:
        if not package.source or "://" in package.source:
            continue
        paths = [os.path.join(place, package.source) for place in places]
        path = next((path for path in paths if os.path.isfile(path)), None)
        if path:
            found[package.source] = path
        else:
            missing.append(f"{package.source} ({package.label})")
    if missing:
        raise Problem(
            normal_form.listing(
                f"{lock} names archives that are not on the controller, neither beside it nor in {places[1]}", missing
            )
        )
    return found
