# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the attacks on access have in common: hosts put back by force, what they look like, and the record of outcomes."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import pathlib
import re
import shlex
import time
import typing as t

from faults.access.attack import Host
from faults.hosts import PROJECT

#: The shortest window that the modules take, in seconds.
WINDOW = 10
#: How long after the deadline a restore and a login may take on a machine that does other things as well.
LATE = 30
DROPIN = "/etc/ssh/sshd_config.d/00-lockstep.conf"
RESULTS = PROJECT / "build/molecule/lockout/outcomes"

# Past sshd and network, so that an attack that has failed does not spoil the next one.
_RESET = """\
p=/root/pristine
if [ ! -d $p ]; then
  mkdir $p.new; cp -a /etc/ssh /etc/sudoers.d $p.new/; stat -c %a /home/ops >$p.new/home; mv $p.new $p
fi
systemctl stop 'lockstep-guard-*.timer' lockstep-firewall nftables 2>/dev/null
nft flush ruleset
rm -rf /etc/ssh/sshd_config.d /etc/sudoers.d
cp -a $p/ssh /etc/; cp -a $p/sudoers.d /etc/
chmod $(cat $p/home) /home/ops; usermod --expiredate '' --shell /bin/bash ops
cd /etc/systemd/system
rm -rf ssh.service.d lockstep-* *.wants/lockstep-* nftables.service.wants
rm -rf /etc/lockstep /var/lib/lockstep /run/lockstep /opt/attack
systemctl daemon-reload
systemctl reset-failed
systemctl is-active --quiet ssh && systemctl reload ssh || systemctl restart ssh
pkill -KILL -u ops -f ^sshd
true
"""

_STATE = """\
find /etc/ssh /etc/systemd/system /etc/lockstep -printf '%p %m %u %g %l\\n' 2>/dev/null | sort
find /run/lockstep -mindepth 1 2>/dev/null
find /etc/ssh -type f | sort | xargs sha256sum
nft -s list ruleset
systemctl is-active ssh
sshd -T | sort | sha256sum
"""


_known: set[str] = set()


def first_look(host: Host) -> None:
    """Remember what the host is before its first attack of this session."""
    if host.name not in _known:
        reset(host)
        _known.add(host.name)


def reset(host: Host) -> None:
    """Put the host back by force to what it was when the attacks began."""
    host.console(_RESET)


def end_sessions(host: Host) -> None:
    """End what runs before have left open: rules that leave out the address of an open session are refused."""
    host.console("pkill -KILL -u ops -f ^sshd; sleep 0.5; ! pgrep -u ops -f ^sshd")


def state(host: Host) -> str:
    """Return all that a change of access could leave behind: files, modes, links, rules, and whether sshd runs.

    What a guard keeps below /var/lib/lockstep for the next run to tell is not part of it.
    """
    return host.console(_STATE)


@contextlib.contextmanager
def on_host(host: Host, do: str, undo: str) -> t.Iterator[None]:
    """Run ``do`` on the host's console, and ``undo`` in the end, whatever happens."""
    try:
        host.console(do)
        yield
    finally:
        host.console(undo, check=False)


def plant(host: Host, path: str, text: str) -> None:
    """Write a file on the host's console; ``reset`` takes it away where it is one of sshd's or of systemd's."""
    host.console(f"mkdir -p {shlex.quote(str(pathlib.PurePath(path).parent))}; printf '%s\\n' {shlex.quote(text)} > {path}")


@dataclasses.dataclass(frozen=True)
class Refusal:
    """An attack that must be refused before anything is changed, with an error that says ``says``.

    ``sabotage`` and ``repair``: shell commands that run on the host as root, before and after.
    """

    attack: str
    done: str
    says: str
    module: str = "ssh_hardening"
    options: dict[str, t.Any] = dataclasses.field(default_factory=dict)
    sabotage: str = "true"
    repair: str = "true"


def refusals(
    host: Host, cases: t.Sequence[Refusal], note: t.Callable[[str, str, str], None], config: str = "", **variables: t.Any
) -> None:
    """Try all of ``cases`` in one run over one connection; each is refused, and the host stays as it is."""
    before = state(host)
    tasks: list[dict[str, t.Any]] = []
    for case in cases:
        attempt = {f"lockstep.gpufleet.{case.module}": {"window": WINDOW, **case.options}, "register": "attempt"}
        check = {"that": ["attempt is failed", "attempt is not changed", "attempt.msg is search(says)"], "quiet": True}
        block = [
            {"ansible.builtin.shell": case.sabotage},
            {**attempt, "ignore_errors": True},
            {"ansible.builtin.assert": check, "vars": {"says": re.escape(case.says)}},
        ]
        tasks.append({"block": block, "always": [{"ansible.builtin.shell": case.repair}]})
    play = {"hosts": "all", "gather_facts": False, "tasks": tasks}
    run = host.play(json.dumps([play]), config, **variables)
    assert not run.failed, run.output
    assert state(host) == before and host.litter() == ""
    for case in cases:
        note(case.attack, case.done, f"refused: {case.says}")


def pinned(host: Host) -> str:
    """Return the ssh_config(5) of a controller that knows the host."""
    return f"Host *\n  UserKnownHostsFile {host.known_hosts}\n  StrictHostKeyChecking yes\n"


def interfering(host: Host, config: str, command: str) -> str:
    """Return ``config`` with a saboteur: once a guard is armed, ``command`` runs on the host before the next ssh starts.

    So it strikes after the change and before the fresh login, each time; it runs once.
    """
    once = (
        "ls /var/lib/lockstep/guard/*/armed >/dev/null 2>&1 || exit 0; mkdir /run/attacked 2>/dev/null || exit 0; "
        f"{command}; exit 0"
    )
    argv, environment = host.on_console("sh", "-c", once)
    script = host.scratch / "saboteur"
    settings = " ".join(
        f"{name}={shlex.quote(value)}" for name, value in environment.items() if name in ("PATH", "CONTAINERS_CONF")
    )
    call = f"env {settings} {shlex.join(argv)} </dev/null >>{script}.said 2>&1"
    script.write_text(f"#!/bin/sh\nfor attempt in 1 2 3; do {call} && break; done\nexit 0\n")
    script.chmod(0o700)
    host.console("rm -rf /run/attacked")
    return f"Match exec \"{script}\"\n{config}"


def attacked(host: Host) -> bool:
    """Whether the saboteur has struck."""
    return bool(host.console("ls -d /run/attacked 2>/dev/null", check=False))


def locked_out(host: Host, module: str, options: dict[str, t.Any], config: str, *login: str, **variables: t.Any) -> float:
    """Start a change that locks this controller out, kill the controller, and see that nobody is let in; return when.

    ``login``: options of ssh(1) for that look.
    """
    run = host.start(module, {"window": WINDOW, **options}, config, **variables)
    run.until_armed()
    began = time.monotonic()
    run.kill()
    # The module goes on without its controller.
    while host.lets_in(*login, config="" if login else config):
        assert time.monotonic() - began < WINDOW - 3, f"{host.name} still lets in: {run.output}"
        time.sleep(0.2)
    return began


def until_back(host: Host, began: float, *options: str, config: str = "", seconds: float = WINDOW + LATE) -> str:
    """Wait until a fresh login succeeds, no longer than ``seconds`` after ``began``; say how long it took."""
    host.wait_until_it_lets_in(max(1.0, seconds - (time.monotonic() - began)), *options, config=config)
    return f"restored after {time.monotonic() - began:.0f} s"


@dataclasses.dataclass
class Matrix:
    """What became of each attack on each host, in the order in which the tests are written."""

    rows: dict[tuple[str, str], dict[str, str]] = dataclasses.field(default_factory=dict)

    def note(self, host: str, attack: str, done: str, ended: str) -> None:
        """Add one outcome: ``done`` says how the attack was made, ``ended`` how it ended."""
        self.rows.setdefault((attack, done), {})[host] = ended

    def write(self, path: pathlib.Path) -> None:
        """Write the outcomes as JSON."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps([[*key, ends] for key, ends in self.rows.items()], indent=1), encoding="utf-8")

    def read(self, path: pathlib.Path) -> None:
        """Add the outcomes of another run of tests."""
        for attack, done, ends in json.loads(path.read_text(encoding="utf-8")):
            for host, ended in ends.items():
                self.note(host, attack, done, ended)

    def text(self, hosts: t.Mapping[str, str]) -> str:
        """Return the matrix as Markdown; ``hosts``: name to the heading of its column."""
        lines = [
            f"| | attack | what was done | {' | '.join(hosts.values())} |",
            "|---" * (3 + len(hosts)) + "|",
        ]
        for number, ((attack, done), ends) in enumerate(self.rows.items(), start=1):
            cells = [ends.get(host, "–") for host in hosts]
            lines.append(f"| {number} | {attack} | {done} | {' | '.join(cells)} |")
        return "\n".join(lines) + "\n"
