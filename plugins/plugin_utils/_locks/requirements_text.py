# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The pip packages of a lock as a requirements file for pip and uv, each by its address and hash, so that no index is asked.

``pip install --require-hashes --no-deps -r FILE`` installs exactly these wheels. Python packages that conda brings are not
among them. This plugin util is private to the collection.
"""

from __future__ import annotations

from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locks import addresses, writing
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locks.document import Document


def text(document: Document, platform: str) -> str:
    """Return the file of one platform; raises Problem that lists what the format cannot hold."""
    entries = writing.entries_of(document, platform, some=False)
    subdir = document.subdirs.get(platform, platform)
    wheels = sorted((entry for entry in entries if entry.package.manager == "pip"), key=lambda entry: entry.package.name)
    wrong = writing.refusals(wheels, subdir)
    lines = []
    for package in (entry.package for entry in wheels):
        address = addresses.written(package)
        if not package.sha256:
            wrong.append(f"{package.label}: pip takes no md5, and its sha256 is unknown")
        if "://" not in address:
            wrong.append(f"{package.label}: its wheel lies on the controller ({address})")
        lines.append(f"{package.name} @ {address} --hash=sha256:{package.sha256}\n")
    writing.conclude("a requirements file", wrong)
    sources = ", ".join(document.sources) or "a lock"
    comment = (
        f"# The pip packages of {sources} for {subdir}, as locked by lockstep.gpufleet.conda_lock; conda's are not among them.\n"
        "# pip install --require-hashes --no-deps -r THIS\n"
    )
    return comment + "".join(lines)
