# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What others have written and sshd has not read yet.

This module util is private to the collection.

Our reload would put it in force together with our change, and so would the reload of a restore: what it does to the
login account is proven by no fresh login before, and undone by no guard after.
"""

from __future__ import annotations

import os
import subprocess
import time
import typing as t

from .._plan import Problem
from .configuration import ConfigLine

#: Directives that can shut everybody out and that nothing else here judges, in lower case.
DECIDES = frozenset({
    "addressfamily", "authorizedkeyscommand", "authorizedkeyscommanduser", "authorizedkeysfile",
    "authorizedprincipalscommand", "authorizedprincipalscommanduser", "authorizedprincipalsfile",
    "casignaturealgorithms", "chrootdirectory", "forcecommand", "hostcertificate", "hostkey", "listenaddress",
    "logingracetime", "maxauthtries", "maxsessions", "maxstartups", "port", "pubkeyacceptedalgorithms",
    "pubkeyacceptedkeytypes", "pubkeyauthoptions", "requiredrsasize", "revokedkeys", "strictmodes", "trustedusercakeys",
    "usepam",
})
#: What most main files say, so that whoever edits one of them is not refused for it.
HARMLESS = frozenset({("usepam", "yes"), ("strictmodes", "yes"), ("port", "22"), ("addressfamily", "any")})


def refuse_unread(lines: t.Iterable[ConfigLine], unit: str) -> None:
    """Raise Problem where a file that sshd has not read may shut everybody out, naming it by file and line."""
    since = last_read(unit)
    if since is None:
        return
    complaints = [str(line) for line in undecided(lines, lambda path: _changed_at(path) > since)]
    if complaints:
        raise Problem(
            f"refused, because sshd has not read everything in its files yet, and a reload may shut everybody out: "
            f"{'; '.join(complaints)}. Have it read them (systemctl reload {unit}), see that you still get in, and run this again"
        )


def undecided(lines: t.Iterable[ConfigLine], is_newer: t.Callable[[str], bool]) -> list[ConfigLine]:
    """Return the lines that decide about logins in files that are newer than what sshd has read."""
    return [
        line for line in lines
        if line.keyword.lower() in DECIDES
        and (line.keyword.lower(), line.value.lower()) not in HARMLESS
        and is_newer(line.path)
    ]


def last_read(unit: str) -> float | None:
    """Return when ``unit`` was last started or reloaded, as time.time() does; None where nothing tells."""
    done = subprocess.run(
        ["systemctl", "show", "--value", "--property=StateChangeTimestampMonotonic", unit],
        capture_output=True, text=True, timeout=60, check=False,
    )
    text = done.stdout.strip()
    if not text.isdigit() or not int(text):
        return None
    return time.time() - (time.monotonic() - int(text) / 1e6)


def _changed_at(path: str) -> float:
    try:
        # Not the time of modification, which a copy may keep.
        return os.stat(path).st_ctime
    except OSError:
        return 0.0
