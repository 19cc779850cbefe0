# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The authorized_keys files of a host: observed, planned, changed.

Everything in a home directory is read and written with the rights of its owner: links that a user lays there
lead nowhere that the user could not go, and homes on NFS with root_squash work.

This module util is private to the collection.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import pwd
import stat
import typing as t

from ansible_collections.lockstep.gpufleet.plugins.module_utils._accounts.keys import Key, Merged, key_of, merge
from ansible_collections.lockstep.gpufleet.plugins.module_utils._files import write_atomically
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Plan, Problem, text_diff

UNSAFE = 0o022
"""Bits that make sshd's StrictModes ignore the keys, on the home, on .ssh and on the file."""


@dataclasses.dataclass(frozen=True)
class Login:
    """The login through which this run reaches the host, as the controller knows it.

    ``keys``: blobs of the public keys that the controller could have used. ``by_password``: it gave a password to
    SSH. ``becomes``: it becomes root through sudo; ``become_password``: it has a password for that.
    """

    name: str
    keys: frozenset[str] = frozenset()
    by_password: bool = False
    becomes: bool = False
    become_password: bool = False

    @classmethod
    def of(cls, data: t.Mapping[str, t.Any] | None) -> Login | None:
        """Return the login described by the module option ``login``."""
        if not data:
            return None
        return cls(
            name=data["name"],
            keys=frozenset(data.get("keys") or ()),
            by_password=bool(data.get("by_password")),
            becomes=bool(data.get("becomes")),
            become_password=bool(data.get("become_password")),
        )


@dataclasses.dataclass(frozen=True)
class Wish:
    """What a user's authorized_keys should hold; see ``keys.merge``."""

    user: str
    wanted: tuple[Key, ...] = ()
    unwanted: frozenset[str] = frozenset()
    exclusive: bool = False


@dataclasses.dataclass(frozen=True)
class KeyFile:
    """What is there now. ``uid`` is None where the user does not exist (yet); then ``home`` is a prediction.

    ``..._mode``: permission bits, or None where there is no such directory or file. ``text``: None without a file.
    """

    user: str
    home: str
    uid: int | None = None
    gid: int | None = None
    home_mode: int | None = None
    directory_mode: int | None = None
    mode: int | None = None
    text: str | None = None

    @property
    def directory(self) -> str:
        """The directory that sshd reads by default."""
        return os.path.join(self.home, ".ssh")

    @property
    def path(self) -> str:
        """The file that sshd reads by default."""
        return os.path.join(self.directory, "authorized_keys")


def observe(user: str) -> KeyFile:
    """Return the state of ``user``'s authorized_keys; raises ``Problem`` where it cannot be read."""
    try:
        entry = pwd.getpwnam(user)
    except KeyError:
        return KeyFile(user, "/root" if user == "root" else "/home/" + user)
    state = KeyFile(user, entry.pw_dir, entry.pw_uid, entry.pw_gid)
    try:
        with _rights_of(entry.pw_uid, entry.pw_gid):
            text = None
            with contextlib.suppress(FileNotFoundError):
                with open(state.path, encoding="utf-8", errors="surrogateescape") as file:
                    text = file.read()
            return dataclasses.replace(
                state,
                home_mode=_mode(state.home),
                directory_mode=_mode(state.directory),
                mode=_mode(state.path),
                text=text,
            )
    except OSError as error:
        raise Problem(
            "The keys of %s cannot be read with that user's own rights (%s: %s), and so sshd cannot read them either. "
            "Give the home directory and what is in .ssh to %s." % (user, error.filename, error.strerror, user)
        ) from error


def _mode(path: str) -> int | None:
    """Return the permission bits of ``path``, None where it does not exist."""
    try:
        return stat.S_IMODE(os.stat(path).st_mode)
    except FileNotFoundError:
        return None


@dataclasses.dataclass(frozen=True)
class SetMode:
    """Take unsafe bits from a home directory, or give .ssh and the file their modes."""

    user: str
    path: str
    mode: int

    def __str__(self) -> str:
        return "set mode %04o on %s" % (self.mode, self.path)


@dataclasses.dataclass(frozen=True)
class MakeDirectory:
    """Make .ssh."""

    user: str
    path: str

    def __str__(self) -> str:
        return "make the directory " + self.path


@dataclasses.dataclass(frozen=True)
class WriteKeys:
    """Replace the authorized_keys file."""

    user: str
    path: str
    text: str

    def __str__(self) -> str:
        return "write " + self.path


def make_plan(wish: Wish, state: KeyFile, login: Login | None) -> Plan:
    """Return what makes ``state`` equal to ``wish``; pure.

    Raises ``Problem`` where the plan could end the access of ``login``: the key of the present login is never
    removed and never gets new limits, and nothing is removed while it is unknown which key that is.
    """
    mine = login if login is not None and login.name == state.user else None
    before = state.text or ""
    merged = merge(before, wish.wanted, wish.unwanted, wish.exclusive, mine.keys if mine else ())
    if mine:
        _check_login(wish, before, merged, mine)
    steps: list[t.Any] = []
    diff: list[dict[str, str]] = []
    needed = state.text is not None or merged.text
    if needed:
        if state.home_mode is not None and state.home_mode & UNSAFE:
            _set_mode(steps, diff, state.user, state.home, state.home_mode, state.home_mode & ~UNSAFE)
        if state.directory_mode is None:
            steps.append(MakeDirectory(state.user, state.directory))
        elif state.directory_mode != 0o700:
            _set_mode(steps, diff, state.user, state.directory, state.directory_mode, 0o700)
        if merged.text != before or state.text is None:
            steps.append(WriteKeys(state.user, state.path, merged.text))
            diff.append(text_diff(state.path, state.text, merged.text))
        elif state.mode is not None and state.mode != 0o600:
            _set_mode(steps, diff, state.user, state.path, state.mode, 0o600)
    warnings = [
        "The key %s of %s was not removed: the present login may use it. Log in with a wanted key to have it removed."
        % (key.label, state.user)
        for key in merged.kept
    ]
    return Plan(tuple(steps), tuple(diff), tuple(warnings))


def _set_mode(steps: list[t.Any], diff: list[dict[str, str]], user: str, path: str, before: int, after: int) -> None:
    """Add a change of mode to ``steps`` and ``diff``."""
    steps.append(SetMode(user, path, after))
    diff.append(text_diff(path, "mode %04o\n" % before, "mode %04o\n" % after))


def _check_login(wish: Wish, before: str, merged: Merged, login: Login) -> None:
    """Raise ``Problem`` if the present login might not be possible again."""
    there = {key.blob: key for key in (key_of(line) for line in before.splitlines()) if key}
    if merged.removed and not login.by_password and not any(
        key.blob in login.keys for key in (key_of(line) for line in merged.text.splitlines()) if key
    ):
        raise Problem(
            "Keys of %s, through which this run is logged in, would be removed (%s), and none of those that stay is "
            "known to belong to this login. Add your own public key to the keys of %s, or name its private key in "
            "ansible_ssh_private_key_file. Nothing was changed."
            % (login.name, ", ".join(key.label for key in merged.removed), login.name)
        )
    for key in wish.wanted:
        old = there.get(key.blob)
        if key.blob in login.keys and old is not None and key.limits and key.options != old.options:
            raise Problem(
                "The key %s of %s may be the one of the present login, and it would get new limits (%s) that could "
                "refuse the next one. Log in with another key to change this one. Nothing was changed."
                % (key.label, login.name, ", ".join(key.limits))
            )


def apply(steps: t.Iterable[t.Any]) -> None:
    """Execute the ``steps`` of a plan; raises ``Problem`` that names the path."""
    for step in steps:
        try:
            entry = pwd.getpwnam(step.user)
        except KeyError:
            raise Problem(
                "There is no user %s on this host to give keys to; create it first." % step.user, changed=False
            ) from None
        try:
            with _rights_of(entry.pw_uid, entry.pw_gid):
                if isinstance(step, SetMode):
                    os.chmod(step.path, step.mode)
                elif isinstance(step, MakeDirectory):
                    os.mkdir(step.path, 0o700)
                    os.chmod(step.path, 0o700)
                else:
                    write_atomically(step.path, step.text.encode("utf-8", "surrogateescape"), 0o600)
        except OSError as error:
            raise Problem(
                "Cannot %s with the rights of %s: %s. Give the home directory %s and what is in .ssh to %s."
                % (step, step.user, error.strerror, entry.pw_dir, step.user)
            ) from error


@contextlib.contextmanager
def _rights_of(uid: int, gid: int) -> t.Iterator[None]:
    """Act with the rights of a user and its primary group for a while; without being root, change nothing."""
    if os.geteuid() != 0:
        yield
        return
    groups = os.getgroups()
    group = os.getegid()
    os.setgroups([])
    os.setegid(gid)
    os.seteuid(uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(group)
        os.setgroups(groups)
