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
from .._guard.restore import table_file
from .._guard.snapshot import is_active
from .._plan import Problem
from . import bypassing, persistence
from .readback import read_table
from .rules import TABLE, Table, table_text


_PATH = "/usr/sbin:/sbin:/usr/local/sbin:" + os.environ.get("PATH", "")


@dataclasses.dataclass(frozen=True)
class State:
    """The host as it is. ``table`` None: there is no table of ours."""

    nft: str
    table: Table | None
    files: dict[str, str | None]
    links: dict[str, str | None]
    unit_active: bool
    systemd: bool


def find_nft() -> str:
    """Return the path of nft; raises Problem where it is not installed."""
    path = shutil.which("nft", path=_PATH)
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
    table: Table | None = None
    listed = _run(nft, "-j", "list", "table", *TABLE.split())
    if listed.returncode == 0:
        table = read_table(listed.stdout)
    elif "No such file or directory" not in listed.stderr:
        raise Problem(f"nft cannot list the table {TABLE}: {listed.stderr.strip()}")
    texts = {}
    for path in persistence.files(Table((), ()), nft):
        content = read_or_none(path)
        texts[path] = None if content is None else content.decode("utf-8", "replace")
    links = {path: _link(path) for path in persistence.LINKS}
    systemd = os.path.isdir("/run/systemd/system")
    return State(nft, table, texts, links, systemd and is_active(persistence.UNIT), systemd)


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


def transaction(wanted: Table | None, state: State) -> str:
    """Return what nft has to load: our table, replaced as a whole, in which unchanged rules go on counting."""
    return table_file(TABLE, table_text(wanted, state.table) if wanted else None)


def persist(wanted: Table, state: State) -> None:
    """Write our file, units and links, and have the unit active, so that a reboot loads the table again."""
    for path, (text, mode) in persistence.files(wanted, state.nft).items():
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
    if not state.unit_active:
        # Starting it loads the file, in which all counters are 0. A unit that is active is left alone.
        _systemctl("start", persistence.UNIT)
        load(state.nft, transaction(wanted, state))


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


def published_ports(nft: str) -> list[dict[str, str]]:
    """Return the ports that tables of others publish past our input chain. Raises Problem where they cannot be read."""
    listed = _run(nft, "-j", "list", "ruleset")
    if listed.returncode:
        raise Problem(f"nft cannot list the rules of others: {listed.stderr.strip()}")
    try:
        found, by_iptables = bypassing.from_ruleset(listed.stdout)
    except (KeyError, TypeError, ValueError) as error:
        raise Problem(f"what nft lists of the rules of others cannot be read: {error!r}") from error
    lists = [found]
    if by_iptables:
        lists += [_saved(f"{name}-nft-save", f"{family} nat") for name, family in _IPTABLES]
    for (name, family), names in zip(_IPTABLES, ("ip_tables_names", "ip6_tables_names")):
        # Asking iptables-legacy makes the table; the kernel says whether there is one.
        if b"nat" in (read_or_none(f"/proc/net/{names}") or b"").split():
            lists.append(_saved(f"{name}-legacy-save", f"{family} nat (legacy)"))
    return bypassing.merge(*lists)


_IPTABLES = (("iptables", "ip"), ("ip6tables", "ip6"))


def _saved(program: str, table: str) -> list[dict[str, str]]:
    path = shutil.which(program, path=_PATH)
    if path is None:
        return []
    return bypassing.from_iptables(_run(path, "-t", "nat").stdout, table)


def interface_to(address: str) -> str:
    """Return the interface through which ``address`` is reached; empty where that cannot be known."""
    path = shutil.which("ip", path=_PATH)
    done = _run(path, "-o", "route", "get", address) if path else None
    words = done.stdout.split() if done else []
    return words[words.index("dev") + 1] if "dev" in words[:-1] else ""


def real_bridges(classes: str = "/sys/class/net") -> dict[str, str]:
    """Return bridge -> a port of it that is, or stands on, a real device."""
    found = {}
    for bridge in sorted(os.listdir(classes)) if os.path.isdir(classes) else ():
        ports = f"{classes}/{bridge}/brif"
        for port in sorted(os.listdir(ports)) if os.path.isdir(ports) else ():
            if _is_real(f"{classes}/{port}"):
                found[bridge] = port
                break
    return found


def _is_real(folder: str) -> bool:
    """Whether an interface is a device, or a bond or VLAN on one."""
    if os.path.exists(f"{folder}/device"):
        return True
    names = os.listdir(folder) if os.path.isdir(folder) else []
    return any(_is_real(f"{folder}/{name}") for name in names if name.startswith("lower_"))


def _systemctl(*arguments: str) -> None:
    done = _run("systemctl", *arguments)
    if done.returncode:
        raise Problem(f"systemctl {' '.join(arguments)} failed: {done.stderr.strip()}")


def _run(*command: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, input=stdin, capture_output=True, text=True, timeout=120, check=False,
        env=dict(os.environ, LC_ALL="C"),
    )
