# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""URLs of packages: their file name, their credentials, and the form that may be shown and stored.

This module util is private to the collection.
"""

from __future__ import annotations

import posixpath
import re
from urllib.parse import unquote, urlsplit, urlunsplit

#: conda's token channels: https://host/t/<TOKEN>/channel/...
_TOKEN = re.compile(r"/t/([^/]+)(?:/|$)")


def public_url(url: str) -> str:
    """Return ``url`` without user, password, conda token and query (signed URLs hold keys there): fit for output, logs,
    seals and records. What is no URL at all becomes a remark that says so.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return "(an address that cannot be read)"
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, _TOKEN.sub("/", parts.path, count=1), "", ""))


def hidden(url: str) -> set[str]:
    """Return the parts of ``url`` that must not be shown, as written and percent-decoded; for ``no_log_values``."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return {url}
    user, colon, password = parts.netloc.rpartition("@")[0].partition(":")
    found = {password if colon else user, parts.query, *_TOKEN.findall(parts.path)}
    return {secret for part in found for secret in (part, unquote(part)) if secret}


def file_name(url: str) -> str:
    """Return the last part of the URL's path, decoded."""
    return unquote(posixpath.basename(urlsplit(url).path))


def directory_name(url: str) -> str:
    """Return the part of the URL's path before the file name: a conda package's subdir, such as ``linux-64``."""
    return unquote(posixpath.basename(posixpath.dirname(urlsplit(url).path)))


def channel_of(url: str) -> str:
    """Return the channel's URL of a conda package: the URL without its subdir and file name."""
    return url.rsplit("/", 2)[0]
