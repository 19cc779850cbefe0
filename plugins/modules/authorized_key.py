#!/usr/bin/python
# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Keep the public keys of one user; the work is in module_utils/_accounts."""

from __future__ import annotations

DOCUMENTATION = r"""
module: authorized_key
short_description: Keep the public keys that open a user's account, without ever removing one's own
version_added: 0.1.0
description:
  - Adds, removes or wholly determines the keys in a user's C(~/.ssh/authorized_keys).
  - The file is replaced all at once, with the rights of its owner, and the home directory, C(.ssh) and the file get
    modes that sshd's C(StrictModes) accepts.
  - The key of the present login is never removed and never gets new limits.
  - Where the user is the one that Ansible logs in as, and something changed or a password was given to SSH, a fresh
    login with keys only proves that the keys open the door; otherwise the task fails and says what to fix.
  - For whole accounts, with groups and sudo, use M(lockstep.gpufleet.accounts).
options:
  user:
    description: Name of the user. In check mode it need not exist yet.
    type: str
    required: true
  keys:
    description:
      - Public keys. An item is one key, options before it included, or the content of a file with several.
      - A malformed one is refused by number and line, before anything changes.
      - Required unless O(exclusive=true).
    type: list
    elements: str
    default: []
  state:
    description:
      - V(present) makes every key of O(keys) stand in the file exactly once, as given.
      - V(absent) removes the keys of O(keys).
    type: str
    choices: [present, absent]
    default: present
  exclusive:
    description:
      - Remove every other line of the file too.
      - The key of the present login stays all the same, with a warning. Where it cannot be told which one that is,
        nothing is removed and the task fails.
    type: bool
    default: false
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
    platforms: posix
seealso:
  - module: lockstep.gpufleet.accounts
author:
  - lockstep founders (@lockstep)
"""

EXAMPLES = r"""
- name: Let alice in with two keys
  lockstep.gpufleet.authorized_key:
    user: alice
    keys:
      - ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHJ8WLFuvMvr9yg7Lqz8kHcWc8Ys5L1V1wZGk1Fh0fVz alice@laptop
      - "{{ lookup('ansible.builtin.file', 'keys/alice.pub') }}"
  become: true

- name: Nobody else gets in as the notebook user
  lockstep.gpufleet.authorized_key:
    user: notebook
    keys: "{{ notebook_keys }}"
    exclusive: true
  become: true
"""

RETURN = r"""
file:
  description: The file that was read or written.
  returned: success
  type: str
  sample: /home/alice/.ssh/authorized_keys
plan:
  description: What was done, or in check mode would be done.
  returned: success
  type: list
  elements: str
  sample: [write /home/alice/.ssh/authorized_keys]
proven:
  description: A fresh login with keys only was made, and whether it succeeded.
  returned: when a fresh login was made
  type: bool
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lockstep.gpufleet.plugins.module_utils._accounts import key_files, people
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Plan, Problem, conclude

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
            "user": {"type": "str", "required": True},
            "keys": {"type": "list", "elements": "str", "default": [], "no_log": False},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "exclusive": {"type": "bool", "default": False},
            "login": {"type": "dict", "options": LOGIN},
        },
        supports_check_mode=True,
    )
    wanted = module.params
    try:
        keys = people.parse_texts(wanted["keys"], "keys: key %%d of %s" % wanted["user"].replace("%", "%%"))
        if not keys and not wanted["exclusive"]:
            raise Problem("keys: no key is given for %s, and exclusive is off: there is nothing to do." % wanted["user"])
        if wanted["exclusive"] and wanted["state"] == "absent":
            raise Problem("exclusive says which keys may stay, and state absent which ones go: give one of the two.")
        wish = key_files.Wish(wanted["user"], keys, exclusive=wanted["exclusive"])
        if wanted["state"] == "absent":
            wish = key_files.Wish(wanted["user"], unwanted=frozenset(key.blob for key in keys))
        state = key_files.observe(wanted["user"])
        plan = key_files.make_plan(wish, state, key_files.Login.of(wanted["login"]))
    except Problem as problem:
        module.fail_json(msg=str(problem))

    def apply(plan: Plan) -> dict[str, t.Any]:
        key_files.apply(plan.steps)
        return {}

    conclude(module, plan, apply, file=state.path)


if __name__ == "__main__":
    main()
