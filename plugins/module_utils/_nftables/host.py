# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""nftables on this host: our table, its files and units, and the firewalls of others.

This module util is private to the collection.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shutil
import subprocess

from .._files import read_or_none, replace_link, sync_directory, write_atomically
from .._guard.snapshot import is_active
from .._plan import Problem
from . import persistence
from .readback import read_table
from .rules import TABLE, Chain


@dataclasses.dataclass(frozen=True)
class State:
    """The host as it is. ``chains`` None: there is no table of ours."""

    nft: str
    chains: tuple[Chain, ...] | None
    extras: tuple[str, ...]
    files: dict[str, str | None]
    links: dict[str, str | None]
    unit_active: bool
    systemd: bool


def find_nft() -> str:
    """Return the path of nft; raises Problem where it is not installed."""
    path = shutil.which("nft", path="/usr/sbin:/sbin:/usr/local/sbin:" + os.environ.get("PATH", ""))
    if path is None:
        raise Problem("this host has no nft; install the package nftables first")
    return path


def refuse_other_firewalls() -> None:
    """Raise Problem where ufw or firewalld manages this host: two owners would undo each other's rules."""
    active = []
    configuration = read_or_none("/etc/ufw/ufw.conf") or b""
    if any(line.strip().lower() == b"enabled=yes" for line in configuration.splitlines()):
        active.append("ufw (hand over with: ufw disable)")
    if os.path.isdir("/run/systemd/system") and is_active("firewalld.service"):
        active.append("firewalld (hand over with: systemctl disable --now firewalld)")
    if active:
        raise Problem(f"another firewall is active on this host, so nothing was changed: {', '.join(active)}")


def observe() -> State:
    """Read this host; changes nothing. Raises Problem where nft is missing or fails."""
    nft = find_nft()
    chains: tuple[Chain, ...] | None = None
    extras: tuple[str, ...] = ()
    listed = _run(nft, "-j", "list", "table", *TABLE.split())
    if listed.returncode == 0:
        found, others = read_table(listed.stdout)
        chains, extras = tuple(found), tuple(others)
    elif "No such file or directory" not in listed.stderr:
        raise Problem(f"nft cannot list the table {TABLE}: {listed.stderr.strip()}")
    texts = {}
    for path in persistence.files(Chain("input", "", 0, "", ()), nft):
        content = read_or_none(path)
        texts[path] = None if content is None else content.decode("utf-8", "replace")
    links = {path: _link(path) for path in persistence.LINKS}
    systemd = os.path.isdir("/run/systemd/system")
    return State(nft, chains, extras, texts, links, systemd and is_active(persistence.UNIT), systemd)


def _link(path: str) -> str | None:
    try:
        return os.readlink(path)
    except OSError:
        return None


def check(nft: str, text: str) -> None:
    """Have nft check ``text`` without loading it; raises Problem with its words."""
    done = _run(nft, "-c", "-f", "-", stdin=text)
    if done.returncode:
        raise Problem(f"nft does not accept the rules, so nothing was changed: {done.stderr.strip()}")


def load(nft: str, text: str) -> None:
    """Load ``text`` in one transaction; raises Problem with nft's words, and then nothing has changed."""
    done = _run(nft, "-f", "-", stdin=text)
    if done.returncode:
        raise Problem(f"nft did not load the rules: {done.stderr.strip()}")


def persist(chain: Chain, state: State) -> None:
    """Write our file, units and links, and have the unit active, so that a reboot loads the table again."""
    for path, (text, mode) in persistence.files(chain, state.nft).items():
        os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
        if state.files[path] != text:
            write_atomically(path, text.encode(), mode=mode)
    if not state.systemd:
        return
    for path, target in persistence.LINKS.items():
        os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
        if state.links[path] != target:
            replace_link(path, target)
    _systemctl("daemon-reload")
    _systemctl("restart" if state.unit_active else "start", persistence.UNIT)


def forget(state: State) -> None:
    """Remove our file, units and links."""
    if state.systemd and state.unit_active:
        _systemctl("stop", persistence.UNIT)
    for path in [*state.links, *state.files]:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
            sync_directory(os.path.dirname(path))
    for path in {os.path.dirname(path) for path in [*state.links, persistence.RULES]}:
        with contextlib.suppress(OSError):
            os.rmdir(path)
    if state.systemd:
        _systemctl("daemon-reload")


def _systemctl(*arguments: str) -> None:
    done = _run("systemctl", *arguments)
    if done.returncode:
        raise Problem(f"systemctl {' '.join(arguments)} failed: {done.stderr.strip()}")


def _run(*command: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, input=stdin, capture_output=True, text=True, timeout=120, check=False,
        env=dict(os.environ, LC_ALL="C"),
    )
