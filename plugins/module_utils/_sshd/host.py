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
from . import dropin
from .effective import ConfigLine, Subject, parse_effective, parse_lines

_PRIVILEGE_SEPARATION = "/run/sshd"
_UNITS = ("ssh.service", "sshd.service")


@dataclasses.dataclass(frozen=True)
class Files:
    """The configuration files as texts: main file, our drop-in (None: absent), and all the others by path."""

    main: str
    ours: str | None
    others: dict[str, str]

    def lines(self) -> list[ConfigLine]:
        """Return the directives of all files but ours."""
        found = parse_lines(dropin.MAIN, self.main)
        for path, text in self.others.items():
            found += parse_lines(path, text)
        return found


def find_sshd() -> str:
    """Return the path of sshd; raises Problem where there is none."""
    path = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:/sbin:" + os.environ.get("PATH", ""))
    if path is None:
        raise Problem("this host has no sshd; install openssh-server before hardening it")
    return path


def read_files() -> Files:
    """Read the main file and every drop-in of the usual directory; raises Problem without a main file."""
    try:
        main = _text(dropin.MAIN)
    except FileNotFoundError:
        raise Problem(f"{dropin.MAIN} does not exist; sshd is not set up the way this module knows") from None
    others = {}
    ours = None
    for path in sorted(glob.glob(dropin.DIRECTORY + "/*.conf")):
        if path == dropin.PATH:
            ours = _text(path)
        else:
            others[path] = _text(path)
    return Files(main, ours, others)


def _text(path: str) -> str:
    with open(path, encoding="utf-8", errors="surrogateescape") as file:
        return file.read()


@contextlib.contextmanager
def merged_view(files: Files, main: str, ours: str | None) -> t.Iterator[str]:
    """Lay out the configuration as it would be, in a private directory; gives the path of its main file."""
    with tempfile.TemporaryDirectory(prefix="lockstep-sshd-") as directory:
        folder = os.path.join(directory, "sshd_config.d")
        os.mkdir(folder)
        texts = dict(files.others)
        if ours is not None:
            texts[dropin.PATH] = ours
        for path, text in texts.items():
            _write(os.path.join(folder, os.path.basename(path)), text)
        # The same text with the directory's name replaced: relative names are relative to /etc/ssh.
        view = os.path.join(directory, "sshd_config")
        lines = [_redirected(line, folder) for line in main.splitlines()]
        _write(view, "\n".join(lines) + "\n")
        yield view


def _redirected(line: str, folder: str) -> str:
    if line.strip().lower().startswith("include"):
        for name in (dropin.DIRECTORY + "/", "sshd_config.d/"):
            if name in line:
                return line.replace(name, folder + "/")
    return line


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="utf-8", errors="surrogateescape") as file:
        file.write(text)


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


def validate(sshd: str, config: str = dropin.MAIN) -> str | None:
    """Return what sshd says against the configuration (``sshd -t``), or None when it accepts it."""
    done = _run(sshd, "-t", "-f", config)
    return None if done.returncode == 0 else (done.stderr.strip() or f"exit status {done.returncode}")


def effective(sshd: str, subject: Subject, config: str = dropin.MAIN) -> dict[str, tuple[str, ...]]:
    """Return the configuration in force for ``subject``; raises Problem with sshd's message."""
    done = _run(sshd, "-T", "-f", config, "-C", subject.specification())
    if done.returncode:
        raise Problem(f"sshd does not accept its configuration: {done.stderr.strip()}")
    return parse_effective(done.stdout)


def supported(sshd: str) -> dict[str, frozenset[str]]:
    """Return what this host's OpenSSH knows, by directive, from ``ssh -Q``; else from sshd's own defaults."""
    client = shutil.which("ssh") or os.path.join(os.path.dirname(os.path.dirname(sshd)), "bin", "ssh")
    known = {}
    for directive, query in dropin.QUERY_NAMES.items():
        try:
            done = _run(client, "-Q", query)
        except FileNotFoundError:
            raise Problem(
                "this host has sshd but no ssh client to ask what it supports; install openssh-client(s)"
            ) from None
        known[directive] = frozenset(done.stdout.split())
    return known


@dataclasses.dataclass(frozen=True)
class Service:
    """The unit that runs sshd. ``active`` False: nothing to reload, its next start reads the files."""

    unit: str | None
    active: bool


def service() -> Service:
    """Return the unit that runs sshd: ssh.service on Debian, sshd.service elsewhere."""
    try:
        done = _run("systemctl", "show", "--property=Id,LoadState,ActiveState", *_UNITS)
    except FileNotFoundError:
        return Service(None, False)
    found = None
    for block in done.stdout.split("\n\n"):
        values = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        if values.get("LoadState") != "loaded":
            continue
        candidate = Service(values.get("Id"), values.get("ActiveState") in ("active", "reloading"))
        if candidate.active:
            return candidate
        found = found or candidate
    return found or Service(None, False)


def reload(running: Service) -> None:
    """Make sshd read its files again; raises Problem with systemd's words. Sessions live on."""
    if not running.active or running.unit is None:
        return
    done = _run("systemctl", "reload", running.unit)
    if done.returncode:
        raise Problem(f"systemctl reload {running.unit} failed: {done.stderr.strip()}")


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


def members_of(pattern: str) -> list[str]:
    """Return accounts of the group ``pattern`` (a plain name), those with it as their first group included."""
    try:
        group = grp.getgrnam(pattern)
    except KeyError:
        return []
    first = [account.pw_name for account in pwd.getpwall() if account.pw_gid == group.gr_gid]
    return list(group.gr_mem) + first


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    environment = dict(os.environ, LC_ALL="C", PATH="/usr/sbin:/usr/bin:/sbin:/bin:" + os.environ.get("PATH", ""))
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=environment)


def ports(sshd: str) -> list[int]:
    """Return the ports in sshd's effective configuration; raises Problem with sshd's message."""
    done = _run(sshd, "-T", "-f", dropin.MAIN)
    if done.returncode:
        raise Problem(f"sshd does not accept its configuration: {done.stderr.strip()}")
    found = parse_effective(done.stdout)
    listening = {int(address.rpartition(":")[2]) for address in found.get("listenaddress", ())}
    return sorted(listening or {int(port) for port in found.get("port", ("22",))})
