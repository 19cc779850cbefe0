# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Observe, plan and apply for sshd: from what the user wants to files whose effect sshd itself has confirmed.

This module util is private to the collection.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import typing as t

from .._files import sync_directory, write_atomically
from .._guard.present import PresentConnection
from .._plan import Plan, Problem, text_diff
from . import dropin, effective, host


@dataclasses.dataclass(frozen=True)
class State:
    """sshd as it is. ``connection``: the present login, None when the module does not run over SSH."""

    sshd: str
    files: host.Files
    known: dict[str, frozenset[str]]
    service: host.Service
    connection: PresentConnection | None
    groups: frozenset[str]
    subjects: tuple[effective.Subject, ...]
    unproven: tuple[effective.ConfigLine, ...]
    before: dict[str, tuple[str, ...]]


@dataclasses.dataclass(frozen=True)
class Change:
    """The texts that the files shall have. ``ours`` None: no drop-in."""

    main: str
    ours: str | None
    algorithms: dict[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Outlook:
    """What sshd says it will do: the configuration for every subject once the change is made."""

    after: dict[effective.Subject, dict[str, tuple[str, ...]]]
    algorithms: dict[str, tuple[str, ...]]
    unproven: tuple[effective.ConfigLine, ...]

    def facts(self, wanted: dropin.Wanted | None) -> dict[str, t.Any]:
        """Return the module's return values about the configuration in force."""
        if wanted is None:
            return {}
        return {
            "post_quantum": dropin.post_quantum(self.algorithms),
            "subjects": [str(subject) for subject in self.after],
            "unproven": [str(line) for line in self.unproven],
        }


def observe(connection: PresentConnection | None) -> State:
    """Read this host. Raises Problem where sshd is missing, or does not accept its own configuration."""
    sshd = host.find_sshd()
    files = host.read_files()
    error = host.validate(sshd)
    if error:
        raise Problem(f"sshd's configuration was broken before this run, so nothing was changed. sshd says: {error}")
    base = _base_subject(sshd, connection)
    found, unproven = effective.match_subjects(files.lines(), base, host.members_of)
    subjects = {base: None, dataclasses.replace(base, user="root"): None}
    subjects.update(dict.fromkeys(dataclasses.replace(base, user=name) for name in _other_accounts(base.user)))
    subjects.update(dict.fromkeys(found))
    return State(
        sshd,
        files,
        host.supported(sshd),
        host.service(),
        connection,
        host.groups_of(base.user) or frozenset(),
        tuple(subjects),
        tuple(unproven),
        host.effective(sshd, base),
    )


def _base_subject(sshd: str, connection: PresentConnection | None) -> effective.Subject:
    if connection is None:
        return effective.Subject("root", "localhost", "127.0.0.1", "127.0.0.1", host.ports(sshd)[0])
    return effective.Subject(
        connection.user, connection.client, connection.client, connection.server, connection.server_port
    )


def _other_accounts(login: str) -> list[str]:
    """Return one account besides the login account and root: where no Match names it, it stands for all the others."""
    for name in ("nobody", "daemon", "bin"):
        if name != login and host.groups_of(name) is not None:
            return [name]
    return []


def change(wanted: dropin.Wanted | None, state: State) -> Change:
    """Return the wanted texts; raises Problem where the present login would be shut out."""
    if wanted is None:
        return Change(dropin.without_include(state.files.main), None)
    if state.connection is not None:
        reason = effective.accounts_shut_out(
            state.connection.user, state.groups, wanted.allow_users, wanted.allow_groups
        )
        if reason:
            raise Problem(f"refused, because the login account of this run would be shut out: {reason}")
    algorithms = dropin.choose_algorithms(state.known)
    if not any(name.endswith(("ed25519_key", "rsa_key")) for name in state.before.get("hostkey", ())):
        if not _usable_host_key(state.before.get("hostkey", ())):
            raise Problem(
                "this host has no Ed25519 and no RSA host key, so nobody could connect any more; "
                "create one with: ssh-keygen -A"
            )
    old = "challengeresponseauthentication" in state.before
    return Change(dropin.with_include(state.files.main), dropin.render(wanted, algorithms, old), algorithms)


def _usable_host_key(paths: t.Iterable[str]) -> bool:
    for path in paths:
        with contextlib.suppress(OSError):
            with open(path + ".pub", encoding="ascii", errors="replace") as file:
                if file.read().startswith(("ssh-ed25519 ", "ssh-rsa ")):
                    return True
    return False


def predict(wanted: dropin.Wanted | None, change_: Change, state: State) -> Outlook:
    """Ask sshd what the change would put in force, for every subject, from a private copy of its files."""
    with host.merged_view(state.files, change_.main, change_.ours) as view:
        error = host.validate(state.sshd, view)
        if error:
            raise Problem(f"sshd would not accept the change, so nothing was done. sshd says: {error}")
        subjects = state.subjects if wanted is not None else state.subjects[:1]
        after = {subject: host.effective(state.sshd, subject, view) for subject in subjects}
    return Outlook(after, change_.algorithms, state.unproven)


def make_plan(wanted: dropin.Wanted | None, change_: Change, state: State, outlook: Outlook) -> Plan:
    """Return what to do. Raises Problem where files that sort before ours, or stand above us, keep us from it."""
    if wanted is not None:
        check_effect(dropin.expected(wanted, change_.algorithms), outlook.after, state.files.lines())
    if state.connection is not None:
        check_login(state.connection.user, state.groups, outlook.after[state.subjects[0]], state.files.lines())
    steps: list[str] = []
    diff: list[dict[str, str]] = []
    if change_.ours != state.files.ours:
        steps.append(f"{'write' if change_.ours is not None else 'remove'} {dropin.PATH}")
        diff.append(text_diff(dropin.PATH, state.files.ours, change_.ours))
    if change_.main != state.files.main:
        verb = "read our drop-in first in" if wanted is not None else "take our line out of"
        steps.append(f"{verb} {dropin.MAIN}")
        diff.append(text_diff(dropin.MAIN, state.files.main, change_.main))
    warnings = [
        f"nothing is known about connections that match {line.path} line {line.number} ('Match {line.value}')"
        for line in (state.unproven if wanted is not None else ())
    ]
    if steps and state.service.active:
        steps.append(f"reload {state.service.unit}")
    if steps:
        first = state.subjects[0]
        diff += _effective_diff(first, state.before, outlook.after[first])
    return Plan(tuple(steps), tuple(diff), tuple(warnings))


def _effective_diff(
    subject: effective.Subject, before: dict[str, tuple[str, ...]], after: dict[str, tuple[str, ...]]
) -> list[dict[str, str]]:
    """Return Ansible's diff of the directives whose value in force changes for ``subject``."""
    changed = [keyword for keyword in sorted({*before, *after}) if before.get(keyword) != after.get(keyword)]
    if not changed:
        return []

    def text(values: dict[str, tuple[str, ...]]) -> str:
        return "".join(f"{keyword} {value}\n" for keyword in changed for value in values.get(keyword, ()))

    return [text_diff(f"in force for {subject} (sshd -T)", text(before), text(after))]


def check_effect(
    expected: dict[str, tuple[str, ...]],
    after: dict[effective.Subject, dict[str, tuple[str, ...]]],
    lines: list[effective.ConfigLine],
) -> None:
    """Raise Problem for everything that would not be in force, naming who says otherwise, by file and line."""
    complaints: dict[str, None] = {}
    for subject, values in after.items():
        for keyword, (wished, found) in effective.differences(expected, values).items():
            culprits = "; ".join(str(line) for line in effective.blame(keyword, lines, dropin.PATH))
            complaints[
                f"{keyword} would be '{' '.join(found)}' instead of '{' '.join(wished)}' for {subject}"
                + (f", because of {culprits}" if culprits else "")
            ] = None
    if complaints:
        raise Problem(
            "other directives beat ours. Remove them, or move them to a file that sorts after "
            f"{os.path.basename(dropin.PATH)}; until then nothing is changed: " + ". ".join(complaints)
        )


def check_login(
    user: str, groups: frozenset[str], values: dict[str, tuple[str, ...]], lines: list[effective.ConfigLine]
) -> None:
    """Raise Problem where a reload would shut out the login account: sshd may not have read all files of others yet."""
    reason = effective.login_refused(user, groups, values)
    if reason:
        keyword = reason.split()[0]
        culprits = "; ".join(str(line) for line in effective.blame(keyword, lines, dropin.PATH))
        raise Problem(
            f"refused, because {user}, the login account of this run, would be shut out once sshd reads its files: "
            f"{reason}" + (f" ({culprits})" if culprits else "")
        )


def write(change_: Change, state: State) -> None:
    """Bring the files to the wanted texts, each at once."""
    os.makedirs(dropin.DIRECTORY, mode=0o755, exist_ok=True)
    if change_.ours is None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(dropin.PATH)
            sync_directory(dropin.DIRECTORY)
    elif host.read_files().ours != change_.ours:
        write_atomically(dropin.PATH, change_.ours.encode(), mode=0o644)
    if host.read_files().main != change_.main:
        path = os.path.realpath(dropin.MAIN)
        status = os.stat(path)
        content = change_.main.encode("utf-8", "surrogateescape")
        write_atomically(path, content, mode=status.st_mode & 0o7777, owner=(status.st_uid, status.st_gid))


def assert_in_force(wanted: dropin.Wanted | None, state: State) -> None:
    """Have sshd check the files in their places, and assert what they put in force. Raises Problem."""
    error = host.validate(state.sshd)
    if error:
        raise Problem(f"sshd does not accept its configuration after the change: {error}")
    if wanted is None:
        return
    algorithms = dropin.choose_algorithms(state.known)
    after = {subject: host.effective(state.sshd, subject) for subject in state.subjects}
    check_effect(dropin.expected(wanted, algorithms), after, host.read_files().lines())
