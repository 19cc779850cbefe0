# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What an environment's files say about the kernel in it. Starts no process.

This module util is private to the collection.
"""

from __future__ import annotations

import os
import re
import typing as t

from ansible_collections.lockstep.gpufleet.plugins.module_utils._files import read_or_none
from ansible_collections.lockstep.gpufleet.plugins.module_utils._jupyter.kernelspec import Interpreter, parse_text
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem

_CPYTHON = re.compile(r"python3\.(\d+)t?\Z")
_PYPY = re.compile(r"pypy3\.(\d+)\Z")
_DIST_INFO = re.compile(r"ipykernel-(?P<version>[^-]+)\.dist-info\Z")
_LOGO = re.compile(r"logo-[0-9a-z]+\.(png|svg)\Z")
_FROZEN_MODULES_OFF = "-Xfrozen_modules=off"


def locate(root: str, name: str, generations: t.Mapping[str, str]) -> tuple[str, bool]:
    """Return (prefix of the environment's generation, whether it is only predicted so far).

    A prefix in ``generations`` wins over the link ``ROOT/envs/NAME``: in check mode it names a generation that the run
    would build. The link is followed by one step only, so that the prefix is spelled as the generation was built.
    Raises Problem where there is neither.
    """
    link = os.path.join(root, "envs", name)
    given = generations.get(name)
    if given:
        if not os.path.isabs(given):
            raise Problem(f"generations: the prefix of {name!r} must be an absolute path; it is {given!r}.")
        prefix = os.path.normpath(given)
        return prefix, not os.path.isdir(prefix)
    try:
        prefix = os.path.normpath(os.path.join(os.path.dirname(link), os.readlink(link)))
    except FileNotFoundError:
        raise Problem(
            f"Environment {name!r} does not exist on this host: there is no {link}. "
            "Install it with lockstep.gpufleet.conda_env first, or check the option 'root'."
        ) from None
    except OSError:
        # Not a link: an environment that somebody made by hand. It has no generations, but a kernel can run in it.
        prefix = link
    if not os.path.isdir(prefix):
        raise Problem(
            f"Environment {name!r}: {link} leads to {prefix}, which does not exist. "
            "Run lockstep.gpufleet.conda_env to repair it."
        )
    return prefix, False


def is_generation(prefix: str) -> bool:
    """Say whether ``prefix`` is one of the store's generations (``…/generations/ID/envs/NAME``)."""
    return os.path.basename(os.path.dirname(os.path.dirname(os.path.dirname(prefix)))) == "generations"


def _site_packages(prefix: str) -> t.Iterator[tuple[str, bool]]:
    """Yield (site-packages folder, whether its Python is a CPython of 3.11 or later)."""
    library = os.path.join(prefix, "lib")
    try:
        names = sorted(os.listdir(library))
    except OSError:
        return
    for name in names:
        cpython = _CPYTHON.match(name)
        folder = os.path.join(library, name, "site-packages")
        if (cpython or _PYPY.match(name)) and os.path.isdir(folder):
            yield folder, bool(cpython) and int(cpython.group(1)) >= 11


def read_interpreter(prefix: str, name: str) -> Interpreter:
    """Read how the ipykernel of the environment at ``prefix`` registers itself.

    The template is the kernelspec that the package ships; logos come from its ``resources``. The option that turns
    frozen modules off is added under the rule of ipykernel's ``install``: CPython >= 3.11, and a release of ipykernel
    whose source names the option. Raises Problem where Python or ipykernel is missing.
    """
    python = os.path.join(prefix, "bin", "python")
    if not os.access(python, os.X_OK):
        raise Problem(f"Environment {name!r} has no Python: {python} is missing. Add the package 'python' to its lock.")
    for folder, can_freeze in _site_packages(prefix):
        versions = [match.group("version") for match in map(_DIST_INFO.match, sorted(os.listdir(folder))) if match]
        if not versions or not os.path.isfile(os.path.join(folder, "ipykernel_launcher.py")):
            continue
        source = read_or_none(os.path.join(folder, "ipykernel", "kernelspec.py")) or b""
        frozen_off = can_freeze and _FROZEN_MODULES_OFF.encode() in source
        shipped = read_or_none(os.path.join(prefix, "share", "jupyter", "kernels", "python3", "kernel.json"))
        return Interpreter(
            prefix=prefix,
            ipykernel=versions[-1],
            template=(parse_text(shipped) if shipped else None) or {},
            python_options=(_FROZEN_MODULES_OFF,) if frozen_off else (),
            resources=_read_logos(os.path.join(folder, "ipykernel", "resources")),
        )
    raise Problem(
        f"Environment {name!r} cannot run a Jupyter kernel: the package 'ipykernel' is not in it. "
        f"Add ipykernel to its environment.yml and lock, or remove 'kernel' from the entry {name!r}."
    )


def _read_logos(folder: str) -> dict[str, bytes]:
    try:
        names = [name for name in sorted(os.listdir(folder)) if _LOGO.match(name)]
    except OSError:
        return {}
    logos = {name: read_or_none(os.path.join(folder, name)) for name in names}
    return {name: content for name, content in logos.items() if content is not None}
