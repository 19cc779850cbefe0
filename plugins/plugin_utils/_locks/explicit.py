# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""``@EXPLICIT`` lists (CEP 23), as ``conda list --explicit --sha256`` and conda-lock write them.

This plugin util is private to the collection.
"""

from __future__ import annotations

import os
import re
from urllib.parse import urldefrag

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.packages import Package
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.urls import directory_name, file_name, public_url
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locks import normal_form

MARKER = "@EXPLICIT"

_PLATFORM = re.compile(r"#\s*platform:\s*(\S+)\s*$")

#: What conda-lock writes for pip packages: a comment that conda skips.
_PIP = re.compile(r"#\s*pip\s+(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^]]*\])?\s*@\s*(?P<url>\S+)\s*$")

_REMEDY = "Write the list with sha256 hashes: conda list --explicit --sha256."


def is_explicit(text: str) -> bool:
    """Tell whether ``text`` is meant as such a list."""
    return any(line.strip() == MARKER for line in text.splitlines())


def parse(text: str, path: str) -> normal_form.NormalForm:
    """Return the packages that ``text`` names; raises one Problem that lists every line that is not accepted.

    Blank lines and comments are skipped wherever they stand; ``# platform:`` and ``# pip NAME @ URL#sha256=`` are
    read. ``~`` and environment variables are expanded, in the controller's environment. Paths must be absolute: they
    are looked for on the host.
    """
    packages: list[Package] = []
    wrong: list[str] = []
    no_sha256: list[str] = []
    said: str | None = None
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip()
        if not line or line == MARKER:
            continue
        if line.startswith("#"):
            platform = _PLATFORM.match(line)
            pip = _PIP.match(line)
            if platform:
                said = platform[1]
            elif pip:
                _add_pip(pip["name"], pip["url"], f"line {number}", packages, wrong, no_sha256)
            continue
        _add_conda(line, f"line {number}", packages, wrong, no_sha256)
    if wrong:
        raise Problem(normal_form.listing(f"{path} has entries that cannot be installed from", wrong))
    if no_sha256:
        raise Problem(normal_form.listing(f"{path} has entries without a sha256", no_sha256, _REMEDY))
    if not packages:
        raise Problem(f"{path} names no packages.")
    platforms = {package.subdir for package in packages if package.subdir not in ("", "noarch")}
    if said:
        platforms.add(said)
    if len(platforms) > 1:
        raise Problem(
            f"{path} mixes the platforms {' and '.join(sorted(platforms))}: an {MARKER} list is for one platform."
        )
    return normal_form.make(path, {next(iter(platforms), normal_form.ANY): packages})


def _add_conda(line: str, where: str, packages: list[Package], wrong: list[str], no_sha256: list[str]) -> None:
    url, digest = urldefrag(line)
    url = os.path.expandvars(os.path.expanduser(url))
    if url.startswith("/"):
        url = "file://" + url
    name = file_name(url)
    parts = normal_form.split_conda_name(name)
    if parts is None or not normal_form.is_url(url):
        if parts and "://" not in url:
            wrong.append(f"{where}: {url} is a relative path, which means nothing on a host; write a URL")
        else:
            wrong.append(f"{where}: {public_url(line)[:200]} is no URL of a .conda or .tar.bz2 package")
        return
    digest = digest[len("sha256:") :] if digest.startswith("sha256:") else digest
    if not normal_form.is_sha256(digest):
        reason = "md5 only" if normal_form.is_md5(digest) else ("not a sha256" if digest else "no hash")
        no_sha256.append(f"{where}: {name} ({reason})")
        return
    subdir = directory_name(url)
    packages.append(
        Package("conda", *parts, subdir=subdir if subdir in normal_form.SUBDIRS else "", url=url, sha256=digest)
    )


def _add_pip(
    name: str, url: str, where: str, packages: list[Package], wrong: list[str], no_sha256: list[str]
) -> None:
    url, fragment = urldefrag(url)
    wheel = normal_form.split_wheel_name(file_name(url))
    if wheel is None or not normal_form.is_url(url):
        wrong.append(f"{where}: pip package {name} is no wheel with a URL; build a wheel of it and lock that")
        return
    digest = fragment.rpartition("=")[2] if fragment.startswith("sha256=") else ""
    if not normal_form.is_sha256(digest):
        no_sha256.append(f"{where}: pip package {name}")
        return
    packages.append(Package("pip", normal_form.canonical(name), wheel[1], "", "", url, digest))
