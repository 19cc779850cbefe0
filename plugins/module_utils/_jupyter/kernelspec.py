# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Kernels as wanted, and the kernelspec that each of them becomes. Pure: reads no file.

This module util is private to the collection.
"""

from __future__ import annotations

import base64
import dataclasses
import json
import re
import typing as t

from ansible_collections.lockstep.gpufleet.plugins.module_utils._jupyter import presets as env_presets
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem

# jupyter_client/kernelspec.py, _kernel_name_pat. Jupyter looks kernels up in lower case, so upper case is not offered.
_LEGAL_NAME = re.compile(r"[a-z0-9._\-]+\Z")
_KERNEL_OPTIONS = frozenset({"name", "display_name", "env", "env_presets", "metadata", "logos", "scope"})
#: The key of our mark in ``metadata``.
_MARK = "lockstep"
#: What Jupyter's front ends look for beside kernel.json.
LOGO = re.compile(r"logo-(?:32x32\.png|64x64\.png|svg\.svg)\Z")
_LOGO_LIMIT = 256 * 1024
_SIGNS = {".png": b"\x89PNG\r\n\x1a\n", ".svg": b"<"}
_STATES = ("present", "absent", "rolled_back")

# What a kernel never inherits from the person or service that starts it: packages in ~/.local, and Python's own
# search paths. An empty value counts as unset (CPython, Python/initconfig.c, config_get_env).
ISOLATION = {"PYTHONNOUSERSITE": "1", "PYTHONPATH": "", "PYTHONHOME": ""}


@dataclasses.dataclass(frozen=True)
class Kernel:
    """One kernel that the user asked for.

    ``wanted``: False when the kernel is to be absent. ``environment``: name of the environment it runs in.
    ``inside``: whether it lies in its environment (scope env). ``metadata``: what the user adds, as JSON. ``logos``: the user's own, by file name.
    """

    name: str
    environment: str
    display_name: str
    env: tuple[tuple[str, str], ...] = ()
    wanted: bool = True
    metadata: str = "{}"
    logos: tuple[tuple[str, bytes], ...] = ()
    inside: bool = False


@dataclasses.dataclass(frozen=True)
class Interpreter:
    """What the files of an environment say about the kernel in it (see environment.py).

    ``known``: False while the environment is only predicted; then the other fields are ipykernel's defaults.
    ``template``: the kernelspec that the environment's own ipykernel ships. ``python_options``: what it adds to argv.
    ``resources``: file name to content, the logos.
    """

    prefix: str
    known: bool = True
    ipykernel: str = ""
    template: t.Mapping[str, t.Any] = dataclasses.field(default_factory=dict)
    python_options: tuple[str, ...] = ()
    resources: t.Mapping[str, bytes] = dataclasses.field(default_factory=dict)


def _text(value: t.Any, where: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise Problem(f"{where} must be a text that is not empty; it is {value!r}.")
    return value


def _check_name(name: str, where: str) -> str:
    if not _LEGAL_NAME.match(name) or set(name) == {"."}:
        hint = f" Jupyter would look for {name.lower()!r}." if _LEGAL_NAME.match(name.lower()) else ""
        raise Problem(
            f"{where}: {name!r} is no legal kernel name. Jupyter allows lower-case letters, digits and . _ - only.{hint}"
        )
    return name


def _metadata(value: t.Any, where: str) -> str:
    """Return the user's metadata as JSON, which compares and is never changed by accident."""
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise Problem(f"{where} must be a dictionary; it is {value!r}.")
    if _MARK in value:
        raise Problem(f"{where}: the key {_MARK!r} is the mark of this collection; choose another one.")
    try:
        return json.dumps(value, sort_keys=True, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise Problem(f"{where} must be what JSON can hold: {error}.") from None


def _logos(value: t.Any, where: str) -> tuple[tuple[str, bytes], ...]:
    """Return the user's logos; ``value``: their content in base64 by file name, as the action plugin sends them."""
    if not isinstance(value, dict):
        raise Problem(f"{where} must be a list of image files on the controller; it is {value!r}.")
    logos = []
    for name, content in sorted(value.items()):
        if not isinstance(name, str) or not LOGO.match(name):
            raise Problem(f"{where}: {name!r} is not shown by Jupyter: use logo-32x32.png, logo-64x64.png, logo-svg.svg.")
        try:
            image = base64.b64decode(content, validate=True)
        except (TypeError, ValueError):
            raise Problem(f"{where}: the content of {name!r} is no base64.") from None
        if len(image) > _LOGO_LIMIT:
            raise Problem(f"{where}: {name!r} has {len(image)} bytes; a logo has {_LOGO_LIMIT} at most.")
        if not image.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(_SIGNS[name[-4:]]):
            raise Problem(f"{where}: {name!r} is no {name[-3:].upper()} image.")
        logos.append((name, image))
    return tuple(logos)


def parse_kernels(
    environments: t.Sequence[t.Any], state: str = "present", own_presets: t.Mapping[str, t.Any] | None = None
) -> list[Kernel]:
    """Return the kernels that a list of environments asks for, in its order.

    ``environments``: the list that the module ``conda_env`` takes. Entries without ``kernel`` ask for none. An entry
    with ``state: absent``, and every entry when ``state`` is absent, asks for the kernel's absence.
    ``own_presets``: the user's own sets of variables, by name.
    Raises Problem naming entry and key.
    """
    kernels: list[Kernel] = []
    presets = env_presets.known(own_presets or {})
    for number, entry in enumerate(environments, start=1):
        where = f"environments, entry {number}"
        if not isinstance(entry, dict):
            raise Problem(f"{where} must be a dictionary with the key 'name'; it is {entry!r}.")
        environment = _text(entry.get("name"), f"{where}: name")
        if "/" in environment or environment in (".", ".."):
            raise Problem(f"{where}: {environment!r} is no name of an environment; it must not be a path.")
        where = f"environment {environment!r}"
        entry_state = entry.get("state") or "present"
        if entry_state not in _STATES:
            raise Problem(f"{where}: state {entry_state!r} is unknown; use one of {', '.join(_STATES)}.")
        if entry.get("kernel") is None:
            continue
        options = entry["kernel"]
        if not isinstance(options, dict):
            raise Problem(f"{where}: kernel must be a dictionary such as {{display_name: Python ({environment})}}.")
        unknown = sorted(str(key) for key in set(options) - _KERNEL_OPTIONS)
        if unknown:
            raise Problem(
                f"{where}: kernel has unknown keys: {', '.join(unknown)}. Known: {', '.join(sorted(_KERNEL_OPTIONS))}."
            )
        # Only a name that we derive is put into lower case; one that the user wrote is used as written or refused.
        given = options.get("name")
        name = environment.lower() if given is None else _text(given, f"{where}: kernel.name")
        display = options.get("display_name")
        if options.get("scope") not in (None, "env"):
            raise Problem(
                f"{where}: kernel.scope may be env, which puts the kernel into the environment; it is {options['scope']!r}. "
                "system and user are said by the option scope of the task (the role's jupyter_kernel_scope)."
            )
        if options.get("scope") and options.get("logos"):
            raise Problem(f"{where}: kernel.logos: a kernel in its environment (kernel.scope: env) has the environment's logos.")
        kernels.append(
            Kernel(
                name=_check_name(name, f"{where}: kernel.name"),
                environment=environment,
                display_name=(
                    f"Python ({environment})" if display is None else _text(display, f"{where}: kernel.display_name")
                ),
                env=env_presets.combine(
                    options.get("env_presets") or [],
                    env_presets.variables(options.get("env") or {}, f"{where}: kernel.env"),
                    presets,
                    f"{where}: kernel.env_presets",
                ),
                wanted=state != "absent" and entry_state != "absent",
                metadata=_metadata(options.get("metadata") or {}, f"{where}: kernel.metadata"),
                inside=options.get("scope") == "env",
                logos=_logos(options.get("logos") or {}, f"{where}: kernel.logos"),
            )
        )
    _refuse_two_of_one_name(kernels)
    return kernels


def _refuse_two_of_one_name(kernels: t.Sequence[Kernel]) -> None:
    owners: dict[str, str] = {}
    for kernel in kernels:
        if kernel.name in owners:
            raise Problem(
                f"Environments {owners[kernel.name]!r} and {kernel.environment!r} both ask for a kernel named "
                f"{kernel.name!r}. Give one of them another kernel.name."
            )
        owners[kernel.name] = kernel.environment


def render(kernel: Kernel, interpreter: Interpreter, root: str) -> dict[str, t.Any]:
    """Return the content of kernel.json, as the environment's own ipykernel would write it, plus our mark.

    Differences from ipykernel (ipykernel/kernelspec.py): argv[0] is the interpreter at the generation's own path, so
    that a running kernel never sees a switched environment; ``env`` carries ISOLATION; ``metadata.lockstep`` says whose
    the kernel is.
    """
    template = dict(interpreter.template)
    shipped = [str(argument) for argument in template.get("argv") or ()][1:]
    arguments = shipped or ["-m", "ipykernel_launcher", "-f", "{connection_file}"]
    options = [option for option in interpreter.python_options if option not in arguments]
    metadata = dict(template.get("metadata") or {"debugger": True})
    added = json.loads(kernel.metadata)
    metadata.update(added)
    metadata[_MARK] = {"environment": kernel.environment, "root": root}
    if added:
        metadata[_MARK]["added"] = sorted(added)
    return {
        **template,
        "argv": ["python" if kernel.inside else f"{interpreter.prefix}/bin/python", *options, *arguments],
        "display_name": kernel.display_name,
        "language": str(template.get("language") or "python"),
        "metadata": metadata,
        "env": {**ISOLATION, **dict(kernel.env)},
    }


def without_added(document: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """Return a kernelspec of ours without what the user had added to its metadata: so its ipykernel's own remains."""
    metadata = dict(document["metadata"])
    for key in metadata.pop(_MARK).get("added") or ():
        metadata.pop(key, None)
    return {**document, "metadata": metadata}


def to_text(document: t.Mapping[str, t.Any]) -> str:
    """Return the text of a kernel.json; indented by one, as ipykernel does."""
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def parse_text(content: bytes) -> dict[str, t.Any] | None:
    """Return the document in a kernel.json, or None where it is no JSON object."""
    try:
        document = json.loads(content.decode("utf-8"))
    except ValueError:
        return None
    return document if isinstance(document, dict) else None


def is_ours(document: t.Mapping[str, t.Any] | None) -> bool:
    """Say whether a kernelspec was written by this collection."""
    metadata = (document or {}).get("metadata")
    return isinstance(metadata, dict) and isinstance(metadata.get(_MARK), dict)
