# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host without our table, and a controller that has a second address."""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib
import subprocess
import typing as t

from faults.access import attack
from faults.access.attack import Host


def open_up(host: Host) -> None:
    """Hosts are attacked without our table, and with a table of somebody else."""
    host.console(
        "systemctl stop lockstep-firewall 2>/dev/null; cd /etc/systemd/system; "
        "rm -rf /etc/lockstep *.wants/lockstep-firewall* lockstep-firewall*; systemctl daemon-reload; nft flush ruleset; "
        "nft add table ip others; nft add chain ip others post '{ type nat hook postrouting priority 100; }'"
    )


@dataclasses.dataclass(frozen=True)
class Moved(attack.Moved):
    """A controller that moves, with one more address of its own, the ``third``."""

    third: str


def end_masters(victim: Host) -> None:
    """End the connections that runs of this attack keep open: on a host they are sessions from an address that is gone."""
    for path in (victim.scratch / "cp").glob("*"):
        subprocess.run(
            ["ssh", "-F", "none", "-o", f"ControlPath={path}", "-O", "exit", victim.address], capture_output=True, check=False
        )


@contextlib.contextmanager
def second_address(victim: Host) -> t.Iterator[Moved]:
    """Two more addresses of this controller in the host's network, and an ssh_config that takes the second up on demand."""
    network, _dot, number = victim.address.rpartition(".")
    # Of its own for each host, so that two of them can be attacked at once.
    first, second, third = f"{network}.1", f"{network}.{240 + int(number) % 10}", f"{network}.{230 + int(number) % 10}"
    device = attack.bridge_to(victim.address)
    # A bridge takes the lowest hardware address of its ports. Another host's reboot must not change it: for half a minute
    # this one would answer to an address that is gone.
    mac = pathlib.Path(f"/sys/class/net/{device}/address").read_text(encoding="ascii").strip()
    subprocess.run(["ip", "link", "set", device, "address", mac], check=True)
    flag = victim.scratch / "moved"
    config = (
        f"Match exec \"test -e {flag}\"\n  BindAddress {second}\nHost *\n  BindAddress {first}\n"
        f"  UserKnownHostsFile {victim.known_hosts}\n  StrictHostKeyChecking yes\n"
    )
    with contextlib.ExitStack() as stack:
        for address in (second, third):
            subprocess.run(["ip", "address", "replace", f"{address}/24", "dev", device], check=True)
            stack.callback(subprocess.run, ["ip", "address", "del", f"{address}/24", "dev", device], check=False)
        stack.callback(end_masters, victim)
        yield Moved(first, second, flag, config, third)
