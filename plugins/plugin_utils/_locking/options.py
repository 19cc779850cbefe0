# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether the values of options make sense, told before anything is read or asked. Pure.

This plugin util is private to the collection.
"""

from __future__ import annotations

import difflib
import re
import typing as t

from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locks import normal_form
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._specification import reading

_PLATFORMS = tuple(sorted(normal_form.SUBDIRS - {"noarch"}))

#: conda's virtual packages (its plugins, and CEP 30), and what their versions look like.
_VERSION = re.compile(r"[0-9]+(\.[0-9a-z]+)*")
_PROCESSOR = re.compile(r"([0-9]+ )?[a-z][a-z0-9_]*")
_VIRTUAL_PACKAGES = {
    **dict.fromkeys(("__cuda", "__cuda_arch", "__glibc", "__linux", "__osx", "__unix", "__win", "__conda", "__musl"), _VERSION),
    "__archspec": _PROCESSOR,
}

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


def check(arguments: t.Mapping[str, t.Any]) -> None:
    """Raise Problem about the first option of ``conda_lock`` whose value makes no sense; it names the option and the value."""
    for platform in arguments["platforms"]:
        _check_platform("platforms", platform)
    for platform, given in arguments["virtual_packages"].items():
        _check_platform("virtual_packages", platform)
        if given is not None and not isinstance(given, dict):
            raise Problem(f"virtual_packages: {platform}: {given} is no dictionary, such as {{__glibc: '2.36', __cuda: '12.4'}}.")
        for name, version in (given or {}).items():
            _check_virtual_package(f"virtual_packages: {platform}", name, version)
    for name in arguments["update"] or ():
        if not _NAME.fullmatch(name):
            raise Problem(f"update: {name!r} is no name of a package; constraints belong into the input.")
    if arguments["python"]:
        reading.check_python(arguments["python"])
    if arguments["hosts"] and arguments["lock"] is not None:
        raise Problem(f"lock: {arguments['lock']} says nothing where hosts are given: their conda_env_environments name the locks.")


def near(name: str, names: t.Collection[str]) -> str:
    """Return a question that proposes what may be meant, or nothing."""
    found = difflib.get_close_matches(name, sorted(names), n=1)
    return f" (did you mean {found[0]}?)" if found else ""


def _check_platform(option: str, platform: str) -> None:
    if platform not in _PLATFORMS:
        raise Problem(f"{option}: {platform!r} is no platform{near(platform, _PLATFORMS)}; conda's are called linux-64, linux-aarch64 and so on.")


def _check_virtual_package(where: str, name: str, version: t.Any) -> None:
    if name not in _VIRTUAL_PACKAGES:
        raise Problem(f"{where}: {name} is no virtual package{near(name, _VIRTUAL_PACKAGES)}; there are {', '.join(sorted(_VIRTUAL_PACKAGES))}.")
    if version is None or version == "":
        return
    if isinstance(version, float):
        raise Problem(f"{where}: {name}: {version} is a number, and YAML reads 2.30 as 2.3; write it in quotation marks: \"{version}\".")
    if isinstance(version, bool) or not isinstance(version, (str, int)) or not _VIRTUAL_PACKAGES[name].fullmatch(str(version)):
        what = "the name of a processor, such as x86_64_v3" if name == "__archspec" else "a version, such as 12.4"
        raise Problem(f"{where}: {name}: {version!r} is not {what}; an empty one hides it.")
