# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Files on the controller that say what is wanted, as text.

This plugin util is private to the collection.
"""

from __future__ import annotations

import codecs

from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem

#: Bytes. An @EXPLICIT list of a thousand packages has 150,000.
LARGEST = 8 * 1024 * 1024

#: What begins a file that Windows programs wrote, such as ``pip freeze > requirements.txt`` in PowerShell.
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


def content(path: str) -> bytes:
    """Return what the file at ``path`` holds; raises Problem."""
    try:
        with open(path, "rb") as file:
            found = file.read(LARGEST + 1)
    except OSError as error:
        raise Problem(f"{path} cannot be read: {error.strerror}.") from None
    except ValueError:
        raise Problem("A path with a NUL character names no file.") from None
    if len(found) > LARGEST:
        raise Problem(f"{path} is larger than {LARGEST // 1024**2} MiB: nothing that can be locked is.")
    return found


def text(found: bytes, path: str) -> str:
    """Return the text that ``found`` is, in UTF-8 or with a byte order mark that says otherwise; raises Problem."""
    encoding = next((name for mark, name in _MARKS if found.startswith(mark)), "utf-8")
    try:
        decoded = found.decode(encoding)
    except UnicodeDecodeError as error:
        number = found[: error.start].count(b"\n") + 1
        raise Problem(f"{path}, line {number}: is no text in UTF-8: nothing that can be locked is otherwise.") from None
    if "\0" in decoded:
        raise Problem(f"{path} is no text: nothing that can be locked is otherwise.")
    return decoded
