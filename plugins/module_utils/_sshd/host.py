# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""sshd on this host: its files, what it supports, what it would do, and how it is told to read its files again.

This module util is private to the collection.
"""

from __future__ import annotations

import contextlib
import dataclasses
import glob
import grp
import os
import pwd
import shutil
import subprocess
import tempfile
import typing as t

from .._plan import Problem
from . import configuration
from .algorithms import CRYPTO_POLICY, QUERY_NAMES, Policy, parse_policy
from .configuration import Files, absolute, flattened, parse_lines, words
from .effective import Subject, parse_effective

_PRIVILEGE_SEPARATION = "/run/sshd"


def find_sshd() -> str:
    """Return the path of sshd; raises Problem where there is none."""
    path = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:/sbin:" + os.environ.get("PATH", ""))
    if path is None:
        raise Problem("this host has no sshd; install openssh-server before hardening it")
    return path


def read_files() -> Files:
    """Read the main file and all that it includes; raises Problem without a main file, or for an unreadable one."""
    try:
        main = _text(configuration.MAIN)
    except FileNotFoundError:
        raise Problem(f"{configuration.MAIN} does not exist; sshd is not set up the way this module knows") from None
    others: dict[str, str] = {}
    todo = [(configuration.MAIN, main)]
    while todo:
        path, text = todo.pop()
        for line in parse_lines(path, text):
            if line.keyword.lower() != "include":
                continue
            for pattern in words(line.value):
                for included in glob.glob(absolute(pattern)):
                    if included not in others and included not in (configuration.PATH, configuration.MAIN):
                        others[included] = _text(included)
                        todo.append((included, others[included]))
    ours = _text(configuration.PATH) if os.path.exists(configuration.PATH) else None
    return Files(main, ours, dict(sorted(others.items())))


def _text(path: str) -> str:
    with open(path, encoding="utf-8", errors="surrogateescape") as file:
        return file.read()


def crypto_policy() -> Policy | None:
    """Return what the host's crypto policy allows, or None where the host has none."""
    try:
        return parse_policy(CRYPTO_POLICY, _text(CRYPTO_POLICY))
    except FileNotFoundError:
        return None


@dataclasses.dataclass(frozen=True)
class View:
    """A private copy of the configuration. ``originals``: path of each copy to the path it stands for."""

    path: str
    originals: dict[str, str]

    def translated(self, text: str) -> str:
        """Return a message of sshd's with the paths that a person knows."""
        for copy, original in self.originals.items():
            text = text.replace(copy, original)
        return text


@contextlib.contextmanager
def merged_view(files: Files, main: str, ours: str | None) -> t.Iterator[View]:
    """Lay out the configuration as it would be, in a private directory."""
    with tempfile.TemporaryDirectory(prefix="lockstep-sshd-") as directory:
        copies: dict[str, str] = {}

        def place(path: str) -> str:
            return copies.setdefault(path, os.path.join(directory, f"{len(copies)}-{os.path.basename(path)}"))

        for path, text in flattened(files, main, ours, place).items():
            with open(path, "w", encoding="utf-8", errors="surrogateescape") as file:
                file.write(text)
        yield View(copies[configuration.MAIN], {copy: path for path, copy in copies.items()})


@contextlib.contextmanager
def privilege_separation_directory() -> t.Iterator[None]:
    """Have /run/sshd while sshd is asked: it is missing where sshd is not running (socket activation)."""
    made = False
    if not os.path.isdir(_PRIVILEGE_SEPARATION):
        os.makedirs(_PRIVILEGE_SEPARATION, mode=0o755)
        made = True
    try:
        yield
    finally:
        if made:
            with contextlib.suppress(OSError):
                os.rmdir(_PRIVILEGE_SEPARATION)


def validate(sshd: str, config: str = configuration.MAIN) -> str | None:
    """Return what sshd says against the configuration (``sshd -t``), or None when it accepts it."""
    done = _run(sshd, "-t", "-f", config)
    return None if done.returncode == 0 else (done.stderr.strip() or f"exit status {done.returncode}")


def effective(
    sshd: str, subject: Subject | None, config: str = configuration.MAIN, options: t.Sequence[str] = ()
) -> dict[str, tuple[str, ...]]:
    """Return the configuration in force for ``subject``; raises Problem with sshd's message.

    ``subject`` None: before anybody connects. ``options``: those of the daemon's command line.
    """
    about = ("-C", subject.specification()) if subject is not None else ()
    done = _run(sshd, "-T", "-f", config, *options, *about)
    if done.returncode:
        raise Problem(f"sshd does not accept its configuration: {done.stderr.strip()}")
    return parse_effective(done.stdout)


def supported(sshd: str) -> dict[str, frozenset[str]]:
    """Return what this host's OpenSSH knows, by directive, from ``ssh -Q``; else from sshd's own defaults."""
    client = shutil.which("ssh") or os.path.join(os.path.dirname(os.path.dirname(sshd)), "bin", "ssh")
    known = {}
    for directive, query in QUERY_NAMES.items():
        try:
            done = _run(client, "-Q", query)
        except FileNotFoundError:
            raise Problem(
                "this host has sshd but no ssh client to ask what it supports; install openssh-client(s)"
            ) from None
        known[directive] = frozenset(done.stdout.split())
    return known


def groups_of(user: str) -> frozenset[str] | None:
    """Return the names of the groups of ``user``, or None where there is no such account."""
    try:
        account = pwd.getpwnam(user)
    except KeyError:
        return None
    names = set()
    for identifier in os.getgrouplist(user, account.pw_gid):
        with contextlib.suppress(KeyError):
            names.add(grp.getgrgid(identifier).gr_name)
    return frozenset(names)


def accounts(*more: str) -> dict[str, frozenset[str]]:
    """Return the accounts of this host and the groups of each; ``more``: accounts that may not be in a listing."""
    groups = grp.getgrall()
    names = {group.gr_gid: group.gr_name for group in groups}
    found: dict[str, set[str]] = {}
    for account in pwd.getpwall():
        found[account.pw_name] = {names[account.pw_gid]} if account.pw_gid in names else set()
    for group in groups:
        for member in group.gr_mem:
            found.setdefault(member, set()).add(group.gr_name)
    for name in more:
        listed = groups_of(name)
        if listed is not None:
            found.setdefault(name, set()).update(listed)
    return {name: frozenset(listed) for name, listed in found.items()}


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    environment = dict(os.environ, LC_ALL="C", PATH="/usr/sbin:/usr/bin:/sbin:/bin:" + os.environ.get("PATH", ""))
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=environment)


def ports_of(values: t.Mapping[str, tuple[str, ...]]) -> tuple[int, ...]:
    """Return the ports in what ``sshd -T`` prints; ListenAddress decides where both are there."""
    listening = {int(address.rpartition(":")[2]) for address in values.get("listenaddress", ())}
    return tuple(sorted(listening or {int(port) for port in values.get("port", ("22",))}))
