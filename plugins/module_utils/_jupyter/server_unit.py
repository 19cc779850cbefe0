# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The texts that systemd reads of JupyterLab's servers: one template unit, and a file of settings for each user. Pure.

This module util is private to the collection.
"""

from __future__ import annotations

import dataclasses
import hashlib
import re
import typing as t

from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem

UNIT = "/etc/systemd/system/lockstep-jupyter@.service"
WANTS = "/etc/systemd/system/multi-user.target.wants"
SETTINGS = "/etc/lockstep/jupyter"
STATE = "/var/lib/lockstep/jupyter"
TOKENS = f"{STATE}/tokens"
PORTS = f"{STATE}/ports.json"
RUNTIME = "/run/lockstep-jupyter"

REVISION = "LOCKSTEP_JUPYTER_REVISION"
PORT = "LOCKSTEP_JUPYTER_PORT"

# sun_path of a unix socket has 108 bytes, the last of which is a zero (unix(7)).
_SOCKET_BYTES = 107
# A path or a name that systemd would read as anything else than itself is not worth quoting.
_PLAIN_PATH = re.compile(r"/[A-Za-z0-9/_.+\-]*\Z")
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_.+\-]+\Z")
_MEMORY = re.compile(r"([1-9][0-9]*[KMGT]?|[1-9][0-9]?%|100%)\Z")
_CPU = re.compile(r"[1-9][0-9]*%\Z")


@dataclasses.dataclass(frozen=True)
class Service:
    """What all servers of a host have in common.

    ``stop_idle_after`` and ``cull_idle_after``: seconds, 0 for never. ``memory_max``, ``cpu_quota``: systemd's words, or empty.
    """

    root: str
    environment: str
    transport: str = "port"
    memory_max: str = ""
    cpu_quota: str = ""
    cull_idle_after: int = 0
    stop_idle_after: int = 0


def service_of(options: t.Mapping[str, t.Any]) -> Service:
    """Return what the module's options say about all servers."""
    return Service(**{field.name: options[field.name] for field in dataclasses.fields(Service)})


def check(service: Service) -> Service:
    """Return ``service``; raises Problem naming the option that systemd would not take."""
    if not _PLAIN_PATH.match(service.root):
        raise Problem(f"root: {service.root!r} must be an absolute path of letters, digits and / _ . + - for a unit to name it.")
    if not _PLAIN_NAME.match(service.environment) or set(service.environment) == {"."}:
        raise Problem(f"environment: {service.environment!r} is no name of an environment.")
    if service.memory_max and not _MEMORY.match(service.memory_max):
        raise Problem(f"memory_max: {service.memory_max!r} is no amount of memory; write for instance 16G, or 25%.")
    if service.cpu_quota and not _CPU.match(service.cpu_quota):
        raise Problem(f"cpu_quota: {service.cpu_quota!r} is no share of CPU time; 400% stands for four cores.")
    for option in ("cull_idle_after", "stop_idle_after"):
        if getattr(service, option) < 0:
            raise Problem(f"{option}: {getattr(service, option)} must be a number of seconds, or 0 for never.")
    return service


def unit_name(user: str) -> str:
    """Return the name of the user's unit."""
    return f"lockstep-jupyter@{user}.service"


def socket_path(user: str) -> str:
    """Return the user's socket. Raises Problem where the kernel could not bind it."""
    path = f"{RUNTIME}/{user}/lab.sock"
    if len(path.encode()) > _SOCKET_BYTES:
        raise Problem(f"users, {user}: the socket {path} has more than {_SOCKET_BYTES} bytes. Use transport: port for this host.")
    return path


def settings_text(port: int | None) -> str:
    """Return the file of settings of one user; the unit fails for whoever has none."""
    lines = ["# Managed by lockstep.gpufleet (jupyter)."]
    if port is not None:
        lines.append(f"{PORT}={port}")
    return "\n".join(lines) + "\n"


def port_in(text: str | None) -> int | None:
    """Return the port in a file of settings, or None."""
    match = re.search(rf"^{PORT}=([0-9]{{1,5}})$", text or "", re.MULTILINE)
    return int(match.group(1)) if match else None


_TEMPLATE = """\
# Managed by lockstep.gpufleet (jupyter). Additions of your own: systemctl edit lockstep-jupyter@.service
[Unit]
Description=JupyterLab of %i
After=network.target remote-fs.target nss-user-lookup.target
StartLimitIntervalSec=300
StartLimitBurst=10

[Service]
Type=exec
User=%i
WorkingDirectory=~
# Who has no such file has no server: that is how root and strangers are kept out of a template.
EnvironmentFile={settings}/%i.env
# Only the path is public. Jupyter reads the token from there; only the user, and root, can.
Environment=JUPYTER_TOKEN_FILE={tokens}/%i
Environment=JUPYTER_RUNTIME_DIR={runtime}/%i
Environment=PYTHONNOUSERSITE=1
Environment={revision_name}={revision}
RuntimeDirectory=lockstep-jupyter/%i
RuntimeDirectoryMode=0700
ExecStart={command}
Restart=on-failure
RestartSec=5
# The server ends its kernels itself.
KillMode=mixed
TimeoutStopSec=30
# A kernel that takes too much memory dies alone; the server and its other kernels stay.
OOMPolicy=continue
{limits}
NoNewPrivileges=yes
CapabilityBoundingSet=
ProtectSystem=full
PrivateTmp=yes
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
ProtectHostname=yes
LockPersonality=yes
RestrictRealtime=yes
SystemCallArchitectures=native
# Neither PrivateDevices nor ProtectClock nor anything else that sets DeviceAllow: /dev/nvidia* must stay.

[Install]
WantedBy=multi-user.target
"""


def _command(service: Service) -> list[str]:
    if service.transport == "socket":
        where = [f"--ServerApp.sock={RUNTIME}/%i/lab.sock", "--ServerApp.sock_mode=0600"]
    else:
        where = ["--ServerApp.ip=127.0.0.1", f"--ServerApp.port=${{{PORT}}}", "--ServerApp.port_retries=0"]
    return [
        # By the link: the next start is in the present generation. The script's first line names its own generation, so
        # that a server that runs stays in the one it was started in.
        f"{service.root}/envs/{service.environment}/bin/jupyter-lab",
        "--no-browser",
        *where,
        "--ServerApp.allow_root=False",
        "--ServerApp.allow_remote_access=False",
        # Kernels talk through sockets in the user's own folder: over TCP every local user could listen to their output.
        "--KernelManager.transport=ipc",
        # The environment is sealed: nothing can be installed into it from the browser.
        "--LabApp.extension_manager=readonly",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        "--LabApp.news_url=None",
        f"--MappingKernelManager.cull_idle_timeout={service.cull_idle_after}",
        f"--ServerApp.shutdown_no_activity_timeout={service.stop_idle_after}",
    ]


def unit_text(service: Service) -> str:
    """Return the template unit."""
    limits = []
    if service.memory_max:
        limits.append(f"MemoryMax={service.memory_max}")
    if service.cpu_quota:
        limits.append(f"CPUQuota={service.cpu_quota}")
    values = {
        "settings": SETTINGS,
        "tokens": TOKENS,
        "runtime": RUNTIME,
        "revision_name": REVISION,
        "command": " \\\n  ".join(_command(service)),
        "limits": "\n".join(limits),
    }
    return _TEMPLATE.format(revision=revision(service), **values).replace("\n\nNoNew", "\nNoNew")


def revision(service: Service) -> str:
    """Return what a server carries in its environment, so that one started under other settings can be told."""
    facts = [*_command(service), service.memory_max, service.cpu_quota, _TEMPLATE]
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()[:16]
