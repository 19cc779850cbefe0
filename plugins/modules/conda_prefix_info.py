#!/usr/bin/python
# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: conda_prefix_info
short_description: Report what a conda environment consists of, and what of it no lock can say
version_added: 0.1.0
description:
  - Reads a conda environment that somebody made by hand. Never runs conda or pip, which may change what they look at.
  - M(lockstep.gpufleet.conda_env_adopt) makes C(environment.yml) and lock of what it finds.
options:
  prefix:
    description: The environment's directory.
    type: path
    required: true
  verify:
    description: Compare the files of conda's packages with their records. Reads every file of the environment.
    type: bool
    default: true
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
  - module: lockstep.gpufleet.conda_env_adopt
  - module: lockstep.gpufleet.conda_env_info
author:
  - lockstep founders (@lockstep)
"""

EXAMPLES = r"""
- name: What mia's environment consists of
  lockstep.gpufleet.conda_prefix_info:
    prefix: /home/mia/miniconda3/envs/old
  register: conda_prefix_info_result
"""

RETURN = r"""
platform:
  description: The host's platform, as conda calls it.
  returned: success
  type: str
  sample: linux-64
virtual_packages:
  description: As RV(lockstep.gpufleet.conda_env_info#module:virtual_packages).
  returned: success
  type: dict
environment:
  description:
    - The packages of conda and pip, the names that people had asked conda for, channels, variables, and C(not_reproduced), what no lock
      can bring back, as dictionaries with C(what), C(why) and C(remedy). Addresses are without secrets.
  returned: success
  type: dict
"""

import os

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda import adopting, host_facts
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.store import host_platform
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem


def main() -> None:
    """Read the environment; what is made of it is decided on the controller."""
    module = AnsibleModule(
        argument_spec={"prefix": {"type": "path", "required": True}, "verify": {"type": "bool", "default": True}},
        supports_check_mode=True,
    )
    try:
        platform = host_platform(os.uname().machine)
        found = adopting.read(os.path.realpath(module.params["prefix"]), module.params["verify"])
    except Problem as problem:
        module.fail_json(msg=str(problem))
    except OSError as error:
        module.fail_json(msg=f"prefix: {error.filename} cannot be read: {error.strerror}.")
    module.exit_json(changed=False, platform=platform, virtual_packages=host_facts.virtual_packages(), environment=found)


if __name__ == "__main__":
    main()
