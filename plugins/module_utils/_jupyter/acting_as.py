# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Work in a user's home with no more rights than the user has.

This module util is private to the collection.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import typing as t


@contextlib.contextmanager
def acting_as(user: str | None) -> t.Iterator[None]:
    """Hold the file rights of ``user`` (effective ids and groups); None, or the present user, changes nothing.

    Root that follows paths in somebody's home would follow their links too, and create root's files there.
    """
    if user is None or os.geteuid() != 0 or pwd.getpwnam(user).pw_uid == 0:
        yield
        return
    account = pwd.getpwnam(user)
    groups, group = os.getgroups(), os.getegid()
    os.setgroups(os.getgrouplist(user, account.pw_gid))
    os.setegid(account.pw_gid)
    os.seteuid(account.pw_uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(group)
        os.setgroups(groups)
