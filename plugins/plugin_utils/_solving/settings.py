# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The options of actions that solve: with which programs, and how servers are reached.

This plugin util is private to the collection.
"""

from __future__ import annotations

import datetime
import os
import ssl
import typing as t

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.network import Network
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._solving import tools
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._solving.model import Settings

#: What argument specs of these actions have in common.
ARGUMENTS: dict[str, t.Any] = {
    "pypi_names": {"type": "dict", "default": {}},
    "controller_python": {"type": "str"},
    "uv": {"type": "str"},
    "timeout": {"type": "int", "default": 30},
    "proxy": {"type": "str"},
    "ca_bundle": {"type": "str"},
    "netrc": {"type": "str"},
    "credentials": {"type": "dict", "no_log": True},
}

_RETRIES = 2


def cache_directory() -> str:
    """Return where on the controller is kept what channels and indexes said, of the user who runs Ansible."""
    return os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "lockstep-gpufleet", "locking")


def of(arguments: t.Mapping[str, t.Any], exclude_newer: datetime.datetime | None = None) -> Settings:
    """Return what ``arguments`` (``ARGUMENTS``) say. Raises Problem on options that make no sense, before anything is asked."""
    if arguments["timeout"] < 1:
        raise Problem(f"timeout: {arguments['timeout']} is less than one second.")
    for conda, pypi in arguments["pypi_names"].items():
        if not isinstance(pypi, str) or not pypi:
            raise Problem(f"pypi_names: {conda}: {pypi!r} is no name on PyPI.")
    if arguments["ca_bundle"]:
        _check_certificates(arguments["ca_bundle"])
    return Settings(
        tools=tools.find(arguments["controller_python"], arguments["uv"]),
        network=Network.of(arguments, arguments["timeout"], _RETRIES),
        cache=cache_directory(),
        exclude_newer=exclude_newer,
        pypi_names=arguments["pypi_names"],
    )


def _check_certificates(path: str) -> None:
    """Raise Problem if the file at ``path`` holds no certificates, of which the solver says nothing that anybody understands."""
    try:
        found = ssl.create_default_context(cafile=path).get_ca_certs()
    except ssl.SSLError:
        found = []
    except OSError as error:
        raise Problem(f"ca_bundle: {path} cannot be read: {error.strerror}.") from None
    if not found:
        raise Problem(f"ca_bundle: {path} holds no certificates of authorities in PEM.")
