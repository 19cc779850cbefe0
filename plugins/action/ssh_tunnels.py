# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ways to the fleet's Jupyter servers in the ssh configuration of whoever runs Ansible; no host is asked."""

from __future__ import annotations

import getpass
import os
import typing as t

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.lockstep.gpufleet.plugins.module_utils._files import read_or_none, write_atomically
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem, text_diff
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils import _tunnels

display = Display()

_ARGUMENTS = {
    "servers": {"type": "dict", "default": {}},
    "servers_in": {"type": "str"},
    "user": {"type": "str"},
    "path": {"type": "str", "default": "~/.ssh/config.d/lockstep"},
    "config": {"type": "str", "default": "~/.ssh/config"},
    "first_port": {"type": "int", "default": 18800},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
}


class ActionModule(ActionBase):
    """The action of ``lockstep.gpufleet.ssh_tunnels``."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        """Plan both files, write them, and print how to use them."""
        result = super().run(tmp, task_vars)
        del tmp
        _validated, options = self.validate_argument_spec(argument_spec=_ARGUMENTS)
        try:
            if options["servers_in"]:
                options["servers"].update(_registered(options["servers_in"], task_vars or {}))
            result.update(self._perform(options, task_vars or {}))
        except Problem as problem:
            result.update(failed=True, msg=str(problem))
        except OSError as error:
            result.update(failed=True, msg=f"{error.filename or options['path']}: {error.strerror}")
        return result

    def _perform(self, options: dict[str, t.Any], variables: dict[str, t.Any]) -> dict[str, t.Any]:
        asks = options["user"] or getpass.getuser()
        path, config = (os.path.expanduser(options[name]) for name in ("path", "config"))
        before = {name: _text(name) for name in (path, config)}
        after: dict[str, str | None] = {path: None, config: before[config]}
        tunnels: list[_tunnels.Tunnel] = []
        notes: list[str] = []
        ports: dict[str, int] = {}
        kept: dict[str, str] = {}
        if options["state"] == "present":
            for host, servers in sorted(options["servers"].items()):
                for server in servers:
                    tunnel, left = _tunnels.make_tunnel(host, server, variables["hostvars"][host], asks)
                    tunnels.append(tunnel)
                    notes += left
            kept = _tunnels.entries_to_keep(before[path] or "", options["servers"], variables["hostvars"])
            known = _tunnels.ports_in(before[path] or "")
            ports = _tunnels.assign_ports(tunnels, known, options["first_port"], kept)
        if tunnels or kept:
            after[path] = _tunnels.render(tunnels, ports, kept)
            after[config] = _tunnels.with_include(before[config], options["path"])
        elif before[config] is not None:
            # A file that held nothing but our lines was made by us.
            after[config] = _tunnels.without_include(before[config] or "") or None
        changed = [name for name in (path, config) if before[name] != after[name]]
        if not self._task.check_mode:
            for name in changed:
                _write(name, after[name])
            self._show(options["servers"], tunnels, ports, asks)
        return {
            "changed": bool(changed),
            "plan": [f"{'write' if after[name] is not None else 'remove'} {name}" for name in changed],
            "diff": [text_diff(name, before[name], after[name]) for name in changed],
            "tunnels": {tunnel.name: _tunnels.url(ports[tunnel.name], None) for tunnel in tunnels},
            **({"warnings": notes} if notes else {}),
        }

    @staticmethod
    def _show(
        servers: dict[str, t.Any], tunnels: list[_tunnels.Tunnel], ports: dict[str, int], asks: str
    ) -> None:
        """Print a line for each tunnel; the token stands on the terminal of whom it belongs to, and in no result."""
        tokens = {
            f"{host}-jupyter": server.get("token")
            for host, entries in servers.items() for server in entries if server["name"] == asks
        }
        for tunnel in tunnels:
            token = tokens.get(tunnel.name)
            display.display(f"ssh {tunnel.name:<28} then {_tunnels.url(ports[tunnel.name], token)}", screen_only=True)


def _registered(name: str, variables: dict[str, t.Any]) -> dict[str, t.Any]:
    """Return what a task has registered on each host of the play that it reached."""
    found = {host: variables["hostvars"][host].get(name) or {} for host in variables["ansible_play_hosts_all"]}
    return {host: result["servers"] for host, result in found.items() if "servers" in result}


def _text(path: str) -> str | None:
    content = read_or_none(path)
    return None if content is None else content.decode("utf-8", "surrogateescape")


def _write(path: str, text: str | None) -> None:
    path = os.path.realpath(path)
    if text is None:
        os.unlink(path)
        return
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    mode = os.stat(path).st_mode & 0o777 if os.path.exists(path) else 0o600
    write_atomically(path, text.encode("utf-8", "surrogateescape"), mode=mode)
