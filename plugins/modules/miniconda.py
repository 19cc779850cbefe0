#!/usr/bin/python
# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Install a release of Miniconda or Miniforge; the work is in module_utils/_conda/bases.py and installer.py."""

from __future__ import annotations

DOCUMENTATION = r"""
module: miniconda
short_description: Install a named release of Miniconda or Miniforge, verified, behind one link
version_added: 0.1.0
description:
  - Each release lies in a directory of its own, C(PREFIX.d/DISTRIBUTION-RELEASE), and O(prefix) is a link to the active
    one. Another release is installed beside the old one, and the link is changed by one rename. An old base is never
    removed unasked, because users' shells may name it.
  - The installer is fetched only when needed, and executed only after its sha256 was verified. The sha256 comes from
    O(sha256) or from a table in this collection; without one the module refuses.
  - A stamp is written last, after everything else is on disk. An interrupted installation is recognised by its absence,
    removed and done again. A failed one leaves nothing behind.
  - An O(prefix) that is a directory, or a link to elsewhere, is left untouched with an error that names the ways out.
  - Optionally keeps C(/etc/conda/condarc), and what makes C(conda activate) work in every bash and zsh of every user
    without C(conda init) and without touching anybody's own files.
  - Terms of service are never accepted on your behalf. With the channels that Anaconda serves, conda asks each user.
options:
  release:
    description: Name of the release, as in the name of its installer.
    type: str
    required: true
  distribution:
    description: Which distribution the release belongs to.
    type: str
    choices: [Miniconda3, Miniforge3]
    default: Miniconda3
  prefix:
    description: The link to the active base.
    type: path
    default: /opt/miniconda3
  state:
    description:
      - V(present) makes O(release) the active base.
      - V(absent) removes the directory of O(release). When that is the active base, it also removes the link, and the
        condarc and profile files if they are ours.
    type: str
    choices: [present, absent]
    default: present
  mirror:
    description:
      - Address of the folder that holds the installer (http, https or file), in place of the vendor's.
      - A user and password in it are used and never shown.
    type: str
  installer:
    description:
      - A local installer file on the controller, in place of a download. A relative path is looked for in the directory
        of the inventory, then in the working directory, then where Ansible looks for files itself.
    type: str
  sha256:
    description: The installer's sha256. It wins over the collection's own table.
    type: str
  system_condarc:
    description:
      - Write C(/etc/conda/condarc) with O(channels), O(envs_dirs), O(pkgs_dirs) and O(settings), unless all are empty.
      - A file there that is not ours is never overwritten.
    type: bool
    default: true
  channels:
    description: Channels that conda uses unless a user chooses others.
    type: list
    elements: str
    default: []
  envs_dirs:
    description: Directories in which conda looks for environments by name.
    type: list
    elements: str
    default: []
  pkgs_dirs:
    description: Directories of conda's package cache.
    type: list
    elements: str
    default: []
  settings:
    description: Further settings for the condarc, by their names in conda's documentation.
    type: dict
    default: {}
  profile:
    description:
      - Make C(conda activate) work in the shells of all users. C(/etc/profile.d/lockstep-conda.sh) serves login shells; a marked
        block in C(/etc/bash.bashrc) and C(/etc/zsh/zshenv), where these exist (Debian and its kin), serves interactive shells, commands
        by ssh, and zsh.
    type: bool
    default: true
  timeout:
    description: Seconds that the installer may run, and that another run's work in the same place is waited for.
    type: int
    default: 1800
  fetch_timeout:
    description: Seconds that the server may stay silent.
    type: int
    default: 30
  fetch_retries:
    description: How often a download is tried again after a failure that may pass.
    type: int
    default: 3
  known_sha256:
    description: The sha256 of the release by architecture. Filled in by the action plugin from the collection's table.
    type: dict
  uploaded:
    description: Where on the host the local installer was put. Filled in by the action plugin.
    type: path
  _secrets:
    description: Set by the action plugin. Not for users.
    type: str
extends_documentation_fragment:
  - lockstep.gpufleet._attributes
  - lockstep.gpufleet._network
attributes:
  check_mode:
    support: full
    details: Whether a download would succeed is not predicted. A local installer is verified.
  diff_mode:
    support: full
  idempotent:
    support: full
    details: A base whose packages were changed by hand is reported by a warning, and left as it is.
  platform:
    support: full
    platforms: linux
    details: On x86_64 and aarch64.
author:
  - lockstep founders (@lockstep)
"""

EXAMPLES = r"""
- name: Install Miniconda
  lockstep.gpufleet.miniconda:
    release: py310_26.5.3-1
    channels: [conda-forge]
  become: true

- name: Install Miniforge from a mirror in the house
  lockstep.gpufleet.miniconda:
    distribution: Miniforge3
    release: 26.3.2-3
    prefix: /opt/conda
    mirror: https://mirror.example.com/miniforge
  become: true

- name: Install Miniconda through a proxy, from a server with a certificate of the house that wants a password
  lockstep.gpufleet.miniconda:
    release: py310_26.5.3-1
    mirror: https://artifacts.example.com/miniconda
    proxy: http://proxy.example.com:3128
    ca_bundle: /etc/ssl/certs/example-ca.pem
    credentials:
      artifacts.example.com: {username: fleet, password: "{{ vault_artifacts_password }}"}
  become: true

- name: Remove an old base that nobody uses any more
  lockstep.gpufleet.miniconda:
    release: py310_25.11.1-1
    state: absent
  become: true
"""

RETURN = r"""
prefix:
  description: The link to the active base.
  returned: success
  type: str
  sample: /opt/miniconda3
directory:
  description: The directory of the release.
  returned: success
  type: str
  sample: /opt/miniconda3.d/Miniconda3-py310_26.5.3-1
previous:
  description: The directory that the link named before, empty if there was none.
  returned: success
  type: str
  sample: /opt/miniconda3.d/Miniconda3-py310_26.3.2-2
sha256:
  description: The sha256 of the installer, empty for O(state=absent).
  returned: success
  type: str
  sample: 4a82fe0a50a28e8a9406b3ed8e465b7009aa7d0225566802c3370df96b10d834
plan:
  description: What was done, or in check mode would be done.
  returned: success
  type: list
  elements: str
  sample: [link /opt/miniconda3 to it]
"""

import platform
import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda import arguments, bases, installer, urls
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.network import Network, reveal, secrets
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Plan, Problem, conclude


def main() -> None:
    """Observe, plan, apply."""
    module = AnsibleModule(
        argument_spec={
            "release": {"type": "str", "required": True},
            "distribution": {"type": "str", "choices": sorted(bases.VENDORS), "default": "Miniconda3"},
            "prefix": {"type": "path", "default": "/opt/miniconda3"},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "mirror": {"type": "str"},
            "installer": {"type": "str"},
            "sha256": {"type": "str"},
            "system_condarc": {"type": "bool", "default": True},
            "channels": {"type": "list", "elements": "str", "default": []},
            "envs_dirs": {"type": "list", "elements": "str", "default": []},
            "pkgs_dirs": {"type": "list", "elements": "str", "default": []},
            "settings": {"type": "dict", "default": {}},
            "profile": {"type": "bool", "default": True},
            "timeout": {"type": "int", "default": 1800},
            "fetch_timeout": {"type": "int", "default": 30},
            "fetch_retries": {"type": "int", "default": 3},
            "known_sha256": {"type": "dict"},
            "uploaded": {"type": "path"},
            "_secrets": {"type": "str", "no_log": True},
            **arguments.network_spec(),
        },
        supports_check_mode=True,
    )
    module.no_log_values.update(secrets(module.params))
    for url in module.params["channels"]:
        module.no_log_values.update(urls.hidden(url))
    try:
        network = Network.of(module.params, module.params["fetch_timeout"], module.params["fetch_retries"])
        asked = bases.wanted(reveal(module.params), platform.machine())
        host = bases.observe(asked)
        plan = bases.make_plan(asked, host)
    except Problem as problem:
        module.fail_json(msg=str(problem))
    result = {
        "prefix": asked.prefix,
        "directory": asked.directory,
        "previous": host.link or "",
        "sha256": asked.sha256,
    }
    lacks_installer = (
        asked.installer is not None
        and module.params["uploaded"] is None
        and any(isinstance(step, bases.Install) for step in plan.steps)
    )
    if lacks_installer:
        # The action plugin sees this, verifies its file, puts it on the host and calls again.
        result["lacks_installer"] = True

    def apply(plan: Plan) -> dict[str, t.Any]:
        if lacks_installer:
            return {"changed": False}
        installer.apply(plan, asked, module.params["uploaded"], network, module.params["timeout"])
        return {}

    conclude(module, plan, apply, **result)


if __name__ == "__main__":
    main()
