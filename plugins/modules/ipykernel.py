#!/usr/bin/python
# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: ipykernel
short_description: Register conda environments as Jupyter kernels
version_added: 0.1.0
description:
  - Registers environments that M(lockstep.gpufleet.conda_env) installed as Jupyter kernels, all kernels of a host in one call.
  - The interpreter is named by the path of the environment's present generation. A kernel that runs stays in the generation in which
    it was started, also when the environment is switched; a kernel that is started later runs in the new one.
  - What is written equals what C(python -m ipykernel install) of the environment's own ipykernel would write (its options, metadata and
    logos, read from its files), plus an environment that keeps C(~/.local) and C(PYTHONPATH) out, and a mark that the kernel is managed.
  - Unlike Jupyter's own installer it never leaves a moment without a kernel, and it changes nothing when nothing differs.
options:
  environments:
    description:
      - The list that M(lockstep.gpufleet.conda_env) takes. Of each entry these keys are read, all others are ignored.
      - C(name) (string, required), the name of the environment.
      - C(state) (string), V(absent) removes the kernel; V(present) and V(rolled_back) register it.
      - C(kernel) (dictionary), an entry without it asks for no kernel and is skipped. Its keys, all optional, are C(name) (lower-case
        letters, digits and C(. _ -); default the environment's name in lower case), C(display_name) (default V(Python (NAME\))), and
        C(env) (a dictionary of environment variables; Jupyter replaces C(${NAME}) in their values).
    type: list
    elements: dict
    required: true
  root:
    description: The store of environments, as in M(lockstep.gpufleet.conda_env).
    type: path
    default: /opt/lockstep
  generations:
    description:
      - Names of environments and the prefix of their generation, as M(lockstep.gpufleet.conda_env) returns it.
      - Wins over the link C(ROOT/envs/NAME). With it check mode can plan kernels of environments that are not installed yet.
    type: dict
    default: {}
  scope:
    description:
      - V(system) puts kernels below C(/usr/local/share/jupyter), where every user sees them.
      - V(user) puts them below C(~/.local/share/jupyter) of O(user), with that user's rights.
    type: str
    choices: [system, user]
    default: system
  user:
    description: Whose kernels O(scope=user) means. Default is the user that the task runs as.
    type: str
  replace_unmanaged:
    description: Replace or remove a kernel of the same name that this module did not make. Without it such a kernel is refused.
    type: bool
    default: false
  verify:
    description:
      - Start every kernel as an unprivileged user (V(nobody), or O(user)), execute a line in it and check where it runs.
      - Costs a second or two for each kernel, in every run.
    type: bool
    default: false
  verify_timeout:
    description: Time limit in seconds for one kernel to start and answer.
    type: int
    default: 60
  state:
    description: V(absent) removes the kernels of all entries, whatever the entries' own state.
    type: str
    choices: [present, absent]
    default: present
extends_documentation_fragment:
  - lockstep.gpufleet._attributes
attributes:
  check_mode:
    support: full
    details:
      - For an environment that is still to be built the interpreter's path, the display name and the variables are predicted; what the
        environment's own ipykernel adds to them is not, and RV(not_predicted) says so.
  diff_mode:
    support: full
  idempotent:
    support: full
  platform:
    support: full
    platforms: linux
seealso:
  - module: lockstep.gpufleet.conda_env
author:
  - lockstep founders (@lockstep)
"""

EXAMPLES = r"""
- name: One kernel for every user of the host
  lockstep.gpufleet.ipykernel:
    environments:
      - name: ai_env
        kernel:
          display_name: Python (ai_env)

- name: Kernels of environments that the same play installs, so that check mode can plan them on a bare host
  lockstep.gpufleet.ipykernel:
    environments: "{{ conda_env_environments }}"
    generations: "{{ conda_env_result.generations }}"
    verify: true

- name: A kernel of one user, with settings for a shared GPU server
  lockstep.gpufleet.ipykernel:
    scope: user
    user: mia
    environments:
      - name: ai_env
        kernel:
          name: ai_env-gpu0
          display_name: ai_env on GPU 0
          env:
            CUDA_DEVICE_ORDER: PCI_BUS_ID
            CUDA_VISIBLE_DEVICES: "0"
            OMP_NUM_THREADS: 8
"""

RETURN = r"""
kernels:
  description: The kernels that the list asks for, in its order.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Name of the kernel, as in C(jupyter run --kernel NAME).
      type: str
      sample: ai_env
    display_name:
      description: Name that people see.
      type: str
      sample: Python (ai_env)
    environment:
      description: Name of the environment.
      type: str
      sample: ai_env
    state:
      description: V(present) or V(absent).
      type: str
      sample: present
    path:
      description: The kernel's directory.
      type: str
      sample: /usr/local/share/jupyter/kernels/ai_env
    prefix:
      description: Prefix of the generation that the kernel starts in. Only for kernels that are present.
      type: str
      sample: /opt/lockstep/generations/0123456789abcdef/envs/ai_env
    ipykernel:
      description: Version of ipykernel in the environment; empty while the environment is only predicted.
      type: str
      sample: 7.3.0
    changed:
      description: Whether this kernel was written or removed, or would be.
      type: bool
    python:
      description: Version of Python, as the kernel said. Only with O(verify=true).
      type: str
      sample: 3.11.2
not_predicted:
  description: What this run could not know, one sentence each.
  returned: success
  type: list
  elements: str
  sample: ["kernel ai_env: whether its environment holds ipykernel, and what that adds; the environment is still to be built"]
plan:
  description: What was done, or would be done in check mode, one sentence each.
  returned: success
  type: list
  elements: str
  sample: ["register kernel ai_env at /opt/lockstep/generations/0123456789abcdef/envs/ai_env (new)"]
"""

import os
import pwd
import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.lockstep.gpufleet.plugins.module_utils._jupyter.acting_as import acting_as
from ansible_collections.lockstep.gpufleet.plugins.module_utils._jupyter.kernel_directory import data_directory
from ansible_collections.lockstep.gpufleet.plugins.module_utils._jupyter.kernelspec import Kernel, parse_kernels
from ansible_collections.lockstep.gpufleet.plugins.module_utils._jupyter.registration import (
    State,
    WriteKernel,
    apply,
    make_plan,
    observe,
)
from ansible_collections.lockstep.gpufleet.plugins.module_utils._jupyter.verification import verify
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Plan, Problem, conclude


def unpredicted(kernels: list[Kernel], state: State) -> list[str]:
    """Return the module's return value ``not_predicted``."""
    return [
        f"kernel {kernel.name}: whether its environment holds ipykernel, and what that adds; the environment is still to be built"
        for kernel in kernels
        if kernel.wanted and not state.interpreters[kernel.environment].known
    ]


def report(kernels: list[Kernel], state: State, plan: Plan) -> list[dict[str, t.Any]]:
    """Return the module's return value ``kernels``."""
    changed = {step.name for step in plan.steps if hasattr(step, "name")}
    entries = []
    for kernel in kernels:
        entry = {
            "name": kernel.name,
            "display_name": kernel.display_name,
            "environment": kernel.environment,
            "state": "present" if kernel.wanted else "absent",
            "path": state.found[kernel.name].path,
            "changed": kernel.name in changed,
        }
        if kernel.wanted:
            interpreter = state.interpreters[kernel.environment]
            entry.update(prefix=interpreter.prefix, ipykernel=interpreter.ipykernel)
        entries.append(entry)
    return entries


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "environments": {"type": "list", "elements": "dict", "required": True},
            "root": {"type": "path", "default": "/opt/lockstep"},
            "generations": {"type": "dict", "default": {}},
            "scope": {"type": "str", "choices": ["system", "user"], "default": "system"},
            "user": {"type": "str"},
            "replace_unmanaged": {"type": "bool", "default": False},
            "verify": {"type": "bool", "default": False},
            "verify_timeout": {"type": "int", "default": 60},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        },
        supports_check_mode=True,
    )
    options = module.params
    try:
        if options["scope"] == "system" and options["user"]:
            raise Problem("user: it says whose kernels are meant, so it needs scope: user.")
        user = options["user"] or pwd.getpwuid(os.geteuid()).pw_name if options["scope"] == "user" else None
        kernels = parse_kernels(options["environments"], options["state"])
        data = data_directory(user)

        with acting_as(user):
            state = observe(kernels, data, options["root"], options["generations"])
        plan = make_plan(kernels, state, options["root"], options["replace_unmanaged"])
        entries = report(kernels, state, plan)

        def check(written: t.Container[str]) -> None:
            for entry in entries:
                if options["verify"] and entry["state"] == "present" and entry["name"] in written:
                    folder = os.path.dirname(entry["path"])
                    limit = options["verify_timeout"]
                    entry["python"] = verify(entry["name"], folder, entry["prefix"], user, limit)["python"]

        def carry_out(plan: Plan) -> dict[str, t.Any]:
            try:
                with acting_as(user):
                    apply(plan, state)
            except OSError as error:
                raise Problem(f"{error.filename or data}: {error.strerror}. Kernels stay as they were.") from None
            check({step.name for step in plan.steps if isinstance(step, WriteKernel)})
            return {"kernels": entries}

        # A kernel that stays as it is can be tried now, also in check mode; one that is written, only afterwards.
        check({entry["name"] for entry in entries if not entry["changed"]})
    except Problem as problem:
        module.fail_json(msg=str(problem), **problem.facts)
    conclude(module, plan, carry_out, kernels=entries, not_predicted=unpredicted(kernels, state))


if __name__ == "__main__":
    main()
