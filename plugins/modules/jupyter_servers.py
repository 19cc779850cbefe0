#!/usr/bin/python
# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: jupyter_servers
short_description: A JupyterLab for each user, as a service that nobody else gets into
version_added: 0.1.0
description:
  - Makes the JupyterLab servers of all users of a host what O(users) says, in one call with one diff.
  - Each is an instance of the systemd template C(lockstep-jupyter@.service), runs as its user in an environment that
    M(lockstep.gpufleet.conda_env) installed, and comes back after a reboot.
  - It listens on C(127.0.0.1) only, at a port that is its user's for good, or on a unix socket that only its user can open.
    Kernels talk to it through sockets in a folder of the user's own.
  - Its token is made on the host, in a file that only its user (and root) can read. It is in no command line, no log and no output.
  - A server that runs stays in the generation of the environment in which it was started. It is restarted if nothing would be lost, see O(restart).
options:
  users:
    description: The servers. Those that are not listed are left alone.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the account. C(root), and every other account with uid 0, is refused.
        type: str
        required: true
      state:
        description:
          - V(absent) stops the server and removes its token and settings. Notebooks stay, and the port stays the user's.
        type: str
        choices: [present, absent]
        default: present
      port:
        description:
          - Port of this server. Without it the user gets the next free one from O(base_port) on, and keeps it.
          - One that was ever given to somebody else is refused.
        type: int
  environment:
    description: Name of the environment that holds JupyterLab.
    type: str
    default: jupyter
  root:
    description: The store of environments, as in M(lockstep.gpufleet.conda_env).
    type: path
    default: /opt/lockstep
  generations:
    description:
      - Names of environments and the prefix of their generation, as M(lockstep.gpufleet.conda_env) returns it. With it check mode
        can plan servers of an environment that is not installed yet.
    type: dict
    default: {}
  accounts:
    description:
      - Accounts that an earlier task of the same play makes, as in M(lockstep.gpufleet.accounts), so that check mode can plan their
        servers. Of each entry C(name) and C(state) are read.
    type: list
    elements: dict
    default: []
  transport:
    description:
      - V(port) is a port of C(127.0.0.1). While a server is down, another local user could listen there in its place and be sent the token by
        a browser that was left open.
      - V(socket) is a unix socket in C(/run/lockstep-jupyter/USER), which nobody else can reach or make. Take it for hosts whose users do not
        trust each other.
    type: str
    choices: [port, socket]
    default: port
  base_port:
    description: The first port that is given to users.
    type: int
    default: 18800
  memory_max:
    description: Memory that a server may take together with its kernels, for instance V(64G) or V(50%). No limit by default.
    type: str
    default: ""
  cpu_quota:
    description: CPU time that a server may take together with its kernels, V(400%) for four cores. No limit by default.
    type: str
    default: ""
  cull_idle_after:
    description: Seconds after which a kernel that does nothing is ended, which frees its GPU memory. V(0) for never.
    type: int
    default: 0
  stop_idle_after:
    description:
      - Seconds after which a server without kernels, terminals and activity ends. V(0) for never.
      - It is not started again by the next run, but by the next boot or by C(systemctl start).
    type: int
    default: 0
  restart:
    description:
      - What happens to a running server that differs from what would be started now, in its generation, settings, port or token.
      - V(idle) restarts it if it says that it has neither kernels nor terminals; V(always) restarts it; V(never) does not. Where it is
        not restarted, RV(servers[].outdated) and a warning say so.
    type: str
    choices: [idle, always, never]
    default: idle
  start_timeout:
    description: Seconds within which a server that was started has to answer.
    type: int
    default: 120
  state:
    description: V(absent) removes the servers of all entries, whatever the entries' own state.
    type: str
    choices: [present, absent]
    default: present
extends_documentation_fragment:
  - lockstep.gpufleet._attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
    details:
      - Tokens are never shown.
  idempotent:
    support: full
  platform:
    support: full
    platforms: linux
    details:
      - With systemd 247 or newer.
seealso:
  - module: lockstep.gpufleet.conda_env
  - module: lockstep.gpufleet.ipykernel
author:
  - lockstep founders (@lockstep)
"""

EXAMPLES = r"""
- name: A JupyterLab for Mia and for Tom, whose kernels end after a day of doing nothing
  lockstep.gpufleet.jupyter_servers:
    users:
      - name: mia
      - name: tom
    cull_idle_after: 86400
    memory_max: 64G

- name: Sockets instead of ports, where users do not trust each other
  lockstep.gpufleet.jupyter_servers:
    users:
      - name: mia
    transport: socket

- name: Tom has left; his notebooks stay
  lockstep.gpufleet.jupyter_servers:
    users:
      - name: tom
        state: absent
"""

RETURN = r"""
servers:
  description: The servers that the list asks for, in its order. Tokens are not among it.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Name of the account.
      type: str
      sample: mia
    state:
      description: V(present) or V(absent).
      type: str
      sample: present
    unit:
      description: Name of the unit.
      type: str
      sample: lockstep-jupyter@mia.service
    port:
      description: Port of 127.0.0.1, with O(transport=port).
      type: int
      sample: 18800
    socket:
      description: Path of the socket, with O(transport=socket).
      type: str
      sample: /run/lockstep-jupyter/mia/lab.sock
    token_file:
      description: File that holds the token, which only its user and root can read.
      type: str
      sample: /var/lib/lockstep/jupyter/tokens/mia
    prefix:
      description: Generation that the server runs in, or is started in by this run.
      type: str
      sample: /opt/lockstep/generations/0123456789abcdef/envs/jupyter
    outdated:
      description:
        - In what a server that was not restarted differs from one that would be started now, V(generation), V(settings), V(port) or V(token).
      type: list
      elements: str
    changed:
      description: Whether anything about this server was changed, or would be.
      type: bool
plan:
  description: What was done, or would be done in check mode, one sentence each.
  returned: success
  type: list
  elements: str
  sample: ["mia: make a token (new)", "mia: start the server on 127.0.0.1:18800"]
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.lockstep.gpufleet.plugins.module_utils._jupyter import server_unit
from ansible_collections.lockstep.gpufleet.plugins.module_utils._jupyter.server_host import apply, observe
from ansible_collections.lockstep.gpufleet.plugins.module_utils._jupyter.servers import (
    assign_ports,
    make_plan,
    parse_users,
    report,
)
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Plan, Problem, conclude


def main() -> None:
    user_options = {
        "name": {"type": "str", "required": True},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "port": {"type": "int"},
    }
    module = AnsibleModule(
        argument_spec={
            "users": {"type": "list", "elements": "dict", "required": True, "options": user_options},
            "environment": {"type": "str", "default": "jupyter"},
            "root": {"type": "path", "default": "/opt/lockstep"},
            "generations": {"type": "dict", "default": {}},
            "accounts": {"type": "list", "elements": "dict", "default": []},
            "transport": {"type": "str", "choices": ["port", "socket"], "default": "port"},
            "base_port": {"type": "int", "default": 18800},
            "memory_max": {"type": "str", "default": ""},
            "cpu_quota": {"type": "str", "default": ""},
            "cull_idle_after": {"type": "int", "default": 0},
            "stop_idle_after": {"type": "int", "default": 0},
            "restart": {"type": "str", "choices": ["idle", "always", "never"], "default": "idle"},
            "start_timeout": {"type": "int", "default": 120},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        },
        supports_check_mode=True,
    )
    options = module.params
    try:
        service = server_unit.check(server_unit.service_of(options))
        servers = parse_users(options["users"], options["state"])
        planned = {entry.get("name") for entry in options["accounts"] if entry.get("state", "present") == "present"}

        state = observe(servers, service, options["generations"])
        assigned = assign_ports(servers, service, state, options["base_port"])
        plan = make_plan(servers, service, state, assigned, options["restart"], planned)
        entries = report(servers, service, state, assigned, plan)
    except Problem as problem:
        module.fail_json(msg=str(problem), **problem.facts)

    def carry_out(plan: Plan) -> dict[str, t.Any]:
        apply(plan, servers, service, state, options["start_timeout"])
        return {}

    conclude(module, plan, carry_out, servers=entries)


if __name__ == "__main__":
    main()
