#!/usr/bin/python
# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: ssh_hardening
short_description: Make sshd key-only without locking anyone out
version_added: 0.1.0
author: lockstep founders (@lockstep)
description:
  - Switches off logins by password and keyboard-interactive, restricts root to keys or locks it out, limits forwarding
    to local tunnels, and chooses strong algorithms that this host supports and its crypto policy allows, hybrid
    post-quantum key exchange first.
  - All of it is one drop-in that sorts first in C(/etc/ssh/sshd_config.d), with every directive repeated in a closing
    C(Match all) block, so that neither later files nor later C(Match) blocks weaken it. The configuration in force is
    asked of C(sshd -T), with the options that sshd is started with, for the login account, root and another account,
    each as it connects now and for one example of each C(Match) line. What beats ours is named with file and line.
  - Before any change, a fresh login with keys only has to succeed, or nothing is changed. After the change another one
    has to succeed, and a login without a key has to be offered keys only, or the host puts everything back by itself, at
    the end of O(window) or at its next boot. A login that fails is explained from the host's files.
  - When nothing is to be done, it is one module call without a login and without a reload.
extends_documentation_fragment:
  - lockstep.gpufleet._attributes
  - lockstep.gpufleet._guarded
attributes:
  check_mode:
    support: full
    details:
      - Whether the fresh logins succeed is not predicted.
  diff_mode:
    support: full
    details:
      - Shows the drop-in, and the directives whose value in force changes for the login account.
  idempotent:
    support: full
  platform:
    support: full
    platforms: linux
    details:
      - Needs OpenSSH 8.2 or newer, which reads C(Include).
      - Needs systemd unless O(guard=false).
options:
  state:
    description:
      - V(present) hardens sshd.
      - V(absent) removes our drop-in and our line in the main file, and nothing else. It is guarded in the same way.
    type: str
    choices: [present, absent]
    default: present
  profile:
    description:
      - V(modern) prefers hybrid post-quantum key exchange and falls back on curve25519 for clients that know none, and
        takes RSA keys of 2048 bits or more.
      - V(strict) has no fallback, so that clients need OpenSSH 8.5 or newer, or another one with mlkem768x25519 or
        sntrup761x25519, and takes RSA keys of 3072 bits or more. On a host whose own OpenSSH knows neither it is an error.
    type: str
    choices: [modern, strict]
    default: modern
  permit_root_login:
    description:
      - Whether root may log in with a key, or not at all.
    type: str
    choices: [prohibit-password, 'no']
    default: prohibit-password
  allow_users:
    description:
      - The only accounts that may log in, as C(AllowUsers) takes them. Empty means every account that has a key.
      - A list that shuts out the present login account is refused. Another account that has no key is a warning.
    type: list
    elements: str
    default: []
  allow_groups:
    description:
      - The only groups whose accounts may log in, as C(AllowGroups) takes them. Empty means no restriction by group.
      - A list that shuts out the present login account is refused.
    type: list
    elements: str
    default: []
  allow_tcp_forwarding:
    description:
      - Which TCP and unix socket forwarding is possible. V(local) keeps tunnels to Jupyter working.
    type: str
    choices: [local, 'no']
    default: local
  permit_open:
    description:
      - The only targets of tunnels, as C(PermitOpen) takes them (C(localhost:8888)). Empty means any.
    type: list
    elements: str
    default: []
  ports:
    description:
      - The ports that sshd listens on. Empty means that they are left as they are.
      - A port that is new has to let a fresh login in, while the old ones still listen; only then the old ones are left,
        and another fresh login confirms it. A port that something closes is not moved to.
      - A socket unit that names its ports itself is not changed, but named in an error. Ubuntu's C(ssh.socket), whose ports
        come from C(sshd_config), moves along.
      - Afterwards C(ansible_port) has to be the new port, or the host is unreachable; the first of O(ports) is returned as
        RV(port).
    type: list
    elements: int
    default: []
  exceptions:
    description:
      - What holds for some connections instead, as C(Match) blocks before our closing one; for each directive the first
        block that matches decides.
      - An exception that matches every connection, or that nothing on this host could match, is an error.
    type: list
    elements: dict
    default: []
    suboptions:
      match:
        description:
          - Criteria as they stand after C(Match), out of C(User), C(Group), C(Host), C(Address), C(LocalAddress) and
            C(LocalPort).
        type: str
        required: true
      settings:
        description:
          - Directives and their values. Those that may stand in a C(Match) block and are not dangerous are known.
        type: dict
        required: true
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
  _phase:
    description: Set by the action plugin between its calls of the module. Not for users.
    type: str
    choices: [plan, narrow, explain, confirm, revert, settle, forget]
    default: plan
  _login:
    description: Set by the action plugin; the account whose login has failed. Not for users.
    type: str
  _said:
    description: Set by the action plugin; what ssh said of it. Not for users.
    type: str
    default: ''
seealso:
  - module: lockstep.gpufleet.firewall
"""

EXAMPLES = r"""
- name: Accept keys only
  lockstep.gpufleet.ssh_hardening:

- name: Accept keys only, of two accounts, and never of root
  lockstep.gpufleet.ssh_hardening:
    allow_users: [ops, deploy]
    permit_root_login: 'no'

- name: Allow tunnels to Jupyter alone, and clients with post-quantum key exchange alone
  lockstep.gpufleet.ssh_hardening:
    profile: strict
    permit_open: ["localhost:8888", "127.0.0.1:8888"]

- name: Keep a password for one account from one network, and nothing but a command for another
  lockstep.gpufleet.ssh_hardening:
    exceptions:
      - match: User legacy Address 10.0.0.0/8
        settings: {PasswordAuthentication: true}
      - match: User backup
        settings: {ForceCommand: /usr/local/bin/backup, AllowTcpForwarding: false}

- name: Move sshd to another port
  lockstep.gpufleet.ssh_hardening:
    ports: [2222]
  register: moved

- name: Go there from now on
  ansible.builtin.set_fact:
    ansible_port: "{{ moved.port }}"

- name: Show what would change
  lockstep.gpufleet.ssh_hardening:
  check_mode: true
  diff: true
"""

RETURN = r"""
plan:
  description: What was, or would be, done, one sentence for each step.
  type: list
  elements: str
  returned: always
  sample: [write /etc/ssh/sshd_config.d/00-lockstep.conf, reload ssh.service]
confirmed_by:
  description: What proved that the login account still gets in.
  type: str
  returned: when something was changed
  sample: fresh_login
offered_methods:
  description:
    - What a login without a key was offered, asked once on the wire before the change was confirmed.
    - With RV(confirmed_by=probe) it was asked on the host itself, if that has an ssh client.
  type: list
  elements: str
  returned: when something was changed and O(state=present)
  sample: [publickey]
port:
  description: The port to connect to from now on, which is the first of O(ports).
  type: int
  returned: when O(ports) is not empty
  sample: 2222
profile:
  description: The profile of algorithms.
  type: str
  returned: when O(state=present)
  sample: modern
post_quantum:
  description: Whether the preferred key exchange is a hybrid post-quantum one.
  type: bool
  returned: when O(state=present)
  sample: true
subjects:
  description: The connections that the configuration in force was checked for.
  type: list
  elements: str
  returned: when O(state=present)
  sample: [ops from 192.0.2.7, root from 192.0.2.7]
unproven:
  description: C(Match) lines that no example could be made for, so that nothing is known of them.
  type: list
  elements: str
  returned: when O(state=present)
  sample: []
"""

import os
import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lockstep.gpufleet.plugins.module_utils._guard import arming
from ansible_collections.lockstep.gpufleet.plugins.module_utils._guard import guard as guards
from ansible_collections.lockstep.gpufleet.plugins.module_utils._guard import phases
from ansible_collections.lockstep.gpufleet.plugins.module_utils._guard.present import present_connection
from ansible_collections.lockstep.gpufleet.plugins.module_utils._guard.snapshot import Cover
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Plan, Problem, conclude
from ansible_collections.lockstep.gpufleet.plugins.module_utils._sshd import (
    banner,
    configuration,
    dropin,
    exceptions,
    hardening,
    host,
    listener,
    unread,
)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "profile": {"type": "str", "choices": ["modern", "strict"], "default": "modern"},
            "permit_root_login": {
                "type": "str", "choices": ["prohibit-password", "no"], "default": "prohibit-password"
            },
            "allow_users": {"type": "list", "elements": "str", "default": []},
            "allow_groups": {"type": "list", "elements": "str", "default": []},
            "allow_tcp_forwarding": {"type": "str", "choices": ["local", "no"], "default": "local"},
            "permit_open": {"type": "list", "elements": "str", "default": []},
            "ports": {"type": "list", "elements": "int", "default": []},
            "exceptions": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "match": {"type": "str", "required": True},
                    "settings": {"type": "dict", "required": True},
                },
            },
            **phases.GUARD_OPTIONS,
            "_phase": {
                "type": "str",
                "choices": ["plan", "narrow", "explain", "confirm", "revert", "settle", "forget"],
                "default": "plan",
            },
            "_login": {"type": "str"},
            "_said": {"type": "str", "default": ""},
        },
        supports_check_mode=True,
    )
    try:
        further_phases(module)
        phases.check_window(module.params["window"])
        told = phases.settle_earlier(module)
        wanted, change, state, outlook = look_ahead(module)
        plan = hardening.make_plan(wanted, change, state, outlook)
        if plan and state.listener.active and state.listener.service:
            unread.refuse_unread(state.files.lines(), state.listener.service)
    except Problem as problem:
        module.fail_json(msg=str(problem), **problem.facts)
    conclude(
        module, plan, lambda todo: apply(module, todo, wanted, state, outlook), **outlook.facts(wanted), **told
    )


def wish(module: AnsibleModule) -> dropin.Wanted | None:
    """Return what the user asked for; None: nothing of ours. Raises Problem for what makes no sense."""
    if module.params["state"] == "absent":
        return None
    wanted = dropin.Wanted(
        module.params["permit_root_login"],
        tuple(module.params["allow_users"]),
        tuple(module.params["allow_groups"]),
        module.params["allow_tcp_forwarding"],
        module.params["profile"],
        tuple(module.params["permit_open"]),
        exceptions.parse(module.params["exceptions"]),
        tuple(module.params["ports"]),
    )
    dropin.check(wanted)
    return wanted


def look_ahead(
    module: AnsibleModule,
) -> tuple[dropin.Wanted | None, hardening.Change, hardening.State, hardening.Outlook]:
    """Read the host, and ask sshd what the wish would put in force."""
    wanted = wish(module)
    with host.privilege_separation_directory():
        state = hardening.observe(present_connection())
        change = hardening.change(wanted, state)
        return wanted, change, state, hardening.predict(wanted, change, state)


def further_phases(module: AnsibleModule) -> None:
    """Leave the module if it was called for a phase that ends it; otherwise return."""
    phase = module.params["_phase"]
    if phase == "explain":
        with host.privilege_separation_directory():
            state = hardening.observe(present_connection())
            module.exit_json(
                changed=False, reasons=hardening.explain(module.params["_login"], module.params["_said"], state)
            )
    if phase == "narrow":
        module.exit_json(changed=True, **narrow(module))
    offered: list[str] = []

    def probe() -> None:
        """The local proof; what it does not bear out is undone at once."""
        try:
            narrow(module)
            banner.probe()
            offered.extend(banner.check_offered_methods() or [])
        except Problem as problem:
            if not module.params["_guard"]:
                raise
            report = guards.revert(module.params["_guard"])
            raise Problem(
                f"{problem}. The host has restored itself: {'; '.join(report)}", guard_report=report
            ) from problem

    def keep() -> dict[str, t.Any]:
        """The guard is gone: let systemd forget its unit as well, which it knows where a port has moved a socket."""
        if listener.observe().generated:
            listener.forget_units()
        return {"offered_methods": offered} if offered else {}

    phases.finish_guard(module, probe=probe, keep=keep)


def narrow(module: AnsibleModule) -> dict[str, t.Any]:
    """Stop listening on the ports that are to be left, once the new ones are proven; does nothing otherwise."""
    wanted, change, state, _outlook = look_ahead(module)
    if wanted is None or not change.move or state.files.ours != change.between:
        return {"narrowed": False}
    if module.params["_guard"]:
        arming.take_part(module.params["_guard"])
    hardening.write(change.main, change.ours)
    with host.privilege_separation_directory():
        hardening.assert_in_force(wanted, change, state)
    listener.apply(state.listener, ports_change=True)
    return {"narrowed": True}


def apply(
    module: AnsibleModule,
    plan: Plan,
    wanted: dropin.Wanted | None,
    state: hardening.State,
    outlook: hardening.Outlook,
) -> dict[str, t.Any]:
    """Arm the guard, write the files, have sshd check and read them; put all back where it does not agree.

    Where ports change, sshd listens on old and new ones after this; ``narrow`` leaves the old ones.
    """
    del plan
    change = outlook.change
    moves = bool(change.move)
    paths = [configuration.PATH if os.path.isdir(configuration.DIRECTORY) else configuration.DIRECTORY]
    if change.main != state.files.main:
        paths.append(os.path.realpath(configuration.MAIN))
    identifier = phases.arm_unless_off(module, "ssh_hardening", Cover(tuple(paths), units=state.listener.units(moves)))
    try:
        hardening.write(change.main, change.between if moves else change.ours)
        with host.privilege_separation_directory():
            hardening.assert_in_force(wanted, change, state)
        listener.apply(state.listener, moves)
    except (Problem, OSError) as error:
        if identifier:
            report = guards.revert(identifier)
            raise Problem(f"{error}. The host has restored itself: {'; '.join(report)}") from error
        hardening.write(state.files.main, state.files.ours)
        raise Problem(f"{error}. The former files are back.") from error
    return {
        "_guard": identifier,
        "_ports": list(change.move.then) if moves else [],
        "_added_ports": [port for port in change.move.then if port not in change.move.now] if moves else [],
        "_login_port": state.base.lport,
        "_left_ports": [port for port in change.move.now if port not in change.move.then] if moves else [],
        "_offers": outlook.offers() if wanted is not None else [],
    }


if __name__ == "__main__":
    main()
