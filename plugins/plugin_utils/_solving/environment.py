# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The environment of the programs that solve: nothing of the user's own settings, but for how the network is reached.

This plugin util is private to the collection.
"""

from __future__ import annotations

import os

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.network import Network

#: Lower case wins, as everywhere.
_PROXIES = ("http_proxy", "https_proxy", "all_proxy")
_CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR")


def clean(home: str, network: Network) -> dict[str, str]:
    """Return all of a program's environment. ``home``: its home directory."""
    environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": home, "LC_ALL": "C.UTF-8"}
    if network.proxy:
        environment.update(dict.fromkeys(_PROXIES, network.proxy))
    else:
        for name in (*_PROXIES, "no_proxy"):
            if value := os.environ.get(name) or os.environ.get(name.upper()):
                environment[name] = value
    if network.ca_bundle:
        environment["SSL_CERT_FILE"] = network.ca_bundle
    else:
        environment.update({name: os.environ[name] for name in _CERTIFICATES if os.environ.get(name)})
    return environment
