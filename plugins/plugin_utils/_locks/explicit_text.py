# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""``@EXPLICIT`` lists (CEP 23), written.

This plugin util is private to the collection.
"""

from __future__ import annotations

import dataclasses

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda import exports
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locks import addresses, normal_form, writing
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locks.document import Document


def text(document: Document, platform: str, md5: bool = False) -> str:
    """Return the list of one platform: conda packages, needed before needing, then pip packages as comments.

    ``md5``: for conda before 24.9, which knows no sha256 and does not read the comments. Raises Problem that lists what the
    format cannot hold.
    """
    entries = writing.entries_of(document, platform)
    subdir = document.subdirs.get(platform, platform)
    wrong = writing.refusals(entries, subdir)
    packages = []
    for entry in sorted(entries, key=lambda entry: entry.package.name):
        package = dataclasses.replace(entry.package, url=addresses.written(entry.package))
        if md5 and package.manager == "pip":
            wrong.append(f"{package.label}: conda would not install pip packages")
        elif md5 and not (package.md5 or entry.md5):
            wrong.append(f"{package.label}: its md5 is unknown")
        packages.append(dataclasses.replace(package, sha256="", md5=package.md5 or entry.md5) if md5 else package)
    name = f"an @EXPLICIT list{' with md5' if md5 else ''}"
    writing.conclude(name, wrong, "An @EXPLICIT list with sha256 can hold it." if md5 else "")
    title = f"{', '.join(document.sources) or 'A lock'}, as locked by lockstep.gpufleet.conda_lock"
    return exports.explicit(title, "" if subdir == normal_form.ANY else subdir, normal_form.ordered(packages))
