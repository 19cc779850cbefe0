#!/usr/bin/python
# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: conda_env_adopt
short_description: Make environment.yml and lock of an environment that somebody made by hand
version_added: 0.1.0
description:
  - Reads a conda environment on a host and writes, on the controller, the C(environment.yml) of what people asked for and the
    C(conda-lock.yml) of exactly the builds that it has, so that M(lockstep.gpufleet.conda_env) can make it on every host.
  - What no lock can bring back is named, with what to do, in the result and in C(report.txt) beside them; edited files, checkouts,
    packages from the host's own disk and the like.
  - Changes nothing on the host, and never runs conda or pip there. Channels and indexes are asked by the controller, as
    M(lockstep.gpufleet.conda_lock) does, which also says which tools it needs.
options:
  prefix:
    description: The environment's directory on the host.
    type: path
    required: true
  name:
    description: Name of the environment. Default is the last part of O(prefix).
    type: str
  directory:
    description:
      - Directory on the controller for C(environment.yml), C(conda-lock.yml) and C(report.txt). A relative one is meant from the
        inventory's directory. It is made if it is missing.
    type: str
    required: true
  pip_options:
    description: Lines of options that begin the C(pip) part, such as C(--index-url https://pypi.example.org/simple).
    type: list
    elements: str
    default: []
  verify:
    description: Compare the files of conda's packages with their records. Reads every file of the environment.
    type: bool
    default: true
  strict:
    description: Fail if there is anything that no lock can bring back.
    type: bool
    default: false
  overwrite:
    description: Replace files in O(directory) that are there and differ.
    type: bool
    default: false
  pypi_names:
    description: As in M(lockstep.gpufleet.conda_lock).
    type: dict
    default: {}
  controller_python:
    description: As in M(lockstep.gpufleet.conda_lock).
    type: str
  uv:
    description: As in M(lockstep.gpufleet.conda_lock).
    type: str
  timeout:
    description: Seconds that a server may stay silent.
    type: int
    default: 30
  proxy:
    description: As in M(lockstep.gpufleet.conda_lock).
    type: str
  ca_bundle:
    description: As in M(lockstep.gpufleet.conda_lock).
    type: str
  netrc:
    description: As in M(lockstep.gpufleet.conda_lock).
    type: str
  credentials:
    description: As in M(lockstep.gpufleet.conda_lock).
    type: dict
extends_documentation_fragment:
  - lockstep.gpufleet._attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
  platform:
    support: full
    platforms: linux
seealso:
  - module: lockstep.gpufleet.conda_prefix_info
  - module: lockstep.gpufleet.conda_lock
  - module: lockstep.gpufleet.conda_env
author:
  - lockstep founders (@lockstep)
"""

EXAMPLES = r"""
- name: What mia made by hand becomes an environment for all
  lockstep.gpufleet.conda_env_adopt:
    prefix: /home/mia/miniconda3/envs/old
    directory: environments/old
"""

RETURN = r"""
not_reproduced:
  description: What no lock can bring back, as dictionaries with what, why and remedy.
  returned: success
  type: list
  elements: dict
files:
  description: Paths on the controller that were or would be written.
  returned: success
  type: list
  elements: str
plan:
  description: What was or would be done, a sentence for each file.
  returned: success
  type: list
  elements: str
"""
