# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which kernels a host has, which it should have, and how to get there.

This module util is private to the collection.
"""

from __future__ import annotations

import dataclasses
import os
import typing as t

from ansible_collections.lockstep.gpufleet.plugins.module_utils._jupyter import kernel_directory
from ansible_collections.lockstep.gpufleet.plugins.module_utils._jupyter.environment import (
    is_generation,
    locate,
    read_interpreter,
)
from ansible_collections.lockstep.gpufleet.plugins.module_utils._jupyter.kernelspec import (
    Interpreter,
    Kernel,
    is_ours,
    parse_text,
    render,
    to_text,
    without_added,
)
from ansible_collections.lockstep.gpufleet.plugins.module_utils._jupyter.stale import Registered
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Plan, Problem, text_diff


@dataclasses.dataclass(frozen=True)
class State:
    """What the host has: per kernel name what lies at its path, and per environment its interpreter.

    ``user``: whose kernels these are, None for the system's.
    """

    data: str
    found: t.Mapping[str, kernel_directory.Found]
    interpreters: t.Mapping[str, Interpreter]
    leftovers: bool = False
    user: str | None = None


@dataclasses.dataclass(frozen=True)
class WriteKernel:
    """Step: make a kernel directory hold exactly these files."""

    name: str
    path: str
    files: t.Mapping[str, bytes]
    interpreter: Interpreter
    reason: str
    user: str | None = None

    def __str__(self) -> str:
        whose = f" for {self.user}" if self.user else ""
        return f"register kernel {self.name}{whose} at {self.interpreter.prefix} ({self.reason})"


@dataclasses.dataclass(frozen=True)
class RemoveKernel:
    """Step: remove a kernel directory."""

    name: str
    path: str

    def __str__(self) -> str:
        return f"remove kernel {self.name} ({self.path})"


@dataclasses.dataclass(frozen=True)
class PurgeKernel(RemoveKernel):
    """Step: remove a kernel of ours that nothing can start any more."""

    interpreter: str

    def __str__(self) -> str:
        return f"purge kernel {self.name} ({self.path}): its interpreter {self.interpreter} is gone"


@dataclasses.dataclass(frozen=True)
class RemoveLeftovers:
    """Step: remove what an interrupted run left."""

    data: str

    def __str__(self) -> str:
        return f"remove what an interrupted run left in {self.data}"


def observe(
    kernels: t.Sequence[Kernel], data: str, root: str, generations: t.Mapping[str, str], user: str | None = None
) -> State:
    """Read kernels and environments; ``user``: whose the data directory is, None for the system's.

    Raises Problem for an environment that is missing or has no ipykernel.
    """
    found = {
        kernel.name: kernel_directory.look(os.path.join(data, "kernels", kernel.name)) for kernel in kernels
    }
    interpreters = {}
    for kernel in kernels:
        if kernel.wanted:
            prefix, predicted = locate(root, kernel.environment, generations)
            interpreters[kernel.environment] = (
                Interpreter(prefix=prefix, known=False) if predicted else read_interpreter(prefix, kernel.environment)
            )
    return State(data, found, interpreters, kernel_directory.has_leftovers(data), user)


def make_plan(
    kernels: t.Sequence[Kernel],
    state: State,
    root: str,
    replace_unmanaged: bool = False,
    purge: t.Sequence[Registered] = (),
) -> Plan:
    """Compare kernels as wanted with the host. Raises Problem for a kernel of that name that is not ours.

    ``purge``: further kernels of ours, in the same data directory, that are to go.
    """
    steps: list[t.Any] = []
    diff: list[dict[str, str]] = []
    warnings: list[str] = []
    if state.leftovers:
        steps.append(RemoveLeftovers(state.data))
    for kernel in kernels:
        found = state.found[kernel.name]
        content = (found.files or {}).get("kernel.json")
        before = parse_text(content) if content is not None else None
        if not replace_unmanaged:
            _refuse_foreign(kernel, found, before)
        if not kernel.wanted:
            if found.kind != "absent":
                steps.append(RemoveKernel(kernel.name, found.path))
                diff.append(text_diff(f"{found.path}/kernel.json", to_text(before) if before else "", None))
            continue
        interpreter = state.interpreters[kernel.environment]
        if interpreter.known and not is_generation(interpreter.prefix):
            warnings.append(
                f"Environment {kernel.environment!r} is a plain directory, not a generation of {root}: "
                "a running kernel sees it change when somebody changes it."
            )
        step, change = _compare(kernel, found, before, interpreter, root)
        if step:
            steps.append(dataclasses.replace(step, user=state.user))
            diff.append(change)
    for one in purge:
        steps.append(PurgeKernel(one.name, one.path, one.interpreter))
        diff.append(text_diff(f"{one.path}/kernel.json", f"starts {one.interpreter}, which is gone\n", None))
    return Plan(tuple(steps), tuple(diff), tuple(warnings))


def _refuse_foreign(kernel: Kernel, found: kernel_directory.Found, before: t.Mapping[str, t.Any] | None) -> None:
    if found.kind in ("link", "file") or (before is not None and not is_ours(before)):
        ways = "Remove it (jupyter kernelspec remove), choose another kernel.name, or set replace_unmanaged: true."
        raise Problem(f"{found.path} was not made by this collection and is left untouched. {ways}")


def _compare(
    kernel: Kernel,
    found: kernel_directory.Found,
    before: dict[str, t.Any] | None,
    interpreter: Interpreter,
    root: str,
) -> tuple[WriteKernel | None, dict[str, str]]:
    if not interpreter.known:
        # The environment is still to be built: what its ipykernel would add is taken from the kernel as it is now.
        logos = {name: content for name, content in (found.files or {}).items() if name != "kernel.json"}
        template = without_added(before) if before is not None and is_ours(before) else {}
        interpreter = dataclasses.replace(interpreter, template=template, resources=logos)
    interpreter = dataclasses.replace(interpreter, resources={**interpreter.resources, **dict(kernel.logos)})
    after = render(kernel, interpreter, root)
    files = {**interpreter.resources, "kernel.json": to_text(after).encode("utf-8")}
    path = f"{found.path}/kernel.json"
    if before != after:
        reason = _reason(found, before, after)
        change = text_diff(path, _readable(found, before), to_text(after))
    else:
        others = {name: content for name, content in (found.files or {}).items() if name != "kernel.json"}
        odd = [*found.odd]
        odd += [f"{found.path}/{name}: missing" for name in sorted(set(interpreter.resources) - set(others))]
        odd += [f"{found.path}/{name}: not of the kernel" for name in sorted(set(others) - set(interpreter.resources))]
        odd += [
            f"{found.path}/{name}: changed"
            for name, content in sorted(interpreter.resources.items())
            if others.get(name, content) != content
        ]
        if not odd:
            return None, {}
        reason = "files or their modes differ"
        change = text_diff(found.path, "".join(line + "\n" for line in odd), "")
    return WriteKernel(kernel.name, found.path, files, interpreter, reason), change


def _readable(found: kernel_directory.Found, before: dict[str, t.Any] | None) -> str | None:
    if before is not None:
        return to_text(before)
    broken = (found.files or {}).get("kernel.json")
    return None if broken is None else broken.decode("utf-8", "replace")


def _reason(
    found: kernel_directory.Found, before: t.Mapping[str, t.Any] | None, after: t.Mapping[str, t.Any]
) -> str:
    if found.kind == "absent":
        return "new"
    if before is None:
        return "its kernel.json is missing or broken"
    changed = sorted(key for key in {*before, *after} if before.get(key) != after.get(key))
    return "changed: " + ", ".join(changed)


def apply(plan: Plan, state: State) -> None:
    """Carry out the plan. Raises Problem, before any change, for an environment that is still only predicted."""
    for step in plan.steps:
        if isinstance(step, WriteKernel) and not step.interpreter.known:
            raise Problem(
                f"Kernel {step.name!r}: the generation {step.interpreter.prefix} named in 'generations' does not exist "
                "on this host. Run lockstep.gpufleet.conda_env first."
            )
    with kernel_directory.staging_area(state.data) as staging:
        for step in plan.steps:
            if isinstance(step, WriteKernel):
                kernel_directory.write(step.path, step.files, staging)
            elif isinstance(step, RemoveKernel):
                kernel_directory.remove(step.path, staging)
