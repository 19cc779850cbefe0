#!/usr/bin/python
# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: ssh_tunnels
short_description: Ways to the fleet's Jupyter servers in your own ssh configuration
version_added: 0.1.0
author: lockstep founders (@lockstep)
description:
  - Writes one file of C(ssh_config) with an entry for each server. C(ssh gpu01-jupyter) then is all it takes to have that server on
    a port of this machine. Each entry has a local port of its own, which it keeps for as long as it is in the file.
  - Your own C(~/.ssh/config) gets one marked C(Include) at its top, unless it includes the file already. Nothing else in it is touched,
    and O(state=absent) takes the lines and the file away.
  - Prints a line for each server - the command and what to open in a browser, with the token where the server is yours. Tokens are
    printed on the terminal only, and are in no result and no file.
  - This is an action plugin. It runs on the controller, as the user who runs Ansible, and asks no host.
extends_documentation_fragment:
  - lockstep.gpufleet._attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
  platform:
    support: full
    platforms: linux
options:
  servers:
    description:
      - The servers of each host of the inventory, by its name; lists of C(name) (the account) with C(port) or C(socket), and C(token) where it
        may be shown. How a host is reached is taken from its variables (C(ansible_host), C(ansible_port),
        C(ansible_ssh_common_args), C(ansible_ssh_private_key_file)).
    type: dict
    default: {}
  servers_in:
    description:
      - The variable that M(lockstep.gpufleet.jupyter_server_info) was registered as, on every host of the play. Tokens stay out of the
        arguments of this task so.
    type: str
  user:
    description:
      - Whose servers get the short names and are printed with their tokens. Others are called C(HOST-jupyter-USER). By default the
        user who runs Ansible.
    type: str
  path:
    description:
      - The file that is written.
    type: str
    default: ~/.ssh/config.d/lockstep
  config:
    description:
      - Your own file, which gets the C(Include).
    type: str
    default: ~/.ssh/config
  first_port:
    description:
      - The local port where the search for free ones begins.
    type: int
    default: 18800
  state:
    description:
      - V(present) writes what O(servers) says, and removes entries of servers that are gone. Entries of hosts that are not among them
        stay for as long as the inventory has the host, for it may only be down.
      - V(absent) removes the file and the C(Include).
    type: str
    choices: [present, absent]
    default: present
"""

EXAMPLES = r"""
- name: Have ways to the Jupyter servers
  lockstep.gpufleet.ssh_tunnels:
    servers:
      gpu01:
        - {name: alice, port: 8801}
      gpu02:
        - {name: alice, socket: /run/lockstep-jupyter/alice/lab.sock}
    user: alice

- name: Remove them
  lockstep.gpufleet.ssh_tunnels:
    state: absent
"""

RETURN = r"""
tunnels:
  description: What to type after ssh, and what to open in a browser then.
  type: dict
  returned: success
  sample: {gpu01-jupyter: 'http://127.0.0.1:18800/lab'}
plan:
  description: What was, or would be, done, one sentence for each file.
  type: list
  elements: str
  returned: success
  sample: [write /home/alice/.ssh/config.d/lockstep]
"""
