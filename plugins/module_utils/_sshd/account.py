# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What this host's files say about one account: its entry, its keys, and what sshd would object to.

This module util is private to the collection. Files prove nothing: only a login does. This explains one that failed,
and finds accounts without a key.
"""

from __future__ import annotations

import dataclasses
import grp
import os
import pwd
import stat
import time
import typing as t

from .._accounts.keys import Key, key_of

_NOLOGIN = ("/etc/nologin", "/run/nologin", "/var/run/nologin")
_DAY = 86400

#: What is known of one path: (owner, mode, group), or None where there is nothing.
Status = t.Callable[[str], t.Optional[t.Tuple[int, int, int]]]


@dataclasses.dataclass(frozen=True)
class KeyFile:
    """One file that sshd looks for keys in. ``objection``: why sshd ignores it; None where it does not."""

    path: str
    keys: tuple[Key, ...] = ()
    objection: str | None = None
    absent: bool = False


@dataclasses.dataclass(frozen=True)
class Account:
    """One account. ``password``: the field of /etc/shadow, of which only the beginning matters, never a hash."""

    name: str
    exists: bool = True
    uid: int = 0
    home: str = ""
    shell: str = ""
    shell_runs: bool = True
    password: str = ""
    expired: bool = False
    must_change_password: bool = False
    nologin: str | None = None
    key_files: tuple[KeyFile, ...] = ()

    @property
    def keys(self) -> tuple[Key, ...]:
        """The keys in files that sshd does not ignore."""
        return tuple(key for file in self.key_files if file.objection is None for key in file.keys)


def observe(name: str, values: t.Mapping[str, tuple[str, ...]]) -> Account:
    """Read the account; ``values``: what ``sshd -T`` prints for it."""
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return Account(name, exists=False)
    shadow = shadow_entry(_lines("/etc/shadow"), name)
    today = int(time.time() // _DAY)
    strict = values.get("strictmodes", ("yes",)) != ("no",)
    return Account(
        name,
        True,
        entry.pw_uid,
        entry.pw_dir,
        entry.pw_shell,
        os.access(entry.pw_shell or "/bin/sh", os.X_OK),
        shadow.get("password", entry.pw_passwd)[:1],
        0 <= int(shadow.get("expires") or -1) <= today,
        shadow.get("changed") == "0",
        next((path for path in _NOLOGIN if os.path.exists(path)), None) if entry.pw_uid else None,
        tuple(
            _key_file(path, entry, strict)
            for path in key_paths(values.get("authorizedkeysfile", ()), name, entry.pw_uid, entry.pw_dir)
        ),
    )


def shadow_entry(lines: t.Iterable[str], name: str) -> dict[str, str]:
    """Return the fields of shadow(5) that matter, or nothing where the account is not in it."""
    for line in lines:
        fields = line.rstrip("\n").split(":")
        if fields[0] == name and len(fields) >= 8:
            return {"password": fields[1], "changed": fields[2], "expires": fields[7]}
    return {}


def key_paths(patterns: t.Iterable[str], name: str, uid: int, home: str) -> list[str]:
    """Return the files that AuthorizedKeysFile means for an account."""
    paths = []
    for pattern in " ".join(patterns).split():
        if pattern.lower() == "none":
            continue
        marks = {"%%": "%", "%h": home, "%u": name, "%U": str(uid)}
        path, rest = "", pattern
        while rest:
            mark = rest[:2]
            path += marks.get(mark, rest[:1])
            rest = rest[2:] if mark in marks else rest[1:]
        paths.append(path if path.startswith("/") else os.path.join(home, path))
    return paths


def _key_file(path: str, entry: pwd.struct_passwd, strict: bool) -> KeyFile:
    real = os.path.realpath(path)
    if not os.path.exists(real):
        return KeyFile(path, absent=True)
    groups = set(os.getgrouplist(entry.pw_name, entry.pw_gid))
    objection = objection_to(
        real, os.path.realpath(entry.pw_dir), entry.pw_uid, groups, strict, _status, _group_of_its_own(entry)
    )
    return KeyFile(path, tuple(key for key in map(key_of, _lines(real)) if key is not None), objection)


def _group_of_its_own(entry: pwd.struct_passwd) -> int | None:
    """Return the account's first group if nobody else is in it; sshd of Debian and its kin lets that one write."""
    if not os.path.exists("/etc/debian_version"):
        return None
    try:
        group = grp.getgrgid(entry.pw_gid)
    except KeyError:
        return None
    others = any(account.pw_gid == entry.pw_gid and account.pw_uid != entry.pw_uid for account in pwd.getpwall())
    return None if others or set(group.gr_mem) - {entry.pw_name} else entry.pw_gid


def objection_to(
    path: str,
    home: str,
    uid: int,
    groups: t.Collection[int],
    strict: bool,
    status: Status,
    private_group: int | None = None,
) -> str | None:
    """Return why sshd ignores the file of keys ``path``, or None. Paths are real ones, without links.

    StrictModes: the file, and every directory from it up to the home directory (to the root where it is elsewhere), must
    belong to the account or to root, and nobody else may write there; ``private_group``: one that may. And the account
    itself has to be able to read it.
    """
    found = status(path)
    if found is None or not stat.S_ISREG(found[1]):
        return f"{path} is not a file"
    parents = list(_parents(path))
    for current in [path, *parents]:
        known = status(current)
        if known is None:
            continue
        owner, mode, group = known
        if strict and owner not in (0, uid):
            return f"{current} belongs to the account with uid {owner}; run: chown {uid} {current}"
        if strict and (mode & 0o002 or (mode & 0o020 and group != private_group)):
            return f"others may write to {current} (mode {stat.S_IMODE(mode):04o}); run: chmod go-w {current}"
        if current == home:
            break
    for current in [path, *parents]:
        known = status(current)
        needed = 0o4 if current == path else 0o1
        if known is not None and uid and not _may(known, needed, uid, groups):
            what = "read" if current == path else "enter"
            return f"the account itself may not {what} {current} (mode {stat.S_IMODE(known[1]):04o}, uid {known[0]})"
    return None


def _may(known: tuple[int, int, int], needed: int, uid: int, groups: t.Collection[int]) -> bool:
    owner, mode, group = known
    shift = 6 if owner == uid else 3 if group in groups else 0
    return bool(mode >> shift & needed)


def _parents(path: str) -> t.Iterator[str]:
    while path != "/":
        path = os.path.dirname(path)
        yield path


def _status(path: str) -> tuple[int, int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_uid, found.st_mode, found.st_gid


def _lines(path: str) -> list[str]:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.readlines()
    except OSError:
        return []


def read_keys(path: str) -> list[Key]:
    """Return the public keys in a file; none where it cannot be read."""
    return [key for key in map(key_of, _lines(path)) if key is not None]
