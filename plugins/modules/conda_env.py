#!/usr/bin/python
# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: conda_env
short_description: Conda environments that equal their locks, as sealed generations
version_added: 0.1.0
description:
  - Makes conda environments equal to lock files, pip packages included, one call for all environments of a host.
  - The controller reads the locks. The host fetches what they name, verifies every archive by its sha256 (behind
    C(file://) too), builds a new generation beside the active one, compiles bytecode, seals it and switches to it by
    one atomic rename. Nothing is solved, and no program that runs ever sees a file of its environment change.
  - The environment C(NAME) is C(ROOT/envs/NAME), a link to C(ROOT/generations/ID/envs/NAME). C(ID) is derived from the
    lock and the engine and is the same on every host.
  - A run compares the active generation with its seal, path by path (type, mode, owner, size, modification time and
    inode, and content where these differ). If something was added, removed or changed, a new generation (C(ID-2))
    replaces it. In check mode this is the report of what drifted.
  - Post-link scripts of packages are not run.
options:
  environments:
    description: The environments. Those that are not listed are left alone.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the environment.
        type: str
        required: true
      file:
        description:
          - The C(environment.yml) (or other input of M(lockstep.gpufleet.conda_lock)) that the lock is made from, a file on the
            controller. Without O(environments[].lock), C(conda-lock.yml) beside it is the lock.
          - Nothing is solved here. A lock that is missing, or was made from another content of this file, is an error that says how
            to lock.
        type: str
      lock:
        description:
          - Path of the lock on the controller, needed (or O(environments[].file)) unless O(environments[].state) is V(absent) or V(rolled_back).
          - A relative path is looked for beside the inventory, then in the working directory, then where Ansible
            looks for files.
          - An C(@EXPLICIT) list (CEP 23), a C(conda-lock.yml) of version 1 (CEP 37), of which O(environments[].categories) are
            installed, or a C(pixi.lock) of version 6 or 7, of which O(environments[].pixi_environment) is. Every entry needs a
            sha256, see O(require_sha256). Of pip packages only wheels are accepted, and no conda packages that pixi would build.
          - Environment variables in its URLs are those of the controller. C(user:password@), conda's C(/t/TOKEN/) and what
            follows a C(?) are used to fetch and appear nowhere else.
          - A relative path in a lock, and one that begins with C(~), is an archive on the controller, looked for
            beside the lock and then in the working directory. It is sent to the host when something is built.
            Absolute paths and C(file://) are looked for on the host.
        type: str
      state:
        description:
          - V(present) makes the environment equal to the lock.
          - V(absent) removes the environment's link, and those of its generations that no process uses.
          - V(rolled_back) switches to the generation that was active before, and holds it there. While a hold is
            on, V(present) with the lock that was rolled back from changes nothing; another lock ends the hold.
        type: str
        choices: [present, absent, rolled_back]
        default: present
      categories:
        description: Categories of a C(conda-lock.yml) that are installed. A package of several of them is installed once.
        type: list
        elements: str
        default: [main]
      pixi_environment:
        description: Environment of a C(pixi.lock) that is installed. Without it C(default).
        type: str
      pixi_platform:
        description:
          - A C(pixi.lock) of version 7 may have several platforms for one kind of host, such as C(linux-64) and C(linux-64-cuda).
            This says which of them is meant. Without it such a lock is refused for that kind of host.
          - Of other kinds of hosts the lock's only platform is taken. What a platform requires of a host is part of the preflight.
        type: str
      generation:
        description:
          - With O(environments[].state=rolled_back), the generation to go back to. Default is the one that was active before.
          - While a hold is on, only a named generation goes further back.
        type: str
      hold:
        description:
          - With O(environments[].state=present), V(false) ends the hold that a roll-back left, and the lock is put back.
        type: bool
        default: true
      pinned:
        description: Generations that are never removed, however old they are.
        type: list
        elements: str
        default: []
      smoke_test:
        description:
          - What a new generation must pass before it is switched to. It runs in the finished generation, as an unprivileged user
            with a private home directory. If it fails, nothing is switched.
          - It cannot write to the generation, gains no rights (not even by sudo), and no process of it outlives it. What it says
            is shown when it fails; its environment variables are clean, C(PYTHONNOUSERSITE) among them.
          - A generation that is only switched back to is not tried again. The test is no part of the generation.
        type: dict
        suboptions:
          imports:
            description: Modules that Python must be able to import.
            type: list
            elements: str
            default: []
          command:
            description: A command, split like a shell does, run with the environment's C(bin) first in C(PATH). It must end with 0.
            type: str
          user:
            description: The account that runs it, not root.
            type: str
            default: nobody
          timeout:
            description: Seconds that all of it may take.
            type: int
            default: 120
      replace_unmanaged:
        description:
          - If C(ROOT/envs/NAME) is a directory that this module did not make, exchange it for the built generation, atomically,
            and keep it beside as C(NAME.before-TIME). Refused while a process uses it, and where the filesystem cannot do it.
          - Without this option it is left untouched and the run fails, telling whether it has the packages of the lock.
        type: bool
        default: false
      user_site:
        description:
          - V(false) keeps C(~/.local) out of activated shells (C(PYTHONNOUSERSITE=1)). V(true) lets it in. Part of the generation.
        type: bool
        default: false
      bytecode:
        description: Compile Python's bytecode when the generation is built. Users cannot later. Part of the generation.
        type: bool
        default: true
      kernel:
        description:
          - So that the same list serves M(lockstep.gpufleet.ipykernel). All of it is ignored here, unless its C(scope) is V(env). Then the
            kernel lies in the environment itself, is part of its generation, and is shown by a Jupyter that is started from it alone.
        type: dict
  root:
    description: Directory of the store, on a local filesystem. Part of every path, so it is best the same everywhere.
    type: path
    default: /opt/lockstep
  base:
    description: A Miniconda or another prefix whose C(bin/python), 3.10 or newer, runs the engine (py-rattler and uv).
    type: path
    default: /opt/miniconda3
  engine_mirror:
    description:
      - Base URL under which the engine's wheels lie, by their file names. Without it they come from PyPI.
      - Their hashes are part of the collection.
    type: str
  timeout:
    description: Seconds that a server may stay silent before a download counts as failed.
    type: int
    default: 30
  retries:
    description: Further attempts for a download that failed in a way that may pass.
    type: int
    default: 3
  require_sha256:
    description:
      - V(false) accepts packages whose lock names an md5 only. The archive is then checked by its md5, which does not protect
        against somebody who wants to deceive; its sha256 is computed, and stands in the environment's records.
      - An entry without any hash is always refused.
    type: bool
    default: true
  mirrors:
    description:
      - Where to fetch from instead, beginnings of URLs to beginnings of URLs. The longest that fits is used, whole parts of the
        path only. Hashes stay, and so do the generation's name and its records, which name the lock's own URL.
      - For example C(https://conda.anaconda.org/conda-forge) to C(http://mirror.example.org/conda-forge). Wheels of the lock
        and the engine's (C(https://files.pythonhosted.org)) are fetched so too.
    type: dict
    default: {}
  level:
    description:
      - How the active generation is compared with its seal.
      - V(records) looks at the packages' records and pip's metadata only; V(paths) at type, mode, owner, size, times and inode of
        every path and for paths that do not belong; V(full) hashes every file, and so sees an edit that keeps size and time.
      - A generation that is switched back to is compared at V(paths) at least.
    type: str
    choices: [records, paths, full]
    default: paths
  preflight:
    description:
      - What happens if the host lacks what the packages need (glibc, kernel, processor, CUDA driver, GPUs, disk space). V(enforce) fails
        with one error that lists everything, before a byte is fetched, in check mode too. V(warn) only tells, and builds.
      - A lock for another platform and a O(root) on a network filesystem are refused whatever is set here.
    type: str
    choices: [enforce, warn]
    default: enforce
  contact:
    description:
      - Whom users are told to ask when they want a package in an environment, in one line such as a mail address or a channel.
        conda and pip show it where they refuse to change an environment. Default is the administrators of the host.
      - It is part of the environments' generations, so another contact builds new ones, from the cache.
    type: str
    default: ""
  keep:
    description: Generations of each environment that are kept beside the active one, the latest active first.
    type: int
    default: 3
  keep_days:
    description:
      - A generation beyond O(keep) is removed when it was last active more than so many days ago, is not pinned, and no process,
        kernel or systemd unit uses it. Idle shells, queued batch jobs and virtual environments on top of it cannot be seen.
    type: int
    default: 14
  time_limit:
    description:
      - Seconds after which the work on the host is ended, for all environments of this call together. Nothing is switched then.
      - The work goes on in the background of the host, also when the connection is lost or the controller dies, and the run tells
        how far it is. Waiting for another run does not count.
    type: int
    default: 7200
  _locks:
    description: Set by the action plugin, which reads the locks on the controller. Not for users.
    type: dict
  _packages:
    description: Set by the action plugin. Not for users.
    type: path
  _job:
    description: Set by the action plugin. Not for users.
    type: str
  _again:
    description: Set by the action plugin. Not for users.
    type: bool
    default: false
  _who:
    description: Set by the action plugin. Not for users.
    type: str
  _secrets:
    description: Set by the action plugin. Not for users.
    type: str
extends_documentation_fragment:
  - lockstep.gpufleet._attributes
  - lockstep.gpufleet._network
attributes:
  check_mode:
    support: full
    details:
      - Works on a bare host too, where it tells all packages and the generation that a run would make.
      - Whether archives can be fetched and have the right hashes is not predicted.
  diff_mode:
    support: full
    details: Lists the packages that differ, and the paths that were changed since the generation was sealed.
  idempotent:
    support: full
  platform:
    support: full
    platforms: linux
    details: x86_64 and aarch64.
seealso:
  - module: lockstep.gpufleet.miniconda
  - module: lockstep.gpufleet.ipykernel
author:
  - lockstep founders (@lockstep)
"""

EXAMPLES = r"""
- name: Environments equal their locks
  lockstep.gpufleet.conda_env:
    environments:
      - name: ai_env
        lock: locks/ai_env/conda-lock.yml
      - name: etl
        lock: locks/etl/explicit.txt

- name: The environment goes back to what it was before
  lockstep.gpufleet.conda_env:
    environments:
      - name: ai_env
        state: rolled_back

- name: Whatever is new has to work before it is switched to
  lockstep.gpufleet.conda_env:
    environments:
      - name: ai_env
        lock: locks/ai_env/conda-lock.yml
        smoke_test:
          imports: [numpy, pandas]
          command: python -c "import numpy; print(numpy.ones(3).sum())"
          timeout: 60

- name: The environment goes back to a named generation, and stays there while the same lock is wanted
  lockstep.gpufleet.conda_env:
    environments:
      - name: ai_env
        state: rolled_back
        generation: 3f0c9a54be1d7702

- name: The roll-back is over, the lock is put back
  lockstep.gpufleet.conda_env:
    environments:
      - name: ai_env
        lock: locks/ai_env/conda-lock.yml
        hold: false

- name: Two more generations are kept for a month, and one for good
  lockstep.gpufleet.conda_env:
    keep: 2
    keep_days: 30
    environments:
      - name: ai_env
        lock: locks/ai_env/conda-lock.yml
        pinned: [3f0c9a54be1d7702]

- name: An environment that somebody made by hand makes way, and is kept beside
  lockstep.gpufleet.conda_env:
    environments:
      - name: ai_env
        lock: locks/ai_env/conda-lock.yml
        replace_unmanaged: true

- name: An environment is no longer needed
  lockstep.gpufleet.conda_env:
    environments:
      - name: old_env
        state: absent

- name: Everything comes from the house's own mirror, through a proxy
  lockstep.gpufleet.conda_env:
    mirrors:
      https://conda.anaconda.org/conda-forge: https://mirror.example.org/conda-forge
      https://files.pythonhosted.org: https://mirror.example.org/pypi
    proxy: http://proxy.example.org:3128
    ca_bundle: /etc/ssl/certs/example-ca.pem
    credentials:
      mirror.example.org: {username: fleet, password: "{{ vault_mirror_password }}"}
    environments:
      - name: ai_env
        lock: locks/ai_env/conda-lock.yml
        categories: [main, science]
"""

RETURN = r"""
environments:
  description: One entry for each environment that was asked for, in the same order.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Name of the environment.
      returned: always
      type: str
    state:
      description: The state that was asked for.
      returned: always
      type: str
    generation:
      description: The active generation after the run, predicted in check mode.
      returned: unless the state is absent
      type: str
      sample: 3f0c9a54be1d7702
    prefix:
      description: The real path of the environment after the run, predicted in check mode.
      returned: unless the state is absent
      type: str
      sample: /opt/lockstep/generations/3f0c9a54be1d7702/envs/ai_env
    changed:
      description: Whether something is or would be done for this environment.
      returned: always
      type: bool
    packages:
      description: Packages that differ between the generation that was active and the one that is.
      returned: always
      type: dict
      contains:
        added:
          description: New packages, as dictionaries with manager, name, version, build and sha256.
          returned: always
          type: list
          elements: dict
        removed:
          description: Packages that are gone.
          returned: always
          type: list
          elements: dict
        changed:
          description: Packages of another version, build or content, as dictionaries with before and after.
          returned: always
          type: list
          elements: dict
    drift:
      description: What was changed in the active generation since it was sealed. At most 500 paths.
      returned: always
      type: list
      elements: dict
      contains:
        path:
          description:
            - The path, relative to the prefix. Bytes that are no text, control characters and backslashes are escaped.
            - A directory that was added or removed stands for everything below it.
          returned: always
          type: str
        kind:
          description:
            - One of added, removed, modified, type, permissions (mode or owner), clobbered (pip replaced or removed
              a package of the lock) and unreadable.
          returned: always
          type: str
        package:
          description: The package that was clobbered.
          returned: when the kind is clobbered
          type: str
        uid:
          description: User id of the owner, where the path exists.
          returned: always
          type: int
        owner:
          description: Name of that user, where the host knows it.
          returned: always
          type: str
        mtime:
          description: Time of the last modification in seconds since the epoch, where the path exists.
          returned: always
          type: float
    needs:
      description:
        - What the packages need of the host, as far as the lock says it, and after a build as their archives say it too.
        - A failed preflight returns the same lists, by environment, as C(needs).
      returned: when something is built
      type: list
      elements: dict
      contains:
        need:
          description: A match spec of a virtual package, or C(CUDA) and the version that packages were built with.
          returned: always
          type: str
          sample: __glibc >=2.17,<3.0.a0
        from:
          description: Packages that it comes from (five at most), as dictionaries with C(package) and C(field), which is one of
            depends, constrains, version and build; or the platform of a C(pixi.lock), with the field virtual-packages.
          returned: always
          type: list
          elements: dict
        packages:
          description: How many packages it comes from.
          returned: always
          type: int
        status:
          description: One of satisfied, unsatisfied and unknown.
          returned: always
          type: str
        by:
          description: What the host has.
          returned: always
          type: str
          sample: the host has glibc 2.36
        warning:
          description: What is so although the need is satisfied.
          returned: when there is something
          type: str
    needs_unknown:
      description: Packages of which the lock states no dependencies. Their archives are asked before anything is linked; then the list is empty.
      returned: when something is built
      type: list
      elements: str
    post_link:
      description: Packages with scripts for conda to run, which are never run, as dictionaries with C(package) and C(scripts) (of pre-link,
        post-link and pre-unlink). In check mode those whose archives were unpacked before.
      returned: when something is built
      type: list
      elements: dict
    held:
      description: The hold that keeps the environment where it was rolled back to.
      returned: when there is one
      type: dict
      contains:
        lock:
          description: Digest of the lock that was rolled back from.
          returned: always
          type: str
        generation:
          description: Generation that was rolled back from.
          returned: always
          type: str
        since:
          description: When, in UTC.
          returned: always
          type: str
        who:
          description: Who did it, the person on the controller and the login account on the host.
          returned: always
          type: str
    kept:
      description:
        - Generations that would have been removed but for what uses them, each with a list of sentences
          (C(process 812 (python\)), C(kernel PATH), C(unit PATH), C(pinned)).
      returned: when there are such
      type: dict
    beside:
      description: Where the directory is now that was exchanged for the generation.
      returned: when O(environments[].replace_unmanaged) had something to exchange, but not in check mode
      type: str
      sample: /opt/lockstep/envs/ai_env.before-20260131T120000Z
generations:
  description: The real path of each environment by its name, predicted in check mode.
  returned: success
  type: dict
  sample: {ai_env: /opt/lockstep/generations/3f0c9a54be1d7702/envs/ai_env}
level:
  description: How the active generations were compared with their seals.
  returned: success
  type: str
  sample: paths
platform:
  description: The host's platform, as conda calls it.
  returned: success
  type: str
  sample: linux-64
not_predicted:
  description: What only a run can tell, a sentence each. Smoke tests.
  returned: success
  type: list
  elements: str
  sample: ["ai_env: whether generation 3f0c9a54be1d7702 passes its smoke test"]
plan:
  description: What was or would be done, a sentence for each step.
  returned: success
  type: list
  elements: str
"""

import contextlib
import dataclasses
import json
import os
import sys
import time
import traceback
import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda import (
    arguments,
    cache,
    collecting,
    drift,
    generations,
    plan,
    protection,
    smoke,
    steps,
)
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.engine_wheels import VERSIONS
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.locking import exclusive
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.network import Network, reveal, secrets
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.packages import digest_of, from_data
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.progress import Progress
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.store import (
    Store,
    check_generation,
    check_name,
    check_root,
    host_platform,
)
from ansible_collections.lockstep.gpufleet.plugins.module_utils._jupyter import inside
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Plan, Problem, conclude

#: The environment's options that shape its generation beside the lock and the engine, and so are part of its id.
SHAPING = ("bytecode", "user_site")

#: Locks that name no platform of their own (nothing but noarch packages) have their digest under this key.
ANY = "any"


def read_options(item: dict[str, t.Any], contact: str) -> dict[str, t.Any]:
    """Return what shapes an environment's generation. What is not asked for is left out: ids do not depend on it then."""
    options = {option: item[option] for option in SHAPING}
    if contact:
        options["contact"] = contact
    kernel = inside.asked_for(item)
    if kernel is not None:
        options["kernel"] = kernel
    return options


def read_wanted(params: dict[str, t.Any], platform: str) -> tuple[list[steps.Wanted], list[str]]:
    """Return the environments as they are asked for, and what is wrong with those whose locks are for other platforms.

    Raises Problem on names and duplicates.
    """
    locks: dict[str, t.Any] = params["_locks"] or {}
    sent: dict[str, dict[str, t.Any]] = {"packages": {}, "contracts": {}}
    if params["_packages"]:
        try:
            with open(params["_packages"], encoding="utf-8") as file:
                sent = json.load(file)
        except FileNotFoundError:
            raise Problem("What the controller sent is gone from this host: run again.") from None
    result = []
    refusals = []
    seen = set()
    contact = protection.check_contact(params["contact"])
    for item in params["environments"]:
        name = check_name(item["name"])
        if name in seen:
            raise Problem(f"environments: {name} is listed twice.")
        seen.add(name)
        basis = steps.Wanted(
            name,
            item["state"],
            options=read_options(item, contact),
            generation=check_generation(item["generation"], name, "generation"),
            hold=item["hold"],
            pinned=tuple(check_generation(one, name, "pinned") for one in item["pinned"]),
            smoke=smoke.parse(name, item["smoke_test"]),
            replace_unmanaged=item["replace_unmanaged"],
        )
        if basis.generation and basis.state != "rolled_back":
            raise Problem(f"{name}: generation says where to roll back to, so it needs state: rolled_back.")
        if not basis.hold and basis.state != "present":
            raise Problem(f"{name}: hold: false puts the lock back, so it needs state: present.")
        if basis.state != "present":
            result.append(basis)
            continue
        if name not in locks:
            raise Problem(f"environments: {name} needs a lock.")
        unclear = locks[name]["unclear"].get(platform)
        if unclear:
            refusals.append(
                f"{name}: the lock {locks[name]['path']} has several platforms for {platform} hosts, {' and '.join(unclear)}: "
                "say which is meant (environments: pixi_platform)"
            )
            continue
        digests = locks[name]["digests"]
        digest = digests.get(platform, digests.get(ANY))
        if digest is None:
            refusals.append(
                f"{name}: the lock {locks[name]['path']} is for {' and '.join(sorted(digests))}, "
                f"but this host is {platform}: lock for {platform} too"
            )
            continue
        wanted = dataclasses.replace(basis, lock=digest)
        if locks[name].get("variables"):
            wanted = dataclasses.replace(wanted, options={**wanted.options, "variables": locks[name]["variables"]})
        if name in sent["packages"]:
            wanted = dataclasses.replace(
                wanted,
                packages=tuple(from_data(item) for item in sent["packages"][name]),
                contract=tuple(tuple(row) for row in sent["contracts"][name]),
            )
            if digest_of(wanted.packages or ()) != digest:
                raise Problem(f"{name}: what the controller sent does not match its digest: run again.")
        result.append(wanted)
    return result, refusals


def read_policy(params: dict[str, t.Any]) -> collecting.Policy:
    """Return how long generations are kept; raises Problem."""
    for option in ("keep", "keep_days"):
        if params[option] < 0:
            raise Problem(f"{option} is {params[option]}, but must not be negative.")
    return collecting.Policy(params["keep"], params["keep_days"], time.time())


def decide_all(
    wanted: list[steps.Wanted], store: Store, level: str, policy: collecting.Policy, locked: bool
) -> tuple[list[steps.Decision], dict[str, t.Any]]:
    """Observe the host and decide for every environment; also return what was found, by name."""
    by_name = {one.name: one for one in wanted}
    found = generations.observe(
        store,
        by_name,
        check=lambda environment: plan.generations_to_check(by_name[environment.name], environment, VERSIONS),
        leaving=[one.name for one in wanted if one.state == "absent"],
        locked=locked,
        level=level,
    )
    decisions = [plan.decide(one, found[one.name], store, VERSIONS) for one in wanted]
    for decision in decisions:
        if decision.generation:
            store.check_prefix(decision.generation, decision.name)
    old = {one.name: collecting.candidates(one, found[one.name], by_name[one.name].pinned, policy) for one in decisions}
    if any(old.values()):
        from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda import uses

        in_use = uses.uses_of(store, [removal.generation for some in old.values() for removal in some])
        for decision in decisions:
            collecting.settle(decision, old[decision.name], in_use)
    return decisions, found


def make_plan(decisions: list[steps.Decision], found: dict[str, t.Any], store: Store) -> Plan:
    """Gather the decisions into one plan."""
    builds = any(isinstance(step, steps.Build) for decision in decisions for step in decision.steps)
    warnings = [warning for decision in decisions for warning in decision.warnings]
    diffs = [plan.diff(decision, found[decision.name].active) for decision in decisions]
    return Plan(
        steps=tuple(step for decision in decisions for step in decision.steps),
        diff=tuple(diff for diff in diffs if diff),
        warnings=(*warnings, *(cache.warn_of_copies(store) if builds else ())),
    )


def result_of(
    decisions: list[steps.Decision],
    store: Store,
    platform: str,
    preflight: t.Any = None,
    beside: t.Mapping[str, str] | None = None,
) -> dict[str, t.Any]:
    """Return the module's own return values.

    ``preflight``: what was found out about what is built. ``beside``: where directories that were exchanged are, by
    environment.
    """
    examined = preflight.result() if preflight else {}
    environments = []
    for decision in decisions:
        entry: dict[str, t.Any] = {
            "name": decision.name,
            "state": decision.state,
            "changed": bool(decision.steps),
            "packages": plan.difference(decision),
            "drift": [drift.as_result(one) for one in decision.drift[: drift.DRIFT_RETURNED]],
        }
        if decision.generation:
            entry["generation"] = decision.generation
            entry["prefix"] = store.prefix(decision.generation, decision.name)
        entry.update(examined.get(decision.name, {}))
        if decision.held:
            entry["held"] = decision.held
        if decision.kept:
            entry["kept"] = decision.kept
        if beside and decision.name in beside:
            entry["beside"] = beside[decision.name]
        environments.append(entry)
    return {
        "environments": environments,
        "generations": {entry["name"]: entry["prefix"] for entry in environments if "prefix" in entry},
        "platform": platform,
        "not_predicted": [sentence for decision in decisions for sentence in decision.not_predicted],
    }


def check_base(base: str) -> list[str]:
    """Say what is wrong with a base that cannot run the engine; a missing one may be made before the steps are."""
    from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda import engine

    python = engine.find_python(base)
    try:
        if python:
            engine.check_python(python, base)
    except Problem as problem:
        return [str(problem).rstrip(".")]
    return []


def examine(
    planned: Plan, refusals: list[str], params: dict[str, t.Any], store: Store
) -> tuple[t.Any, Plan]:
    """Ask whether the host fits what is to be built; return the preflight, or None if nothing is, and the plan with its warnings.

    Raises one Problem that lists everything that is wrong, ``refusals`` included.
    """
    builds = [step for step in planned.steps if isinstance(step, steps.Build)]
    if not builds and not refusals:
        return None, planned
    from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.preflight import Preflight

    preflight = Preflight(store, enforce=params["preflight"] == "enforce")
    wrong = refusals + (check_base(params["base"].rstrip("/")) if builds else [])
    warnings = preflight.examine(builds, wrong)
    return preflight, dataclasses.replace(planned, warnings=(*planned.warnings, *warnings))


def collect_job(module: AnsibleModule) -> None:
    """If there is a job of the wanted name, leave the module with what is known of it."""
    from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda import job

    leave_with(job.collect(module.params["_job"]))


def work_in_background(module: AnsibleModule, finish: t.Callable[[Progress], None], store: Store) -> None:
    """Have a job do ``finish``, whose result becomes this call's if it is quick; leave the module in any case."""
    from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda import job

    def work(progress: Progress) -> None:
        try:
            finish(progress)
        except job.Stopped as stopped:
            module.fail_json(msg=job.advice(str(stopped)), changed=False)
        except Exception as error:  # pylint: disable=broad-except
            # There is nobody to see a traceback on standard error.
            module.fail_json(msg=f"An error of this collection: {error!r}", exception=traceback.format_exc())

    leave_with(job.run(module.params["_job"], module.params["time_limit"], store.root, work))


def leave_with(answer: dict[str, t.Any] | None) -> None:
    """Say what a job has said and leave; return if there is nothing.

    As it is: ``exit_json`` has gone over it in the job, and does not take the warnings that it has made.
    """
    if answer is not None:
        sys.stdout.write(json.dumps(answer) + "\n")
        raise SystemExit(1 if answer.get("failed") else 0)


def who(controller: str | None) -> str:
    """Return who is at work: the person on the controller, as far as known, and the login account on the host."""
    account = os.environ.get("SUDO_USER") or os.environ.get("USER") or str(os.getuid())
    return f"{controller} as {account}" if controller else account


def main() -> None:
    """Observe, plan, apply."""
    module = AnsibleModule(
        argument_spec=dict(
            arguments.argument_spec(),
            # Set by the action: digests of the locks by environment and platform; only when something has to be built,
            # the path of a file with the packages (a file, since options are logged and URLs may hold tokens); and
            # what is secret of the other options (network.conceal).
            _locks={"type": "dict"},
            _packages={"type": "path"},
            # The name of the job that works in the background if there is work to do, and whether it may exist already.
            _job={"type": "str"},
            _again={"type": "bool", "default": False},
            # Set by the action: who runs it on the controller.
            _who={"type": "str"},
            _secrets={"type": "str", "no_log": True},
        ),
        supports_check_mode=True,
    )
    os.umask(0o022)
    module.no_log_values.update(secrets(module.params))
    try:
        network = Network.of(module.params, module.params["timeout"], module.params["retries"])
        if module.params["time_limit"] < 1:
            raise Problem(f"time_limit: {module.params['time_limit']} must be a number of seconds, 1 or more.")
        if module.params["_again"]:
            collect_job(module)
        store = Store(check_root(module.params["root"]))
        platform = host_platform(os.uname().machine)
        wanted, refusals = read_wanted(module.params, platform)
        policy = read_policy(module.params)
        decisions, found = decide_all(wanted, store, module.params["level"], policy, locked=False)
        if any(decision.needs_packages for decision in decisions):
            needs = [decision.name for decision in decisions if decision.needs_packages]
            module.exit_json(changed=False, platform=platform, _needs=needs)
        patience = module.params["time_limit"] + 60.0  # for another run, which has the same limit as a rule
        preflight, planned = examine(make_plan(decisions, found, store), refusals, module.params, store)
    except Problem as problem:
        module.fail_json(msg=str(problem), **problem.facts)

    def apply(_plan: Plan, progress: Progress) -> dict[str, t.Any]:
        from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda import build
        from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.preflight import Preflight

        workshop = build.Workshop(
            store=store,
            platform=platform,
            base=module.params["base"].rstrip("/"),
            engine_mirror=reveal(module.params)["engine_mirror"],
            network=network,
            who=who(module.params["_who"]),
            preflight=preflight or Preflight(store, enforce=module.params["preflight"] == "enforce"),
            progress=progress,
        )
        with exclusive(store.lock_file, patience, lambda: build.prepare_root(store), lambda: wait(progress)):
            # Another run may have been at work since the plan was made: what counts is what is found now.
            fresh, found = decide_all(wanted, store, module.params["level"], policy, locked=True)
            if any(decision.needs_packages for decision in fresh):
                raise Problem("The environments changed between planning and building: run again.")
            try:
                notes = build.carry_out([step for decision in fresh for step in decision.steps], workshop)
            except OSError as error:
                raise Problem(f"The store {store.root}: {error.strerror} ({error.filename or 'while building'}).") from error
            finally:
                build.tidy(store)
        for note in notes:
            module.warn(note)
        done = make_plan(fresh, found, store)
        return dict(
            result_of(fresh, store, platform, workshop.preflight, workshop.beside),
            changed=bool(done),
            plan=[str(step) for step in done.steps],
            diff=list(done.diff),
        )

    def wait(progress: Progress) -> None:
        from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda import job

        progress.wait_for(job.state_of_other(store.root))

    def finish(progress: Progress) -> None:
        result = result_of(decisions, store, platform, preflight)
        conclude(module, planned, lambda agreed: apply(agreed, progress), level=module.params["level"], **result)

    if module.params["_packages"]:
        # It may hold credentials, and a controller that dies would leave it.
        with contextlib.suppress(OSError):
            os.unlink(module.params["_packages"])
    if planned and module.params["_job"]:
        work_in_background(module, finish, store)
    finish(Progress())


if __name__ == "__main__":
    main()
