#!/usr/bin/python
# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: conda_env_info
short_description: Report environments, their generations, what changed in them and who uses old ones
version_added: 0.1.0
description:
  - Tells of each environment that M(lockstep.gpufleet.conda_env) keeps which generation is active, which packages it has, how it
    differs from its seal, which other generations there are, and which processes use which.
  - Exports an environment as C(environment.yml), explicit list or requirements file, as conda and pip would, without running them.
  - Reads files only; never runs conda or pip, which may change what they look at (C(conda list) removes records of packages
    that pip has replaced). Needs no rights beyond reading, but only root sees the processes of others.
options:
  root:
    description: Directory of the store.
    type: path
    default: /opt/lockstep
  environments:
    description: Names of the environments to report. Default are all, also those that have generations but no link.
    type: list
    elements: str
  level:
    description:
      - How the active generation is compared with its seal, as in O(lockstep.gpufleet.conda_env#module:level).
      - V(none) does not compare.
    type: str
    choices: [none, records, paths, full]
    default: paths
  exports:
    description:
      - What to export of the active generation, as it was sealed.
      - V(environment_yml) is what C(conda env export) says, without C(prefix).
      - V(explicit) is an C(@EXPLICIT) list with sha256, each package after those that it needs, which M(lockstep.gpufleet.conda_env)
        and conda 24.9 or newer read. Wheels are comments in it, as conda-lock writes them.
      - V(explicit_md5) has md5 instead, for older conda. Archives that are in the cache are read for that.
      - V(requirements) are the wheels as pip's requirements with hashes. Python packages that conda brings are not among them.
      - V(seal) is the text of C(seal.json).
    type: list
    elements: str
    choices: [environment_yml, explicit, explicit_md5, requirements, seal]
    default: []
  sizes:
    description: Tell how much disk each generation takes. Looks at every file of every generation.
    type: bool
    default: false
  host:
    description: Tell the platform and the virtual packages of the host too, as M(lockstep.gpufleet.conda_lock) wants to know them.
    type: bool
    default: false
extends_documentation_fragment:
  - lockstep.gpufleet._attributes
attributes:
  check_mode:
    support: full
    details:
      - Reads only, in check mode too.
  diff_mode:
    support: N/A
  idempotent:
    support: full
  platform:
    support: full
    platforms: linux
seealso:
  - module: lockstep.gpufleet.conda_env
  - module: lockstep.gpufleet.conda_env_snapshots
  - module: lockstep.gpufleet.conda_lock
author:
  - lockstep founders (@lockstep)
"""

EXAMPLES = r"""
- name: What has changed in the environments, down to the last byte
  lockstep.gpufleet.conda_env_info:
    level: full
  register: conda_env_info_result

- name: Nothing has
  ansible.builtin.assert:
    that: conda_env_info_result.environments | map(attribute='drift_count') | sum == 0

- name: Who still works in an old generation
  ansible.builtin.debug:
    msg: "{{ conda_env_info_result.environments | map(attribute='processes') | flatten | rejectattr('current') }}"

- name: The environment as a file for colleagues
  lockstep.gpufleet.conda_env_info:
    environments: [ai_env]
    level: none
    exports: [environment_yml]

- name: What the host has that packages may need
  lockstep.gpufleet.conda_env_info:
    environments: []
    host: true
"""

RETURN = r"""
environments:
  description: One entry for each environment, in the order asked for, else by name.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Name of the environment.
      type: str
    path:
      description: The path that users activate.
      type: str
      sample: /opt/lockstep/envs/ai_env
    link:
      description:
        - What lies there, V(generation) (a link of M(lockstep.gpufleet.conda_env)), V(absent), V(directory) or V(foreign).
      type: str
    generation:
      description: The active generation, or null.
      type: str
      sample: 3f0c9a54be1d7702
    prefix:
      description: The environment's real path, or null.
      type: str
      sample: /opt/lockstep/generations/3f0c9a54be1d7702/envs/ai_env
    sealed:
      description: Whether the active generation has a seal that can be read. Without one, RV(environments[].notes) tells why.
      type: bool
    lock:
      description: Digest of the lock that the active generation was made of.
      type: str
    platform:
      description: Its platform, as conda calls it.
      type: str
      sample: linux-64
    engine:
      description: The programs that built it and their versions.
      type: dict
    options:
      description: The options that shaped its files.
      type: dict
    packages:
      description: Its packages, with manager (V(conda) or V(pip)), name, version, build, subdir, url and sha256.
      type: list
      elements: dict
    compared:
      description: Whether it was compared with its seal.
      type: bool
    drift:
      description: What was changed in it since, as in RV(lockstep.gpufleet.conda_env#module:environments[].drift). At most 500 paths.
      type: list
      elements: dict
    drift_count:
      description: How many paths differ.
      type: int
    hold:
      description: The hold that a roll-back left, with lock and generation that were left, since and who; or null.
      type: dict
    generations:
      description:
        - All generations of the environment, with generation, prefix, sealed, active, lock, number of packages, since when it was
          active last and until when (C(since) and C(last_active), in seconds since the epoch, null if unknown), and C(named_by), the
          Jupyter kernels and systemd units that name it.
        - With O(sizes), C(bytes) is its disk usage and C(bytes_alone) what its removal would free.
      type: list
      elements: dict
    processes:
      description:
        - Processes whose program, working directory or mapped files lie in a generation, with pid, user, command (without arguments,
          which may hold secrets), generation, and whether that is the current one.
      type: list
      elements: dict
    user_sites:
      description:
        - Accounts that have packages of the environment in their C(~/.local) as well, with user, path and packages. A program that lets
          the user site in would import these instead. Of the accounts in C(/etc/passwd), those whose homes are on disks of the host.
      type: list
      elements: dict
    exports:
      description: The texts that were asked for, by their names.
      type: dict
    notes:
      description: What a person should know, one sentence each.
      type: list
      elements: str
level:
  description: How the active generations were compared with their seals.
  returned: success
  type: str
  sample: paths
platform:
  description: The host's platform, as conda calls it, or null if environments cannot be made there.
  returned: with O(host)
  type: str
  sample: linux-64
virtual_packages:
  description:
    - What the host has that packages may need, by the names of conda's virtual packages (C(__glibc), C(__linux), C(__archspec) and,
      with a driver, C(__cuda)). The values are versions; that of C(__archspec) is the processor's generic name.
  returned: with O(host)
  type: dict
  sample: {"__archspec": "x86_64_v3", "__cuda": "12.4", "__glibc": "2.36", "__linux": "6.1.0"}
notes:
  description: What a person should know of the host as a whole, one sentence each.
  returned: success
  type: list
  elements: str
"""

import os
import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda import report
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.arguments import LEVELS
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.store import Store, check_name, check_root, host_platform
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem


def main() -> None:
    """Read and tell."""
    module = AnsibleModule(
        argument_spec={
            "root": {"type": "path", "default": "/opt/lockstep"},
            "environments": {"type": "list", "elements": "str"},
            "level": {"type": "str", "choices": ["none", *LEVELS], "default": "paths"},
            "exports": {"type": "list", "elements": "str", "choices": list(report.EXPORTS), "default": []},
            "sizes": {"type": "bool", "default": False},
            "host": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    level = module.params["level"]
    try:
        store = Store(check_root(module.params["root"]))
        asked = module.params["environments"]
        names = report.names(store) if asked is None else [check_name(name) for name in dict.fromkeys(asked)]
        question = report.Question(level, tuple(module.params["exports"]), module.params["sizes"])
        environments = report.describe(store, names, question)
    except Problem as problem:
        module.fail_json(msg=str(problem), **problem.facts)
    except OSError as error:
        module.fail_json(msg=f"The store {module.params['root']} cannot be read: {error.strerror} ({error.filename}).")
    notes = [] if os.geteuid() == 0 else ["Processes of other accounts were not seen: only root can see them."]
    module.exit_json(environments=environments, level=level, notes=notes, **(_host() if module.params["host"] else {}))


def _host() -> dict[str, t.Any]:
    from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda import host_facts

    try:
        platform = host_platform(os.uname().machine)
    except Problem:
        platform = None
    return {"platform": platform, "virtual_packages": host_facts.virtual_packages()}


if __name__ == "__main__":
    main()
