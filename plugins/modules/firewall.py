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
    name - and drops the rest. There is no chain for outgoing traffic, and one for forwarded traffic only with
    O(published_sources) or O(published_source_groups).
  - The table is replaced in one transaction. Tables of others (Docker, Kubernetes, libvirt, fail2ban) are never touched.
  - B(Ports published by Docker, podman or Kubernetes do not pass the input chain), so they are not closed by it. They are
    listed as RV(bypassing); O(published_sources) limits who may use them.
  - Rules that would shut out the present connection, or another open SSH connection of the login account, are refused.
    After the change a fresh login has to succeed, or the host puts the former table back by itself, at the end of
    O(window); a reboot before that loads the former one too.
  - The first rules of a host close what nobody has listed. The plan and the diff name every socket that nobody
    will reach any more, with its program, and every peer that is connected now and that no rule covers.
  - Only a confirmed table is saved, to C(/etc/lockstep/firewall.nft), and loaded at boot by a unit of its own.
    C(nftables.service) is neither enabled nor edited; where you run it, our unit comes after it.
  - Rules that stay as they are go on counting when the table is replaced; a reboot, and a restart of
    C(nftables.service), begin at 0.
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
      - Addresses and networks (CIDR, IPv4 and IPv6) that may use SSH. Without any, and without O(ssh_source_groups), any
        address may, with a warning. Duplicates and overlaps are merged.
    type: list
    elements: str
    default: []
  ssh_source_groups:
    description:
      - Groups of the inventory whose hosts may use SSH, besides O(ssh_sources). See O(rules[].source_groups).
    type: list
    elements: str
    default: []
  ssh_ports:
    description:
      - Ports of SSH. Empty means those in the configuration of this host's sshd.
    type: list
    elements: int
    default: []
  ssh_rate_limit:
    description:
      - How many new SSH connections one source may open in what time, such as V(10/minute) (second, minute, hour, day);
        further ones are dropped until the time has passed. A source is an IPv4 address, or an IPv6 network of 64 bits.
        Left out, nothing is limited.
      - Addresses that an administrator was connected from when this module ran are never counted, for behind a jump host
        are many people. They are remembered in the sets C(controllers_ipv4) and C(controllers_ipv6) until the limit is
        taken away.
    type: str
  ssh_rate_limit_exempt:
    description:
      - Further addresses and networks that O(ssh_rate_limit) never counts.
    type: list
    elements: str
    default: []
  trusted_interfaces:
    description:
      - Interfaces from which everything is accepted, by name or by the beginning of the name and C(*). The default names
        the usual bridges and tunnels of containers and virtual machines.
    type: list
    elements: str
    default: [docker0, br-*, podman*, cni*, cali*, cilium_*, flannel*, virbr*, lxc*, lxdbr*]
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
          - Addresses and networks that may use it. Without any, and without O(rules[].source_groups), any address may.
        type: list
        elements: str
        default: []
      source_groups:
        description:
          - Groups of the inventory whose hosts may use it, as for NCCL, Slurm or DCGM among the fleet. Each is a set of
            addresses in the table, C(group_NAME_ipv4) and C(group_NAME_ipv6).
          - The addresses of a host are those of its variable C(firewall_addresses) (a list), where it has one; otherwise
            its C(ansible_host), resolved on the controller if it is a name. Facts are not asked, so that the rules do not
            depend on what was gathered. A host without a known address is an error.
          - A group without hosts lets nobody in, with a warning; it never means any address.
        type: list
        elements: str
        default: []
  published_sources:
    description:
      - Addresses and networks that may begin connections to ports that Docker, podman or Kubernetes publish. They are
        limited in a chain for forwarded traffic that accepts all else, and what comes from O(trusted_interfaces) is not
        limited. Left out, nothing is.
      - With Kubernetes, pods reach services in the same way. Name the network of the pods here, unless their interfaces
        are trusted.
    type: list
    elements: str
  published_source_groups:
    description:
      - Groups of the inventory whose hosts may use published ports. See O(rules[].source_groups).
    type: list
    elements: str
    default: []
  log_drops:
    description:
      - Whether the kernel logs what is dropped at the end, as C(lockstep drop), at most ten packets a minute after the
        first twenty.
    type: bool
    default: false
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
  _groups:
    description:
      - The addresses of the groups' hosts, set by the action plugin. Not for users.
    type: dict
    default: {}
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
      - name: NCCL, torchrun and Slurm
        ports: [1024-65535]
        source_groups: [gpu_servers]
      - name: node and DCGM exporters
        ports: ["9100", "9400"]
        sources: [192.0.2.17]

- name: Limit who may use what containers publish, and how often strangers may try SSH
  lockstep.gpufleet.firewall:
    ssh_sources: [192.0.2.0/24]
    ssh_rate_limit: 10/minute
    published_sources: [192.0.2.0/24]
    published_source_groups: [gpu_servers]
    log_drops: true

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
  sample: ['add rule: tcp dport 9100 counter accept comment "node exporter"', write /etc/lockstep/firewall.nft]
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
bypassing:
  description: Ports that rules of others publish past the input chain; only O(published_sources) limits who uses them.
  type: list
  elements: dict
  returned: when O(state=present)
  sample: [{protocol: tcp, ports: "8080", to: "172.17.0.2:80", table: ip nat}]
counters:
  description: What each rule of the table has counted when the module was called, in their order.
  type: list
  elements: dict
  returned: when O(state=present)
  sample: [{chain: input, rule: 'tcp dport 22 counter accept comment "SSH"', packets: 12, bytes: 720}]
"""

import contextlib
import pwd
import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lockstep.gpufleet.plugins.module_utils._guard import phases
from ansible_collections.lockstep.gpufleet.plugins.module_utils._guard.present import PresentConnection, present_connection
from ansible_collections.lockstep.gpufleet.plugins.module_utils._guard.snapshot import Cover
from ansible_collections.lockstep.gpufleet.plugins.module_utils._nftables import closing, host, lockout, sockets
from ansible_collections.lockstep.gpufleet.plugins.module_utils._nftables import plan as planning
from ansible_collections.lockstep.gpufleet.plugins.module_utils._nftables.rules import TABLE
from ansible_collections.lockstep.gpufleet.plugins.module_utils._nftables.sessions import open_sessions
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Plan, Problem, conclude
from ansible_collections.lockstep.gpufleet.plugins.module_utils._sshd import banner


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "ssh_sources": {"type": "list", "elements": "str", "default": []},
            "ssh_source_groups": {"type": "list", "elements": "str", "default": []},
            "ssh_ports": {"type": "list", "elements": "int", "default": []},
            "ssh_rate_limit": {"type": "str"},
            "ssh_rate_limit_exempt": {"type": "list", "elements": "str", "default": []},
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
                    "source_groups": {"type": "list", "elements": "str", "default": []},
                },
            },
            "published_sources": {"type": "list", "elements": "str"},
            "published_source_groups": {"type": "list", "elements": "str", "default": []},
            "log_drops": {"type": "bool", "default": False},
            # The addresses of the groups' hosts, which the action finds in the inventory.
            "_groups": {"type": "dict", "default": {}},
            **phases.GUARD_OPTIONS,
        },
        supports_check_mode=True,
    )
    phases.finish_guard(module, keep=lambda: keep(module), probe=banner.probe)
    try:
        phases.check_window(module.params["window"])
        told = phases.settle_earlier(module)
        host.refuse_other_firewalls()
        state = host.observe()
        connection = present_connection()
        sessions = other_sessions(connection)
        wanted = read_options(module, state, lockout.controllers(connection, sessions))
        if wanted:
            lockout.refuse_lockout(wanted, connection, sessions, host.interface_to)
        plan = planning.make_plan(wanted, state, what_closes(wanted, state))
        if wanted and plan:
            host.check(state.nft, host.transaction(wanted.table, state))
        facts = describe(wanted, state)
        plan = planning.with_warning_of_bypassing(plan, wanted, facts.get("bypassing", []))
    except Problem as problem:
        module.fail_json(msg=str(problem), **problem.facts)
    conclude(module, plan, lambda todo: apply(module, todo, wanted, state), **facts, **told)


def read_options(
    module: AnsibleModule, state: host.State, controllers: t.Iterable[str]
) -> planning.Wanted | None:
    """Return what the user asked for; None: no table of ours. Raises Problem."""
    if module.params["state"] == "absent":
        return None
    ports = module.params["ssh_ports"] or banner.listening_ports()
    groups = module.params["_groups"]
    if module.params["_phase"] == "confirm" and not groups:
        groups = planning.loaded_groups(module.params, state.table)
    openings = planning.read_openings(module.params, ports, groups)
    return planning.make_wanted(openings, groups, state.table, controllers, host.real_bridges())


def other_sessions(connection: PresentConnection | None) -> list[lockout.Session]:
    """Return the open SSH connections of the login account, the present one among them."""
    if connection is None:
        return []
    with contextlib.suppress(KeyError):
        user_id = pwd.getpwnam(connection.user).pw_uid
        return open_sessions(connection.user, user_id)
    return []


def what_closes(wanted: planning.Wanted | None, state: host.State) -> planning.Closing:
    """Return what nobody reaches any more when a host gets its first rules."""
    if wanted is None or state.table is not None:
        return planning.Closing()
    found = sockets.read_sockets()
    names = sockets.processes({one.inode for one in found})
    return planning.Closing(
        tuple(closing.closed_listeners(wanted.table, found, names, sockets.ephemeral_ports())),
        tuple(closing.uncovered_peers(wanted.table, found, names, host.interface_to)),
    )


def describe(wanted: planning.Wanted | None, state: host.State) -> dict[str, t.Any]:
    """Return what else the result says: ports, counters so far, and what goes past the input chain."""
    if wanted is None:
        return {}
    counters = [
        {"chain": chain.name, "rule": str(rule), "packets": rule.counted[0], "bytes": rule.counted[1]}
        for chain in (state.table.chains if state.table else ())
        for rule in chain.rules
    ]
    return {
        "ssh_ports": [low for low, _high in wanted.openings.ssh.ports],
        "bypassing": host.published_ports(state.nft),
        "counters": counters,
    }


def apply(
    module: AnsibleModule, plan: Plan, wanted: planning.Wanted | None, state: host.State
) -> dict[str, t.Any]:
    """Arm the guard and load the table; nothing is saved before it is confirmed."""
    identifier = None
    if any(step.kind in ("load", "unload") for step in plan.steps):
        identifier = phases.arm_unless_off(module, "firewall", Cover(tables=(TABLE,)))
        try:
            host.load(state.nft, host.transaction(wanted.table if wanted else None, state))
        except Problem as problem:
            raise Problem(f"{problem}. Nothing was changed.") from problem
    return {"_guard": identifier}


def keep(module: AnsibleModule) -> None:
    """Save the confirmed table, so that a reboot loads it again; or remove what loaded it."""
    state = host.observe()
    wanted = read_options(module, state, ())
    if wanted:
        host.persist(wanted.table, state)
    else:
        host.forget(state)


if __name__ == "__main__":
    main()
