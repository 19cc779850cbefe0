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
        letters, digits and C(. _ -); default the environment's name in lower case), C(display_name) (default V(Python (NAME\))),
        C(env) (a dictionary of environment variables; Jupyter replaces C(${NAME}) in their values), C(env_presets) (a list of names
        of sets of variables, see O(env_presets); later ones win, and C(env) wins over them all), C(metadata) (a dictionary that is
        added to the kernel's metadata), C(scope) (with V(env) the kernel lies in the environment itself, and only a Jupyter that is started
        from there shows it; M(lockstep.gpufleet.conda_env) makes it as part of the generation, and this module looks whether it is
        there), and C(logos) (a list of files on the controller called C(logo-32x32.png),
        C(logo-64x64.png) or C(logo-svg.svg), which replace the environment's own; looked for in the inventory's directory, the working
        directory, then where Ansible looks for files).
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
      - V(user) puts them below C(~/.local/share/jupyter) of each of O(users), with that user's rights.
    type: str
    choices: [system, user]
    default: system
  users:
    description: Whose kernels O(scope=user) means. Default is the user that the task runs as.
    type: list
    elements: str
    aliases: [user]
  env_presets:
    description:
      - Sets of environment variables by name, for C(kernel.env_presets). They are added to the built-in ones; one of the same name
        replaces the built-in one.
      - Built-in are V(cuda) (C(CUDA_DEVICE_ORDER=PCI_BUS_ID), C(CUDA_MODULE_LOADING=LAZY)), V(nccl) (C(NCCL_DEBUG=WARN),
        C(TORCH_NCCL_ASYNC_ERROR_HANDLING=1)) and V(omp) (8 threads for OpenMP, MKL, OpenBLAS and numexpr, which otherwise take all
        cores in every kernel).
    type: dict
    default: {}
  replace_unmanaged:
    description: Replace or remove a kernel of the same name that this module did not make. Without it such a kernel is refused.
    type: bool
    default: false
  verify:
    description:
      - Start every kernel as an unprivileged user (V(nobody), or each of O(users)), execute a line in it and check where it runs.
      - Costs a second or two for each kernel, in every run.
    type: bool
    default: false
  verify_timeout:
    description: Time limit in seconds for one kernel to start and answer.
    type: int
    default: 60
  purge_stale:
    description:
      - Remove further kernels of O(scope) that this collection made and whose interpreter is gone, such as those of an environment that
        is no longer listed. RV(purged) lists them, in check mode as well.
      - Kernels that others made are never removed. Those without interpreter, the system's and those in the homes of this host's
        accounts (not on network filesystems), are reported by a warning and as RV(stale), and so are ours outside of O(scope).
      - Kernels of a store that is not there at all, as when its disk is not mounted, stay.
    type: bool
    default: false
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
    users: [mia, noah]
    environments:
      - name: ai_env
        kernel:
          name: ai_env-gpu0
          display_name: ai_env on GPU 0
          env_presets: [cuda, nccl, omp]
          env:
            CUDA_VISIBLE_DEVICES: "0"
            OMP_NUM_THREADS: 4   # instead of the preset's 8

- name: Presets of one's own, a logo, and no kernels of environments that are gone
  lockstep.gpufleet.ipykernel:
    environments:
      - name: ai_env
        kernel:
          env_presets: [cuda, our_network]
          logos: [files/logo-64x64.png]
          metadata: {team: vision}
    env_presets:
      our_network:
        NCCL_SOCKET_IFNAME: bond0
        NCCL_IB_HCA: mlx5
    purge_stale: true
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
    user:
      description: Whose kernel it is. Only with O(scope=user).
      type: str
      sample: mia
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
purged:
  description: Kernels of ours without interpreter that were removed, or would be. Only with O(purge_stale=true).
  returned: O(purge_stale=true)
  type: list
  elements: dict
  contains: &stale
    name:
      description: Name of the kernel.
      type: str
      sample: old_env
    path:
      description: The kernel's directory.
      type: str
      sample: /usr/local/share/jupyter/kernels/old_env
    interpreter:
      description: The program that it starts, and that is gone.
      type: str
      sample: /opt/lockstep/generations/0123456789abcdef/envs/old_env/bin/python
    managed:
      description: Whether this collection made the kernel.
      type: bool
    user:
      description: Whose kernel it is; empty for the system's.
      type: str
      sample: mia
stale:
  description: Kernels without interpreter that were left untouched. Only with O(purge_stale=true).
  returned: O(purge_stale=true)
  type: list
  elements: dict
  contains: *stale
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

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.user_sites import homes_of_this_host
from ansible_collections.lockstep.gpufleet.plugins.module_utils._jupyter import inside, stale
from ansible_collections.lockstep.gpufleet.plugins.module_utils._jupyter.acting_as import acting_as
from ansible_collections.lockstep.gpufleet.plugins.module_utils._jupyter.kernel_directory import SYSTEM_DATA, data_directory
from ansible_collections.lockstep.gpufleet.plugins.module_utils._jupyter.kernelspec import Kernel, parse_kernels
from ansible_collections.lockstep.gpufleet.plugins.module_utils._jupyter.places import Place, places
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
    """Return one place's part of the module's return value ``kernels``."""
    changed = {step.path for step in plan.steps if hasattr(step, "path")}
    entries = []
    for kernel in kernels:
        path = state.found[kernel.name].path
        entry = {
            "name": kernel.name,
            "display_name": kernel.display_name,
            "environment": kernel.environment,
            "state": "present" if kernel.wanted else "absent",
            "path": path,
            "changed": path in changed,
        }
        if state.user:
            entry["user"] = state.user
        if kernel.wanted:
            interpreter = state.interpreters[kernel.environment]
            entry.update(prefix=interpreter.prefix, ipykernel=interpreter.ipykernel)
        entries.append(entry)
    return entries


def look_for_stale(meant: list[Place], states: list[State]) -> stale.Verdict:
    """Read the kernels of the system and of all accounts that can be read, and decide about those without interpreter."""
    registered = stale.read_all(SYSTEM_DATA, None)
    users = dict.fromkeys([*(place.user for place in meant if place.user), *homes_of_this_host()])
    for user in users:
        if os.geteuid() == 0 or pwd.getpwnam(user).pw_uid == os.geteuid():
            with acting_as(user):
                registered += stale.read_all(data_directory(user), user)
    wanted = {found.path for state in states for found in state.found.values()}
    return stale.judge(registered, {place.user for place in meant}, wanted)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "environments": {"type": "list", "elements": "dict", "required": True},
            "root": {"type": "path", "default": "/opt/lockstep"},
            "generations": {"type": "dict", "default": {}},
            "scope": {"type": "str", "choices": ["system", "user"], "default": "system"},
            "users": {"type": "list", "elements": "str", "aliases": ["user"]},
            "env_presets": {"type": "dict", "default": {}},
            "replace_unmanaged": {"type": "bool", "default": False},
            "verify": {"type": "bool", "default": False},
            "verify_timeout": {"type": "int", "default": 60},
            "purge_stale": {"type": "bool", "default": False},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        },
        supports_check_mode=True,
    )
    options = module.params
    facts: dict[str, t.Any] = {}
    try:
        every = parse_kernels(options["environments"], options["state"], options["env_presets"])
        kernels = [kernel for kernel in every if not kernel.inside]
        meant = places(options["scope"], options["users"])
        states = []
        for place in meant:
            with acting_as(place.user):
                states.append(observe(kernels, place.data, options["root"], options["generations"], place.user))
        verdict = look_for_stale(meant, states) if options["purge_stale"] else stale.NOTHING
        if options["purge_stale"]:
            facts["purged"] = [one.to_data() for one in verdict.purge]
            facts["stale"] = [one.to_data() for one in verdict.reported]
        in_environments, notes = inside.report(
            [kernel for kernel in every if kernel.inside], options["root"], options["generations"]
        )
        plans = [
            make_plan(
                kernels,
                state,
                options["root"],
                options["replace_unmanaged"],
                [one for one in verdict.purge if one.user == state.user],
            )
            for state in states
        ]
        whole = Plan(
            tuple(step for plan in plans for step in plan.steps),
            tuple(change for plan in plans for change in plan.diff),
            tuple(dict.fromkeys([*(line for plan in plans for line in plan.warnings), *notes, *verdict.warnings])),
        )
        entries = [entry for state, plan in zip(states, plans) for entry in report(kernels, state, plan)]
        entries += in_environments

        def check(paths: t.Container[str]) -> None:
            for entry in entries:
                if options["verify"] and entry["state"] == "present" and entry["path"] in paths and entry["ipykernel"]:
                    folder = os.path.dirname(entry["path"])
                    limit = options["verify_timeout"]
                    entry["python"] = verify(entry["name"], folder, entry["prefix"], entry.get("user"), limit)["python"]

        def carry_out(_plan: Plan) -> dict[str, t.Any]:
            done: list[str] = []
            for state, plan in zip(states, plans):
                try:
                    if plan:
                        with acting_as(state.user):
                            apply(plan, state)
                except OSError as error:
                    # Whole or not at all holds for each user's kernels: those before were written, and the next run goes on.
                    raise Problem(
                        f"{error.filename or state.data}: {error.strerror}. Kernels stay as they were"
                        + (f", but for those of {', '.join(done)}." if done else "."),
                        changed=bool(done),
                    ) from None
                if plan:
                    done.append(state.user or "the system")
            check({step.path for step in whole.steps if isinstance(step, WriteKernel)})
            return {"kernels": entries}

        # A kernel that stays as it is can be tried now, also in check mode; one that is written, only afterwards.
        check({entry["path"] for entry in entries if not entry["changed"]})
    except Problem as problem:
        module.fail_json(msg=str(problem), **problem.facts)
    conclude(module, whole, carry_out, kernels=entries, not_predicted=unpredicted(kernels, states[0]), **facts)


if __name__ == "__main__":
    main()
