# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How the table survives a reboot: our own file and our own units.

This module util is private to the collection. Pure texts, and the list of what has to be where.

Debian's nftables.service begins with ``flush ruleset``. It is neither enabled nor edited; but where somebody runs it,
ours comes after it, and again whenever it is restarted or reloaded (part of it) or started (a second unit that it
wants, because systemd does not start again what is active).
"""

from __future__ import annotations

from .._guard.restore import table_file
from .rules import TABLE, Table, table_text

RULES = "/etc/lockstep/firewall.nft"
UNIT = "lockstep-firewall.service"
AGAIN = "lockstep-firewall-again.service"
_UNITS = "/etc/systemd/system"
#: Links that make systemd start the units, as ``systemctl enable`` would set them.
LINKS = {
    f"{_UNITS}/sysinit.target.wants/{UNIT}": f"{_UNITS}/{UNIT}",
    f"{_UNITS}/nftables.service.wants/{AGAIN}": f"{_UNITS}/{AGAIN}",
}

_UNIT_TEXT = """\
# Managed by lockstep.gpufleet (firewall).
[Unit]
Description=Firewall of lockstep.gpufleet (nftables table {table})
DefaultDependencies=no
Wants=network-pre.target
After=local-fs.target systemd-modules-load.service nftables.service
Before=network-pre.target docker.service podman.service libvirtd.service
PartOf=nftables.service
ReloadPropagatedFrom=nftables.service
Conflicts=shutdown.target
Before=shutdown.target
# However often nftables.service is restarted, the host must not stay open.
StartLimitIntervalSec=0

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart={nft} -f {rules}
ExecReload={nft} -f {rules}

[Install]
WantedBy=sysinit.target
"""

_AGAIN_TEXT = """\
# Managed by lockstep.gpufleet (firewall).
[Unit]
Description=Firewall of lockstep.gpufleet, again after nftables.service has flushed everything
DefaultDependencies=no
After=nftables.service {unit}
ConditionPathExists={rules}
StartLimitIntervalSec=0

[Service]
Type=oneshot
ExecStart={nft} -f {rules}

[Install]
WantedBy=nftables.service
"""


def files(table: Table, nft: str) -> dict[str, tuple[str, int]]:
    """Return path -> (text, mode) of everything that has to be there."""
    head = "# Managed by lockstep.gpufleet (firewall): our table only, replaced in one transaction.\n"
    return {
        RULES: (head + table_file(TABLE, table_text(table)), 0o600),
        f"{_UNITS}/{UNIT}": (_UNIT_TEXT.format(table=TABLE, nft=nft, rules=RULES), 0o644),
        f"{_UNITS}/{AGAIN}": (_AGAIN_TEXT.format(unit=UNIT, nft=nft, rules=RULES), 0o644),
    }
