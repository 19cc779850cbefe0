# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How downloads reach their servers; see module_utils/_conda/network.py."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  proxy:
    description:
      - URL of an HTTP proxy for every download of the host, with C(user:password@) if it wants that.
      - Default are C(http_proxy) and C(https_proxy) of the task's environment. Its C(no_proxy) counts in both cases.
    type: str
  ca_bundle:
    description: File on the host with the certificates (PEM) to trust instead of the system's. Default is C(SSL_CERT_FILE).
    type: path
  netrc:
    description:
      - File on the host with credentials by server name, see netrc(5). An entry C(default) is not used.
      - Default is what C(NETRC) names, or C(~/.netrc) of the user that the task runs as.
    type: path
  credentials:
    description:
      - Credentials by server name (C(server.example.org) or C(server.example.org:8443)), as dictionaries with C(username) and
        C(password), or with C(token), which is sent as a bearer token.
      - They win over O(netrc), and C(user:password@) in a URL wins over both. Each server is told its own only, after a
        redirect too. They are never stored on the host, and appear in no output.
    type: dict
"""
