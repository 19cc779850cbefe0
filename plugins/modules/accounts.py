#!/usr/bin/python
# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""People as data: all accounts of a host in one call; the work is in module_utils/_accounts."""

from __future__ import annotations

DOCUMENTATION = r"""
module: accounts
short_description: Give people accounts, groups, sudo and keys, and no passwords
version_added: 0.1.0
description:
  - Makes all accounts of a host as O(users) describes them, in one call with one diff.
  - An account is created with C(*) in place of a password, so that no password opens it and sshd does not take it for
    locked. The password of an account that exists is left as it is.
  - Everything is checked before the first change. Malformed keys are refused by name and line, and the new sudoers
    drop-in must pass C(visudo -cf).
  - The login that Ansible uses is never removed, keeps its key, and keeps the right to become root.
  - Where the login's own entry changed something, or a password was given to SSH (first contact), a fresh login with
    keys only proves that the next run gets in; otherwise the task fails and says what to fix.
options:
  users:
    description: The accounts. Accounts that are not listed are left alone, but lose sudo rights given here before.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the user.
        type: str
        required: true
      state:
        description:
          - V(absent) removes the account. Its home directory stays.
        type: str
        choices: [present, absent]
        default: present
      keys:
        description:
          - Public keys; see O(lockstep.gpufleet.authorized_key#module:keys). Without this option the keys are left alone.
        type: list
        elements: str
      exclusive_keys:
        description: Remove all other keys; see O(lockstep.gpufleet.authorized_key#module:exclusive).
        type: bool
        default: false
      groups:
        description:
          - Groups that the user is added to. Others are kept. Groups that are missing on the host are made, as system
            groups.
        type: list
        elements: str
        default: []
      sudo:
        description:
          - The right to become anyone through sudo, without (V(nopasswd)) or with (V(password)) the user's own password.
          - All rights lie in one file, C(/etc/sudoers.d/zz-lockstep-accounts). V(none) gives no right, and takes none
            that other files give.
        type: str
        choices: [none, password, nopasswd]
        default: none
      shell:
        description: The login shell. Without this option a new account gets C(/bin/bash), others keep theirs.
        type: str
  login:
    description: Who is logged in, and how. Filled in by the action plugin; whatever is given is replaced.
    type: dict
    suboptions:
      name:
        description: Name of the account.
        type: str
        required: true
      keys:
        description: Base64 texts of the public keys that the controller can use.
        type: list
        elements: str
        default: []
      by_password:
        description: A password was given to SSH.
        type: bool
        default: false
      becomes:
        description: The task becomes another user through sudo.
        type: bool
        default: false
      become_password:
        description: A password for sudo was given.
        type: bool
        default: false
extends_documentation_fragment:
  - lockstep.gpufleet._attributes
attributes:
  check_mode:
    support: full
    details: The fresh login is made by real runs only.
  diff_mode:
    support: full
  idempotent:
    support: full
  platform:
    support: full
    platforms: linux
    details: Needs root, and the host's own C(useradd), C(usermod), C(userdel) and C(groupadd).
seealso:
  - module: lockstep.gpufleet.authorized_key
author:
  - lockstep founders (@lockstep)
"""

EXAMPLES = r"""
- name: Give the team its accounts
  lockstep.gpufleet.accounts:
    users:
      - name: alice
        keys: ["{{ lookup('ansible.builtin.file', 'keys/alice.pub') }}"]
        sudo: nopasswd
      - name: notebook
        groups: [video, render]
      - name: bob
        state: absent
  become: true
"""

RETURN = r"""
plan:
  description: What was done, or in check mode would be done.
  returned: success
  type: list
  elements: str
  sample: [create the account alice (no password), write /home/alice/.ssh/authorized_keys]
proven:
  description: A fresh login with keys only was made, and whether it succeeded.
  returned: when a fresh login was made
  type: bool
"""

import os
import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lockstep.gpufleet.plugins.module_utils._accounts import key_files, people, sudoers
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Plan, Problem, conclude

USER = {
    "name": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "keys": {"type": "list", "elements": "str", "no_log": False},
    "exclusive_keys": {"type": "bool", "default": False, "no_log": False},
    "groups": {"type": "list", "elements": "str", "default": []},
    "sudo": {"type": "str", "choices": list(sudoers.LEVELS), "default": "none"},
    "shell": {"type": "str"},
}
LOGIN = {
    "name": {"type": "str", "required": True},
    "keys": {"type": "list", "elements": "str", "default": [], "no_log": False},
    "by_password": {"type": "bool", "default": False, "no_log": False},
    "becomes": {"type": "bool", "default": False},
    "become_password": {"type": "bool", "default": False, "no_log": False},
}


def main() -> None:
    """Observe, plan, apply."""
    module = AnsibleModule(
        argument_spec={
            "users": {"type": "list", "elements": "dict", "required": True, "options": USER},
            "login": {"type": "dict", "options": LOGIN},
        },
        supports_check_mode=True,
    )
    try:
        persons = people.wanted(module.params["users"])
        if os.geteuid() != 0:
            raise Problem("Accounts are made by root: run this task with become: true.")
        host = people.observe(persons)
        plan = people.make_plan(persons, host, key_files.Login.of(module.params["login"]))
    except Problem as problem:
        module.fail_json(msg=str(problem))

    def apply(plan: Plan) -> dict[str, t.Any]:
        people.apply(plan, host)
        return {}

    conclude(module, plan, apply)


if __name__ == "__main__":
    main()
