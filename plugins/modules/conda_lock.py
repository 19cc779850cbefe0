#!/usr/bin/python
# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: conda_lock
short_description: Make a lock for the whole fleet from an environment.yml
version_added: 0.1.0
description:
  - Resolves what an C(environment.yml) asks for, once, on the controller, for every platform of the fleet, and writes
    C(conda-lock.yml) with a hash of every package, conda's and pip's. Hosts never solve; M(lockstep.gpufleet.conda_env) makes them
    equal to the lock.
  - Builds for GPUs are chosen by what the hosts have (O(hosts) or O(virtual_packages)), so the controller needs no GPU.
  - An input that has not changed is not solved again, needs no network and changes nothing.
  - This is an action plugin. It runs on the controller, needs no connection to any host, and writes as the user who runs Ansible.
options:
  file:
    description:
      - What is wanted, a file on the controller. Its content says which format it has.
      - C(environment.yml), written by hand or by C(conda env export). C(prefix) is ignored; C(pip) may refer to requirements files and
        name indexes.
      - A requirements file, such as C(pip freeze) writes. O(python) and O(channels) say what conda brings then.
      - An C(@EXPLICIT) list, also one without hashes or with md5. Exactly its builds are kept and their sha256 are looked up.
      - A lock of any format that M(lockstep.gpufleet.conda_env) reads, which is written in other formats.
      - A relative path is looked for in the inventory's directory, then in the working directory, then where Ansible looks.
    type: str
  lock:
    description: The lock to write. Default is C(conda-lock.yml) beside O(file). A relative path is meant from the inventory's directory.
    type: str
  hosts:
    description:
      - Names of inventory hosts whose environments are to be locked, instead of one O(file). Each host's variable
        C(conda_env_environments) says which (entries with C(file)); its variable C(conda_lock_host), registered from
        M(lockstep.gpufleet.conda_env_info), says what it has.
      - A lock that several hosts use is made once, for all their platforms, and for the least that they have of C library, kernel,
        processor and CUDA driver.
      - Other hosts of the inventory count where they use the same lock, so it is the same one whichever hosts a run is limited to. For
        hosts that did not tell what they have, what the present lock was made for counts; a first lock is an error that names them.
    type: list
    elements: str
  platforms:
    description:
      - Platforms to lock for, as conda calls them. Default are those that the hosts have, then those that O(file) names, then V(linux-64).
    type: list
    elements: str
  virtual_packages:
    description:
      - What hosts have, by platform, as dictionaries of virtual packages and versions, in quotation marks. Entries win over what was
        learnt from O(hosts); an empty version hides one.
      - Without any of both, what the present lock was made for counts, and without a lock C(__linux=5.10), C(__glibc=2.28) and the
        platform's oldest processor, and no GPU.
    type: dict
    default: {}
  exclude_newer:
    description: Nothing that was uploaded after this date (C(2026-11-25)) or moment (RFC 3339), for conda and pip.
    type: str
  update:
    description:
      - Names of packages that may change; everything else stays as the present lock has it, as far as O(file) allows. An empty list
        changes only what O(file) forces.
      - Of several locks, those that have none of the packages stay. A name that none of them has, and no input asks for, is an error.
      - If it is not given, whatever has to be solved is solved anew.
    type: list
    elements: str
  formats:
    description:
      - Further files to write beside the lock. V(explicit) is an C(@EXPLICIT) list with sha256 for each platform,
        C(explicit-PLATFORM.txt). V(explicit_md5) has md5 instead, for conda before 24.9. V(requirements) are the pip packages with
        hashes, C(requirements-PLATFORM.txt). V(pixi) is C(pixi.lock).
      - What a format cannot hold is an error, for instance a lock with pip packages as V(explicit_md5).
    type: list
    elements: str
    choices: [explicit, explicit_md5, requirements, pixi]
    default: []
  policy:
    description:
      - What to do about dependencies that are not pinned, that is, where more than one version in the channels can match now or later.
        V(enforce) fails and lists each with its line and the pin that the solve gives; V(warn) tells; V(off) does not look.
      - Other findings (the same package by conda and pip, pip packages that the channels have, channels that nothing came from,
        channels with a commercial licence, dependencies that O(code) does not import) are warnings under V(enforce) and V(warn).
    type: str
    choices: [enforce, warn, 'off']
    default: enforce
  pin:
    description:
      - Write the pins that the solve gives into O(file), an C(environment.yml), where a dependency is loose. Comments and order stay.
      - Whatever O(policy) is, it looks for loose dependencies then.
    type: bool
    default: false
  code:
    description:
      - A directory with Python code and notebooks. Direct dependencies that nothing in it imports are reported, also where the input has
        not changed.
    type: str
  channels:
    description: Channels for inputs that name none, such as requirements files.
    type: list
    elements: str
    default: [conda-forge]
  python:
    description: The exact version of Python for inputs that name none, such as requirements files.
    type: str
  pypi_names:
    description: Names on PyPI of conda packages that are called otherwise there, beyond the built-in ones such as C(pytorch) for C(torch).
    type: dict
    default: {}
  controller_python:
    description:
      - A Python on the controller that has py-rattler. Default is Ansible's own.
      - Install both tools with C(pip install py-rattler==0.28.0 uv).
    type: str
  uv:
    description: The program uv on the controller. Default is that of O(controller_python), then the one in C(PATH).
    type: str
  mirrors:
    description:
      - Where to ask instead of channels, beginnings of URLs to beginnings of URLs. The lock keeps the channels' own addresses.
    type: dict
    default: {}
  timeout:
    description: Seconds that a server may stay silent; what uv is asked for the pip part may take sixty times as long.
    type: int
    default: 30
  proxy:
    description: URL of an HTTP proxy for the controller's downloads. Default are C(http_proxy) and C(https_proxy) of its environment.
    type: str
  ca_bundle:
    description: File on the controller with the certificates (PEM) to trust instead of the system's. Default is C(SSL_CERT_FILE).
    type: str
  netrc:
    description: File on the controller with credentials by server name, see netrc(5). Default is what C(NETRC) names, or C(~/.netrc).
    type: str
  credentials:
    description:
      - Credentials by server name, as in O(lockstep.gpufleet.conda_env#module:credentials). They are in no lock and no output.
    type: dict
extends_documentation_fragment:
  - lockstep.gpufleet._attributes
attributes:
  check_mode:
    support: full
    details:
      - Solves what has to be solved, and writes nothing.
  diff_mode:
    support: full
    details:
      - The difference is of packages and of what else the lock says, not of lines, and of the lines that pins are written into.
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
- name: The environment is locked for servers with a driver for CUDA 12.4
  lockstep.gpufleet.conda_lock:
    file: environments/ai_env/environment.yml
    platforms: [linux-64, linux-aarch64]
    virtual_packages:
      linux-64: {__glibc: "2.36", __cuda: "12.4"}
      linux-aarch64: {__glibc: "2.36", __cuda: "12.4"}
  delegate_to: localhost
  run_once: true

- name: Only numpy may move
  lockstep.gpufleet.conda_lock:
    file: environments/ai_env/environment.yml
    update: [numpy]
  delegate_to: localhost
  run_once: true

- name: What an old server has, as a list without hashes, becomes a lock of exactly these builds
  lockstep.gpufleet.conda_lock:
    file: legacy/spec-file.txt
    lock: legacy/conda-lock.yml
    formats: [explicit, requirements]
  delegate_to: localhost
  run_once: true
"""

RETURN = r"""
locks:
  description: One entry for each lock.
  returned: success
  type: list
  elements: dict
  contains:
    file:
      description: The input's path.
      type: str
    lock:
      description: The lock's path.
      type: str
    changed:
      description: Whether the lock was, or would be, written.
      type: bool
    why:
      description: Why it was solved, or that its input has not changed.
      type: str
      sample: environment.yml has changed since
    platforms:
      description: By platform, the number of packages of conda and of pip, and the virtual packages that were assumed.
      type: dict
      sample: {"linux-64": {"conda": 108, "pip": 3, "virtual_packages": {"__glibc": "2.36", "__cuda": "12.4"}}}
    changes:
      description: By platform, each package that is added, removed or changed.
      type: dict
    findings:
      description:
        - What the policy found, as dictionaries with C(kind), C(where) (file and line), C(text) and, for loose dependencies, C(pin).
      type: list
      elements: dict
    notes:
      description: What of the input was ignored, or could not be kept or completed.
      type: list
      elements: str
    files:
      description: Paths that were or would be written, the lock first.
      type: list
      elements: str
msg:
  description: Says so where nothing is to be locked, since no environment of O(hosts) names a file.
  returned: if there is no lock to make
  type: str
plan:
  description: What was or would be done, a sentence for each step.
  returned: success
  type: list
  elements: str
  sample: ["lock environments/ai_env/conda-lock.yml for linux-64 and linux-aarch64: 2 packages change"]
"""
