#!/usr/bin/python
# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: jupyter_server_info
short_description: Which Jupyter servers a host has, and where they listen
version_added: 0.1.0
author: lockstep founders (@lockstep)
description:
  - Reads what M(lockstep.gpufleet.jupyter_servers) has written, and changes nothing. The playbook C(lockstep.gpufleet.tunnel) asks it.
extends_documentation_fragment:
  - lockstep.gpufleet._attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
  idempotent:
    support: full
  platform:
    support: full
    platforms: linux
options:
  token_of:
    description:
      - An account whose token is returned, too. Give the task C(no_log), or the token is in its output.
    type: str
"""

EXAMPLES = r"""
- name: See which servers there are
  lockstep.gpufleet.jupyter_server_info:
  become: true
  register: jupyter_servers
"""

RETURN = r"""
servers:
  description: The servers, sorted by name.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Name of the account.
      type: str
      sample: mia
    port:
      description: Port of 127.0.0.1, where it listens on one.
      type: int
      sample: 18800
    socket:
      description: Path of its socket, where it listens on one.
      type: str
      sample: /run/lockstep-jupyter/mia/lab.sock
    token:
      description: The token, of O(token_of) alone.
      type: str
"""

import os
import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lockstep.gpufleet.plugins.module_utils._files import names_in, read_or_none
from ansible_collections.lockstep.gpufleet.plugins.module_utils._jupyter import server_unit
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem


def main() -> None:
    module = AnsibleModule(argument_spec={"token_of": {"type": "str", "no_log": False}}, supports_check_mode=True)
    try:
        module.exit_json(changed=False, servers=observe(module.params["token_of"]))
    except Problem as problem:
        module.fail_json(msg=str(problem), **problem.facts)


def observe(token_of: str | None) -> list[dict[str, t.Any]]:
    """Return the servers by their files of settings; raises Problem where they may not be read."""
    found: list[dict[str, t.Any]] = []
    for name in sorted(name[: -len(".env")] for name in names_in(server_unit.SETTINGS) if name.endswith(".env")):
        text = (read_or_none(os.path.join(server_unit.SETTINGS, f"{name}.env")) or b"").decode("utf-8", "replace")
        port = server_unit.port_in(text)
        server: dict[str, t.Any] = {"name": name}
        server.update({"socket": server_unit.socket_path(name)} if port is None else {"port": port})
        if name == token_of:
            try:
                server["token"] = (read_or_none(f"{server_unit.TOKENS}/{name}") or b"").decode("ascii", "replace").strip()
            except PermissionError as error:
                raise Problem(f"{error.filename} is for root and its user alone; give the task become: true") from None
        found.append(server)
    return found


if __name__ == "__main__":
    main()
