#!/usr/bin/python
# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: conda_env_snapshots
short_description: Keep exports of environments on the controller
version_added: 0.1.0
description:
  - Brings to the controller what M(lockstep.gpufleet.conda_env_info) exports of active generations, as
    C(DIRECTORY/HOST/ENVIRONMENT/GENERATION/) with C(environment.yml), C(explicit.txt), C(requirements.txt) and C(seal.json).
  - Nothing is ever removed there, so the directory tells which generations a host has had. Put it under version control to know
    since when.
  - This is an action plugin. It asks the host once and writes files on the controller, as the user who runs Ansible.
options:
  directory:
    description: The directory on the controller. A relative path is meant from the inventory's directory. It is made if it is missing.
    type: str
    required: true
  generations:
    description:
      - The environments, names to real paths, as RV(lockstep.gpufleet.conda_env#module:generations) has them. In check mode these are
        the ones that a run would make, and the files that they would have are predicted.
    type: dict
    required: true
  root:
    description: Directory of the store on the host.
    type: path
    default: /opt/lockstep
extends_documentation_fragment:
  - lockstep.gpufleet._attributes
attributes:
  check_mode:
    support: full
    details:
      - Of a generation that does not exist yet, which files would be written is predicted, but not their text.
  diff_mode:
    support: full
  idempotent:
    support: full
  platform:
    support: full
    platforms: linux
seealso:
  - module: lockstep.gpufleet.conda_env
  - module: lockstep.gpufleet.conda_env_info
author:
  - lockstep founders (@lockstep)
"""

EXAMPLES = r"""
- name: Environments equal their locks
  lockstep.gpufleet.conda_env:
    environments:
      - name: ai_env
        lock: locks/ai_env/conda-lock.yml
  register: conda_env_result

- name: What each host has is kept in the repository
  lockstep.gpufleet.conda_env_snapshots:
    directory: snapshots
    generations: "{{ conda_env_result.generations }}"
"""

RETURN = r"""
directory:
  description: Where the snapshots of this host are, on the controller.
  returned: success
  type: str
  sample: /srv/fleet/snapshots/gpu01
plan:
  description: What was or would be written, a sentence for each generation.
  returned: success
  type: list
  elements: str
  sample: ["ai_env: write environment.yml, explicit.txt, requirements.txt, seal.json of generation 3f0c9a54be1d7702"]
"""
