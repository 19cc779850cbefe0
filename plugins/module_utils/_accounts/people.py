# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""People as data: accounts, groups, sudo and keys of a host in one plan.

This module util is private to the collection.
"""

from __future__ import annotations

import dataclasses
import grp
import os
import pwd
import re
import shutil
import stat
import subprocess
import typing as t

from ansible_collections.lockstep.gpufleet.plugins.module_utils._accounts import key_files, sudoers
from ansible_collections.lockstep.gpufleet.plugins.module_utils._accounts.keys import Key, parse_keys
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Plan, Problem, text_diff

NEW_SHELL = "/bin/bash"
"""The shell of an account that is created without one being named."""

SEARCH_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

_NAME = re.compile(r"[a-z_][a-z0-9_-]{0,30}\$?")


@dataclasses.dataclass(frozen=True)
class Person:
    """One account as wanted. ``keys`` and ``shell``: None leaves them as they are."""

    name: str
    state: str = "present"
    keys: tuple[Key, ...] | None = None
    exclusive: bool = False
    groups: tuple[str, ...] = ()
    sudo: str = "none"
    shell: str | None = None


@dataclasses.dataclass(frozen=True)
class Account:
    """One account as it is: its shell, its groups by name, and the state of its keys."""

    shell: str
    groups: frozenset[str]


@dataclasses.dataclass(frozen=True)
class Host:
    """What a plan needs to know. ``visudo``: the path of that program, or None without sudo."""

    accounts: t.Mapping[str, Account] = dataclasses.field(default_factory=dict)
    groups: frozenset[str] = frozenset()
    key_files: t.Mapping[str, key_files.KeyFile] = dataclasses.field(default_factory=dict)
    sudoers: str | None = None
    sudoers_mode: int | None = None
    visudo: str | None = None
    shells: frozenset[str] = frozenset()


def wanted(users: t.Sequence[t.Mapping[str, t.Any]], option: str = "users") -> tuple[Person, ...]:
    """Return the persons that ``users`` (the module's option) describes.

    Raises ``Problem`` that names the user, and for a malformed key its number and line.
    """
    persons: list[Person] = []
    for number, user in enumerate(users, 1):
        name = user["name"]
        if not _NAME.fullmatch(name):
            raise Problem(
                "%s: %r (entry %d) is not a user name: lower-case letters, digits, _ and - are allowed, at most 31, "
                "and no digit first." % (option, name, number)
            )
        if any(person.name == name for person in persons):
            raise Problem("%s: %s is listed twice; give each user one entry." % (option, name))
        for group in user.get("groups") or ():
            if not _NAME.fullmatch(group):
                raise Problem("%s: %r in the groups of %s is not a group name." % (option, group, name))
        texts = user.get("keys")
        keys = None
        if texts is not None:
            keys = parse_texts(texts, "%s: key %%d of %s" % (option, name))
        shell = user.get("shell")
        if shell is not None and (not os.path.isabs(shell) or re.search(r"[:\s]", shell)):
            raise Problem("%s: the shell of %s, %r, is not an absolute path." % (option, name, shell))
        persons.append(
            Person(
                name=name,
                state=user.get("state") or "present",
                keys=keys,
                exclusive=bool(user.get("exclusive_keys")),
                groups=tuple(user.get("groups") or ()),
                sudo=user.get("sudo") or "none",
                shell=shell,
            )
        )
    return tuple(persons)


def parse_texts(texts: t.Iterable[str], where: str) -> tuple[Key, ...]:
    """Return the keys of all ``texts``, each once; ``where`` has a ``%d`` for the number of the text."""
    found: dict[str, Key] = {}
    for number, text in enumerate(texts, 1):
        for key in parse_keys(text, where % number):
            found.setdefault(key.blob, key)
    return tuple(found.values())


def observe(persons: t.Iterable[Person]) -> Host:
    """Return what the host knows about ``persons``; reads the user database and files, runs nothing."""
    accounts: dict[str, Account] = {}
    files: dict[str, key_files.KeyFile] = {}
    names: set[str] = set()
    shells: set[str] = set()
    for person in persons:
        for name in person.groups:
            try:
                grp.getgrnam(name)
                names.add(name)
            except KeyError:
                pass
        shell = person.shell or NEW_SHELL
        if os.access(shell, os.X_OK) and os.path.isfile(shell):
            shells.add(shell)
        try:
            entry = pwd.getpwnam(person.name)
        except KeyError:
            pass
        else:
            accounts[person.name] = Account(entry.pw_shell, _groups_of(entry, person.groups))
        if person.keys is not None and person.state == "present":
            files[person.name] = key_files.observe(person.name)
    try:
        mode: int | None = stat.S_IMODE(os.lstat(sudoers.PATH).st_mode)
    except OSError:
        mode = None
    return Host(
        accounts=accounts,
        groups=frozenset(names),
        key_files=files,
        sudoers=sudoers.read(),
        sudoers_mode=mode,
        visudo=shutil.which("visudo", path=SEARCH_PATH),
        shells=frozenset(shells),
    )


def _groups_of(entry: pwd.struct_passwd, asked: t.Iterable[str]) -> frozenset[str]:
    """Return those of the groups ``asked`` for that the user is in."""
    found = set()
    for name in asked:
        try:
            group = grp.getgrnam(name)
        except KeyError:
            continue
        if entry.pw_name in group.gr_mem or group.gr_gid == entry.pw_gid:
            found.add(name)
    return frozenset(found)


@dataclasses.dataclass(frozen=True)
class Run:
    """Run one of the host's own programs for users and groups."""

    command: tuple[str, ...]
    sentence: str

    def __str__(self) -> str:
        return self.sentence


@dataclasses.dataclass(frozen=True)
class WriteSudoers:
    """Install or remove the sudoers drop-in."""

    text: str | None

    def __str__(self) -> str:
        return "%s %s" % ("remove" if self.text is None else "write", sudoers.PATH)


def make_plan(persons: t.Sequence[Person], host: Host, login: key_files.Login | None) -> Plan:
    """Return what makes ``host`` have the accounts of ``persons``; pure.

    Raises ``Problem`` where the plan could end the access of ``login``.
    """
    if login is not None:
        _check_login(persons, host, login)
    steps: list[t.Any] = []
    diff: list[dict[str, str]] = []
    warnings: list[str] = []
    present = [person for person in persons if person.state == "present"]
    before, after = _rights(persons, host)
    if before != after or (after is not None and host.sudoers_mode != sudoers.MODE):
        if after is not None and host.visudo is None:
            raise Problem("sudo is not installed on this host, but users are to have its rights: install sudo first.")
    for name in dict.fromkeys(group for person in present for group in person.groups):
        if name not in host.groups:
            steps.append(Run(("groupadd", "--system", name), "create the group " + name))
    for person in present:
        account = host.accounts.get(person.name)
        shell = person.shell or NEW_SHELL
        if shell not in host.shells and (account is None or person.shell not in (None, account.shell)):
            warnings.append("The shell %s of %s is not on this host (yet)." % (shell, person.name))
        steps.extend(_account_steps(person, account))
    people_diff = text_diff("accounts", _describe(persons, host), _describe_wanted(persons, host))
    if people_diff["before"] != people_diff["after"]:
        diff.append(people_diff)
    for person in present:
        if person.keys is not None:
            plan = key_files.make_plan(
                key_files.Wish(person.name, person.keys, exclusive=person.exclusive), host.key_files[person.name], login
            )
            steps.extend(plan.steps)
            diff.extend(plan.diff)
            warnings.extend(plan.warnings)
    if before != after or (after is not None and host.sudoers_mode != sudoers.MODE):
        steps.append(WriteSudoers(after))
        diff.append(text_diff(sudoers.PATH, before, after))
    for person in persons:
        if person.state == "absent" and person.name in host.accounts:
            steps.append(Run(("userdel", person.name), "remove the account %s (its home stays)" % person.name))
    return Plan(tuple(steps), tuple(diff), tuple(warnings))


def _rights(persons: t.Sequence[Person], host: Host) -> tuple[str | None, str | None]:
    """Return the text of the sudoers drop-in before and after."""
    return host.sudoers, sudoers.render({person.name: person.sudo for person in persons if person.state == "present"})


def _account_steps(person: Person, account: Account | None) -> t.Iterator[Run]:
    """Yield what creates an account or changes its groups and shell."""
    if account is None:
        # "*" matches no password and, unlike "!", does not count as locked where sshd runs without PAM.
        command = ["useradd", "--create-home", "--shell", person.shell or NEW_SHELL, "--password", "*"]
        if person.groups:
            command += ["--groups", ",".join(person.groups)]
        yield Run((*command, "--", person.name), "create the account %s (no password)" % person.name)
        return
    missing = [name for name in person.groups if name not in account.groups]
    if missing:
        yield Run(
            ("usermod", "--append", "--groups", ",".join(missing), "--", person.name),
            "add %s to %s" % (person.name, ", ".join(missing)),
        )
    if person.shell is not None and person.shell != account.shell:
        yield Run(
            ("usermod", "--shell", person.shell, "--", person.name),
            "change the shell of %s to %s" % (person.name, person.shell),
        )


def _line(name: str, shell: str, groups: t.Iterable[str]) -> str:
    """One account in a diff."""
    return "%s: shell %s, groups %s\n" % (name, shell, ", ".join(sorted(groups)) or "-")


def _describe(persons: t.Sequence[Person], host: Host) -> str:
    """What a diff shows of the accounts as they are."""
    there = [(person, host.accounts[person.name]) for person in persons if person.name in host.accounts]
    return "".join(_line(person.name, account.shell, account.groups) for person, account in there)


def _describe_wanted(persons: t.Sequence[Person], host: Host) -> str:
    """What a diff shows of the accounts as they will be."""
    lines = []
    for person in persons:
        if person.state == "present":
            account = host.accounts.get(person.name)
            shell = person.shell or (account.shell if account else NEW_SHELL)
            lines.append(_line(person.name, shell, person.groups))
    return "".join(lines)


def _check_login(persons: t.Sequence[Person], host: Host, login: key_files.Login) -> None:
    """Raise ``Problem`` if a wish would take access or root's rights from the present login."""
    mine = next((person for person in persons if person.name == login.name), None)
    if mine is not None and mine.state == "absent":
        raise Problem(
            "This run is logged in as %s, and so it does not remove that account. Log in as another user to remove it."
            % login.name
        )
    if mine is not None and login.by_password and mine.keys is not None:
        state = host.key_files.get(login.name)
        if not mine.keys and not (state and state.text and not mine.exclusive):
            raise Problem(
                "No usable key for %s: this run is logged in by password, and neither its entry nor the host has a "
                "public key for it. Add one to its keys before the host goes key-only." % login.name
            )
    before, after = _rights(persons, host)
    old, new = sudoers.levels_in(before).get(login.name, "none"), mine.sudo if mine else "none"
    if before == after or not login.becomes or login.become_password or login.name == "root":
        return
    if new == "password" or (old == "nopasswd" and new == "none"):
        raise Problem(
            "This run becomes root as %s without a password, and the wanted sudo right (%s) would end that. "
            "Give %s sudo: nopasswd, or run with the sudo password (-K)." % (login.name, new, login.name)
        )


def apply(plan: Plan, host: Host) -> None:
    """Execute ``plan``; what can be refused is refused before the first change."""
    for step in plan.steps:
        if isinstance(step, WriteSudoers) and step.text is not None and host.visudo is not None:
            sudoers.validate(step.text, host.visudo)
        if isinstance(step, Run) and "--shell" in step.command:
            shell = step.command[step.command.index("--shell") + 1]
            if shell not in host.shells:
                raise Problem(
                    "There is no shell %s on this host; install it first. Nothing was changed." % shell, changed=False
                )
    for step in plan.steps:
        if isinstance(step, Run):
            _run(step)
        elif isinstance(step, WriteSudoers):
            sudoers.write(step.text)
        else:
            key_files.apply([step])


def _run(step: Run) -> None:
    """Run a program of the host; raises ``Problem`` with what it said."""
    program = shutil.which(step.command[0], path=SEARCH_PATH)
    if program is None:
        raise Problem("Cannot %s: there is no program %s on this host." % (step, step.command[0]))
    done = subprocess.run(
        [program, *step.command[1:]],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={"PATH": SEARCH_PATH, "LC_ALL": "C"},
    )
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip() or "exit status %d" % done.returncode
        raise Problem("Cannot %s: %s" % (step, said))
