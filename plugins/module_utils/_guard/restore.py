# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The restore program and its unit, as text.

This module util is private to the collection.

The program needs nothing of the collection, which is gone from the host when a module returns: it is one file for
``/bin/sh`` beside the copies it puts back. ``/run`` and ``/var`` may be mounted noexec, so it is always read by a shell
and never executed itself. Everything here is a pure function.
"""

from __future__ import annotations

import dataclasses
import shlex
import typing as t

#: Tokens of a guard. Exactly one of ARMED -> CONFIRMED and ARMED -> RESTORING happens: both are one rename(2).
ARMED = "armed"
CONFIRMED = "confirmed"
RESTORING = "restoring"
RESTORED = "restored"
#: Names the processes that are at work on the change.
APPLIERS = "appliers"
#: Exists where the guard goes on after its window: tasks of the user's that still run must not void the restore.
WATCHING = "watching"
#: How often it looks again then, and after how many seconds each time.
WATCHES = 20
WATCH_SECONDS = 30


@dataclasses.dataclass(frozen=True)
class SavedPath:
    """One path as it was. ``kind``: file, link, directory or absent. ``copy``: name of the copy below the guard."""

    path: str
    kind: str
    copy: str = ""


@dataclasses.dataclass(frozen=True)
class SavedTable:
    """One nftables table as it was: ``name`` as in ``inet lockstep``; ``copy``: file for ``nft -f`` below the guard."""

    name: str
    copy: str


@dataclasses.dataclass(frozen=True)
class SavedUnit:
    """One unit as it was. ``active``: it ran, and reads its configuration again after the files are back."""

    name: str
    active: bool


@dataclasses.dataclass(frozen=True)
class Snapshot:
    """All that a guard puts back."""

    paths: tuple[SavedPath, ...] = ()
    tables: tuple[SavedTable, ...] = ()
    units: tuple[SavedUnit, ...] = ()


def snapshot_of(data: dict[str, t.Any]) -> Snapshot:
    """Return the snapshot that ``dataclasses.asdict`` made ``data`` of."""
    return Snapshot(
        tuple(SavedPath(**path) for path in data["paths"]),
        tuple(SavedTable(**table) for table in data["tables"]),
        tuple(SavedUnit(**unit) for unit in data["units"]),
    )


_FUNCTIONS = r"""
say() { for text in ${head:+"$head"} "$*"; do printf '%s\n' "$text" >>report; printf '%s\n' "$text"; done; head=; said=1; }
fail() { failed=1; say "could not $*"; }
durable() { sync "$1" 2>/dev/null || sync; }

# What a module that was killed in the middle of replacing a file has left beside it.
sweep() { rm -f "$(dirname "$1")/.$(basename "$1")".????????; }

put_file() {
  same=0; [ ! -L "$2" ] && cmp -s "$1" "$2" && same=1
  if cp -a "$1" "$2.lockstep-guard" && mv -fT "$2.lockstep-guard" "$2"; then :
  elif rm -f "$2.lockstep-guard"; [ $same = 1 ]; then :
  elif [ -e "$1" ] && cat "$1" >"$2"; then :
  else fail "put back $2"; return; fi
  durable "$2"
  [ $same = 1 ] || say "put back $2"
}

put_link() {
  [ -L "$2" ] && [ "$(readlink "$2")" = "$(readlink "$1")" ] && return
  if cp -a "$1" "$2.lockstep-guard" && mv -fT "$2.lockstep-guard" "$2"; then say "put back $2"
  else rm -f "$2.lockstep-guard"; fail "put back $2"; fi
}

put_directory() {
  same=0; [ ! -L "$2" ] && diff -r "$1" "$2" >/dev/null 2>&1 && same=1
  [ $same = 1 ] && return
  rm -rf "$2.lockstep-guard"
  if cp -a "$1" "$2.lockstep-guard" && rm -rf "$2" && mv -T "$2.lockstep-guard" "$2"; then say "put back $2"
  else fail "put back $2"; fi
}

take_away() {
  [ -e "$1" ] || [ -L "$1" ] || return 0
  if rm -rf "$1"; then say "removed $1"; else fail "remove $1"; fi
  durable "$(dirname "$1")"
}

# The words of /proc/PID/stat after the command's name, which may hold anything: proc_pid_stat(5).
stat_words() { IFS= read -r line 2>/dev/null <"/proc/$1/stat" || return 1; words=${line##*) }; }
is_running() { stat_words "$1" && set -- "$2" $words && [ "$2" != Z ] && [ "${21}" = "$1" ]; }

# Whoever is still at work on the change, slow or frozen, must not write anything after all is back.
stop_applier() {
  is_running "$1" "$2" || return 0
  kill -STOP "$1"
  for process in /proc/[0-9]*; do
    stat_words "${process#/proc/}" && [ "$(set -- $words; echo "$2")" = "$1" ] && kill -KILL "${process#/proc/}"
  done
  kill -KILL "$1"
  for _try in 1 2 3 4 5 6 7 8 9 10; do is_running "$1" "$2" || break; sleep 0.2; done
  say "stopped the process $1, which was still changing this host"
}

put_table() {
  now=$(nft -s list table $2 2>/dev/null); was=$(cat "$1.text")
  [ "$now" = "$was" ] && return
  if nft -f "$1"; then say "put back the nftables table $2"; else fail "put back the nftables table $2"; fi
}
"""


def restore_program(identifier: str, directory: str, boot_marker: str, snapshot: Snapshot, unit_path: str) -> str:
    """Return the text of ``restore.sh``.

    ``directory``: the guard's own directory. ``boot_marker``: a file below /run that exists until the host reboots;
    where it is gone, units are left to the boot that is under way. ``unit_path``: the guard's unit file, removed with
    its link once all is back.
    """
    quote = shlex.quote
    wants = wants_link(unit_path)
    lines = [
        "#!/bin/sh",
        f"# Guard {identifier} of lockstep.gpufleet: puts this host back as it was, unless a fresh login has confirmed",
        "# the change. Run by the unit of the same name, at the end of the window or at the next boot.",
        "PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C",
        "export PATH LC_ALL",
        "umask 077",
        f"cd {quote(directory)} || exit 1",
        "failed=0 head= said=",
        _FUNCTIONS,
        "# One rename decides between confirming and restoring. A restore that was cut off goes on; where the file",
        "# system refuses the rename, nobody can confirm either, so restoring is right.",
        f"mv -T {ARMED} {RESTORING} 2>/dev/null || [ -e {RESTORING} ] || [ -e {ARMED} ] || [ -e {RESTORED} ] || exit 0",
        f"[ ! -e {RESTORED} ] || [ -e {WATCHING} ] || exit 0",
        f"if [ -e {quote(boot_marker)} ]; then when='at runtime'; else when='at boot'; rm -f {WATCHING}; fi",
        "# Another try: what the last one could not do is told again or is done now.",
        "case $(tail -n 1 report 2>/dev/null) in 'incomplete, '*) : >report ;; esac",
        "now=$(date -u +%Y-%m-%dT%H:%M:%SZ)",
        f"if [ -e {RESTORED} ]; then head=\"restoring again, $now\"; else say \"restoring $when, $now\"; fi",
        f"if [ \"$when\" = 'at runtime' ] && [ -e {APPLIERS} ]; then",
        f"  while read -r pid began; do stop_applier \"$pid\" \"$began\"; done <{APPLIERS}",
        "fi",
        "",
    ]
    lines += [f"put_table {quote(table.copy)} {quote(table.name)}" for table in snapshot.tables]
    for saved in snapshot.paths:
        lines.append(f"sweep {quote(saved.path)}")
        if saved.kind == "absent":
            lines.append(f"take_away {quote(saved.path)}")
        else:
            lines.append(f"put_{saved.kind} {quote(saved.copy)} {quote(saved.path)}")
    if snapshot.units:
        lines += [
            "",
            "# No waiting for these jobs: this unit is ordered before them, and systemd would wait for this unit.",
            "if [ \"$when\" = 'at runtime' ]; then",
            "  [ -z \"$said\" ] || systemctl daemon-reload",
            *[f"  {command}" for unit in snapshot.units for command in _unit_commands(unit)],
            "fi",
        ]
    timer = unit_path.rpartition("/")[2].replace(".service", ".timer")
    lines += [
        "",
        "# What failed now may work later, as with a file system that is read-only for a while: the unit tries again.",
        f"if [ $failed = 1 ] && [ -e {RESTORING} ]; then say 'incomplete, trying again'; exit 1; fi",
        f"[ -e {WATCHING} ] && printf . >>{WATCHING} && [ $(wc -c <{WATCHING}) -gt {WATCHES} ] && rm -f {WATCHING}",
        f"if [ ! -e {WATCHING} ]; then",
        f"  rm -f {quote(wants)} {quote(unit_path)} {quote(boot_marker)}",
        f"  [ \"$when\" = 'at boot' ] || systemctl --no-block stop {quote(timer)} 2>/dev/null",
        "fi",
        "if [ -n \"$said\" ]; then if [ $failed = 0 ]; then say 'complete'; else say 'incomplete'; fi; fi",
        f"mv -T {RESTORING} {RESTORED} 2>/dev/null",
        "sync report . 2>/dev/null || sync",
        "exit $failed",
        "",
    ]
    return "\n".join(lines)


def _unit_commands(unit: SavedUnit) -> list[str]:
    name = shlex.quote(unit.name)
    if not unit.active:
        return [f"! systemctl is-active --quiet {name} || systemctl --no-block stop {name}"]
    again, done = f"reload-or-restart {name}", "reloaded"
    if unit.name.endswith(".socket"):
        # Together with the service that it has started, which holds its descriptors: a socket does not start before that.
        started = shlex.quote(unit.name[: -len("socket")] + "service")
        again, done = f"restart {name} $(systemctl is-active --quiet {started} && echo {started})", "restarted"
    return [
        f"if [ -n \"$said\" ] || ! systemctl is-active --quiet {name}; then",
        f"  systemctl reset-failed {name} 2>/dev/null",
        f"  systemctl --no-block {again} && say {shlex.quote(done + ' ' + unit.name)}"
        f" || fail {shlex.quote(again.split()[0] + ' ' + unit.name)}",
        "fi",
    ]


def wants_link(unit_path: str) -> str:
    """Return the path of the link that makes ``unit_path`` part of every boot."""
    folder, _slash, name = unit_path.rpartition("/")
    return f"{folder}/sysinit.target.wants/{name}"


def guard_unit(identifier: str, directory: str) -> str:
    """Return the text of the unit that runs the restore program, by its timer or at boot.

    At boot it runs before anything that reads what it puts back: sshd in its forms, nftables and the network.
    """
    return f"""\
# Written by lockstep.gpufleet; removed when the change is confirmed or undone.
[Unit]
Description=Undo an unconfirmed change of access (lockstep guard {identifier})
DefaultDependencies=no
RequiresMountsFor={directory} /etc
After=local-fs.target
Before=ssh.service sshd.service ssh.socket nftables.service lockstep-firewall.service network-pre.target
Conflicts=shutdown.target
Before=shutdown.target
ConditionPathExists=|{directory}/{ARMED}
ConditionPathExists=|{directory}/{RESTORING}
ConditionPathExists=|{directory}/{WATCHING}
StartLimitIntervalSec=0

[Service]
Type=oneshot
ExecStart=/bin/sh {directory}/restore.sh
Restart=on-failure
RestartSec=3

[Install]
WantedBy=sysinit.target
"""


def table_file(name: str, text: str | None) -> str:
    """Return input for ``nft -f`` that makes table ``name`` what ``text`` says; None: that it does not exist.

    Declaring the table first makes the deletion valid whether or not it exists; the file is one transaction.
    """
    return f"table {name}\ndelete table {name}\n{text or ''}"
