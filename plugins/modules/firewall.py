#!/usr/bin/python
# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: firewall
short_description: One nftables table with one input chain, changed without locking anyone out
version_added: 0.1.0
author: lockstep founders (@lockstep)
description:
  - Owns the nftables table C(inet lockstep) and nothing else. It holds one chain for what comes in - answers, this host
    itself, ICMP and ICMPv6 with neighbour discovery, DHCP and DHCPv6 leases, trusted interfaces, SSH, the services you
    name - and drops the rest. There is no chain for forwarded or outgoing traffic.
  - The table is replaced in one transaction. Tables of others (Docker, Kubernetes, libvirt, fail2ban) are never touched.
    Note that ports published by Docker do not pass the input chain, so they are not closed by it.
  - Rules that would shut out the present connection are refused. After the change a fresh login has to succeed, or the
    host puts the former table back by itself, at the end of O(window); a reboot before that loads the former one too.
  - Only a confirmed table is saved, to C(/etc/lockstep/firewall.nft), and loaded at boot by a unit of its own.
    C(nftables.service) is neither enabled nor edited; where you run it, our unit comes after it.
  - When nothing is to be done, it is one module call without a login.
extends_documentation_fragment:
  - lockstep.gpufleet._attributes
  - lockstep.gpufleet._guarded
attributes:
  check_mode:
    support: full
    details:
      - Whether the fresh login succeeds is not predicted.
  diff_mode:
    support: full
    details:
      - Shows rules, in nftables' language.
  idempotent:
    support: full
  platform:
    support: full
    platforms: linux
    details:
      - Needs C(nft), and systemd unless O(guard=false).
options:
  state:
    description:
      - V(present) makes the table what the options say.
      - V(absent) removes the table, its file and its units.
    type: str
    choices: [present, absent]
    default: present
  ssh_sources:
    description:
      - Addresses and networks (CIDR, IPv4 and IPv6) that may use SSH. Empty means any address, with a warning.
    type: list
    elements: str
    default: []
  ssh_ports:
    description:
      - Ports of SSH. Empty means those in the configuration of this host's sshd.
    type: list
    elements: int
    default: []
  trusted_interfaces:
    description:
      - Interfaces from which everything is accepted, by name or by the beginning of the name and C(*).
    type: list
    elements: str
    default: [docker0, br-*, podman*, cni*, virbr*, lxcbr*, lxdbr*]
  rules:
    description:
      - Further services that are open.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description:
          - What it is for; becomes the comment of the rule.
        type: str
        required: true
      protocol:
        description:
          - Transport protocol.
        type: str
        choices: [tcp, udp]
        default: tcp
      ports:
        description:
          - Ports, or ranges such as V(6000-6010).
        type: list
        elements: str
        required: true
      sources:
        description:
          - Addresses and networks that may use it. Empty means any.
        type: list
        elements: str
        default: []
  guard:
    description:
      - Whether the host undoes the change unless a fresh login confirms it. Only a host without systemd needs V(false).
    type: bool
    default: true
  window:
    description:
      - Seconds after which an unconfirmed change is undone, from 10 to 3600. The fresh login is tried for half of it.
    type: int
    default: 60
seealso:
  - module: lockstep.gpufleet.ssh_hardening
"""

EXAMPLES = r"""
- name: Let only SSH in, from the administrators' networks
  lockstep.gpufleet.firewall:
    ssh_sources: [192.0.2.0/24, "2001:db8:1::/48"]

- name: Let the fleet's hosts talk to each other, and monitoring to the exporters
  lockstep.gpufleet.firewall:
    ssh_sources: [192.0.2.0/24]
    rules:
      - name: NCCL and torchrun
        ports: [1024-65535]
        sources: [10.20.0.0/16]
      - name: node and DCGM exporters
        ports: ["9100", "9400"]
        sources: [192.0.2.17]

- name: Remove the table again
  lockstep.gpufleet.firewall:
    state: absent
"""

RETURN = r"""
plan:
  description: What was, or would be, done, one sentence for each step.
  type: list
  elements: str
  returned: always
  sample: ['add rule: tcp dport 9100 accept comment "node exporter"', write /etc/lockstep/firewall.nft]
confirmed_by:
  description: What proved that the login account still gets in.
  type: str
  returned: when something was changed
  sample: fresh_login
ssh_ports:
  description: The ports of SSH that the rules open.
  type: list
  elements: int
  returned: when O(state=present)
  sample: [22]
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lockstep.gpufleet.plugins.module_utils._guard import phases
from ansible_collections.lockstep.gpufleet.plugins.module_utils._guard.present import present_connection
from ansible_collections.lockstep.gpufleet.plugins.module_utils._guard.restore import table_file
from ansible_collections.lockstep.gpufleet.plugins.module_utils._guard.snapshot import Cover
from ansible_collections.lockstep.gpufleet.plugins.module_utils._nftables import host, plan as planning
from ansible_collections.lockstep.gpufleet.plugins.module_utils._nftables.rules import TABLE, table_text
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Plan, Problem, conclude
from ansible_collections.lockstep.gpufleet.plugins.module_utils._sshd import banner


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "ssh_sources": {"type": "list", "elements": "str", "default": []},
            "ssh_ports": {"type": "list", "elements": "int", "default": []},
            "trusted_interfaces": {"type": "list", "elements": "str", "default": list(planning.TRUSTED)},
            "rules": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "name": {"type": "str", "required": True},
                    "protocol": {"type": "str", "choices": ["tcp", "udp"], "default": "tcp"},
                    "ports": {"type": "list", "elements": "str", "required": True},
                    "sources": {"type": "list", "elements": "str", "default": []},
                },
            },
            **phases.GUARD_OPTIONS,
        },
        supports_check_mode=True,
    )
    phases.finish_guard(module, keep=lambda: keep(module), probe=banner.probe)
    try:
        phases.check_window(module.params["window"])
        told = phases.settle_earlier(module)
        host.refuse_other_firewalls()
        wanted = read_options(module)
        if wanted:
            planning.refuse_lockout(wanted, present_connection())
        state = host.observe()
        plan = planning.make_plan(wanted, state)
        if wanted and plan:
            host.check(state.nft, transaction(wanted))
    except Problem as problem:
        module.fail_json(msg=str(problem), **problem.facts)
    facts = {"ssh_ports": [low for low, _high in wanted.ssh.ports]} if wanted else {}
    conclude(module, plan, lambda todo: apply(module, todo, wanted, state), **facts, **told)


def read_options(module: AnsibleModule) -> planning.Wanted | None:
    """Return what the user asked for; None: no table of ours. Raises Problem."""
    if module.params["state"] == "absent":
        return None
    ports = module.params["ssh_ports"] or banner.listening_ports()
    return planning.make_wanted(
        module.params["ssh_sources"], ports, module.params["rules"], module.params["trusted_interfaces"]
    )


def transaction(wanted: planning.Wanted | None) -> str:
    """Return what nft has to load: our table, replaced as a whole."""
    return table_file(TABLE, table_text(wanted.chain) if wanted else None)


def apply(
    module: AnsibleModule, plan: Plan, wanted: planning.Wanted | None, state: host.State
) -> dict[str, t.Any]:
    """Arm the guard and load the table; nothing is saved before it is confirmed."""
    identifier = None
    if any(step.kind in ("load", "unload") for step in plan.steps):
        identifier = phases.arm_unless_off(module, "firewall", Cover(tables=(TABLE,)))
        try:
            host.load(state.nft, transaction(wanted))
        except Problem as problem:
            raise Problem(f"{problem}. Nothing was changed.") from problem
    return {"_guard": identifier}


def keep(module: AnsibleModule) -> None:
    """Save the confirmed table, so that a reboot loads it again; or remove what loaded it."""
    wanted = read_options(module)
    state = host.observe()
    if wanted:
        host.persist(wanted.chain, state)
    else:
        host.forget(state)


if __name__ == "__main__":
    main()
