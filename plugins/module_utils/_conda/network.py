# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How downloads reach their servers: mirrors, proxy, certificates, credentials and patience, in one value.

What is secret goes from the controller to the host in one text that Ansible never logs (``conceal`` there, ``Network.of``
here). It is not written to any disk of the host.

This module util is private to the collection.
"""

from __future__ import annotations

import base64
import dataclasses
import json
import os
import typing as t
from urllib.parse import unquote, urlsplit

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.urls import hidden, public_url
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem

#: Options whose URLs may hold credentials; ``mirrors`` holds many.
_ADDRESSES = ("proxy", "mirror", "engine_mirror")

_SCHEMES = ("http", "https", "file")


@dataclasses.dataclass(frozen=True)
class Credential:
    """What one server is told: a user and a password, or a token."""

    username: str = ""
    password: str = dataclasses.field(default="", repr=False)
    token: str = dataclasses.field(default="", repr=False)

    def header(self) -> str:
        """Return the value of the header ``Authorization``."""
        if self.token:
            return "Bearer " + self.token
        return "Basic " + base64.b64encode(f"{self.username}:{self.password}".encode()).decode()


@dataclasses.dataclass(frozen=True)
class Network:
    """How to reach servers.

    ``timeout``: seconds that a server may stay silent. ``retries``: further attempts after a failure that may pass.
    ``proxy``: URL of an HTTP proxy; None: what ``http_proxy`` and its like say. ``ca_bundle``: file of certificates that are
    trusted instead of the system's; None: the system's, or what ``SSL_CERT_FILE`` says. ``netrc``: file with credentials;
    None: what ``NETRC`` names, or ``~/.netrc``, if there is one. ``credentials``: by server name, lower case, with or
    without a port. ``mirrors``: pairs of URL beginnings, without closing slashes.
    """

    timeout: float = 30.0
    retries: int = 3
    proxy: str | None = dataclasses.field(default=None, repr=False)
    ca_bundle: str | None = None
    netrc: str | None = None
    credentials: t.Mapping[str, Credential] = dataclasses.field(default_factory=dict, repr=False)
    mirrors: tuple[tuple[str, str], ...] = dataclasses.field(default=(), repr=False)

    @classmethod
    def of(cls, params: t.Mapping[str, t.Any], timeout: float, retries: int) -> Network:
        """Return what a module's options ask for (``arguments.network_spec``), with what ``conceal`` put aside.

        Raises Problem on options that make no sense, before anything is fetched.
        """
        params = reveal(params)
        return cls(
            timeout=timeout,
            retries=retries,
            proxy=_checked_proxy(params.get("proxy")),
            ca_bundle=params.get("ca_bundle"),
            netrc=params.get("netrc"),
            credentials=_checked_credentials(params.get("credentials") or {}),
            mirrors=_checked_mirrors(params.get("mirrors") or {}),
        )

    def locate(self, url: str) -> str:
        """Return where to fetch ``url`` from: from the mirror whose beginning is the longest that fits, or from itself.

        Credentials in ``url`` are meant for its own server and are not sent to a mirror.
        """
        plain = _normal(public_url(url))
        found = [pair for pair in self.mirrors if plain == pair[0] or plain.startswith(pair[0] + "/")]
        if not found:
            return url
        beginning, instead = max(found, key=lambda pair: len(pair[0]))
        return instead + plain[len(beginning) :]

    def authorization(self, url: str) -> str | None:
        """Return the value of the header ``Authorization`` for ``url``, None if nothing is known for its server.

        First ``user:password@`` of the URL itself, then ``credentials``, then the netrc file's entry of that very
        machine (an entry ``default`` would tell a password to everybody, so it is not used).
        """
        parts = urlsplit(url)
        user, colon, password = parts.netloc.rpartition("@")[0].partition(":")
        if colon:
            return Credential(unquote(user), unquote(password)).header()
        host = (parts.hostname or "").lower()
        known = self.credentials.get(f"{host}:{parts.port}") or self.credentials.get(host) or self._from_netrc(host)
        if known is None and user:
            known = Credential(unquote(user), "")
        return known.header() if known else None

    def _from_netrc(self, host: str) -> Credential | None:
        entry = self.netrc_entries().get(host)
        return Credential(*entry) if entry else None

    def netrc_entries(self) -> dict[str, tuple[str, str]]:
        """Return user and password by machine, as the netrc file has them; raises Problem if it cannot be read."""
        path = self.netrc or os.environ.get("NETRC") or os.path.expanduser("~/.netrc")
        if not self.netrc and not os.path.isfile(path):
            return {}
        import netrc

        try:
            hosts = netrc.netrc(path).hosts
        except netrc.NetrcParseError as error:  # its own text may quote a password
            raise Problem(f"netrc: {path}, line {error.lineno}: is not understood, see netrc(5).") from None
        except (OSError, UnicodeDecodeError) as error:
            raise Problem(f"netrc: {path} cannot be read: {getattr(error, 'strerror', None) or 'no text'}.") from None
        return {name: (entry[0] or "", entry[2] or "") for name, entry in hosts.items() if name != "default"}


def secrets(params: t.Mapping[str, t.Any]) -> set[str]:
    """Return what must never be shown of the options that ``conceal`` or a user filled; for ``no_log_values``."""
    params = reveal(params)
    found: set[str] = set()
    for url in [*(params.get(name) for name in _ADDRESSES), *(params.get("mirrors") or {}).values()]:
        if isinstance(url, str):
            found |= hidden(url)
    for one in (params.get("credentials") or {}).values():
        if isinstance(one, dict):
            found |= {str(one[name]) for name in ("password", "token") if one.get(name)}
    return found


def conceal(params: dict[str, t.Any]) -> dict[str, t.Any]:
    """Return the options with everything secret moved into one text, ``_secrets``, that no log shows; on the controller.

    Ansible writes a module's options to the host's journal and into results. An option that is a dictionary and secret
    would be masked word by word, user names included, wherever these words occur in a result.
    """
    aside: dict[str, t.Any] = {}
    shown = dict(params)
    if shown.pop("credentials", None):
        aside["credentials"] = params["credentials"]
    for name in _ADDRESSES:
        if isinstance(params.get(name), str) and hidden(params[name]):
            aside[name] = params[name]
            shown[name] = public_url(params[name])
    mirrors = params.get("mirrors")
    if isinstance(mirrors, dict) and any(hidden(str(url)) for pair in mirrors.items() for url in pair):
        aside["mirrors"] = mirrors
        shown["mirrors"] = {public_url(str(old)): public_url(str(new)) for old, new in mirrors.items()}
    if aside:
        shown["_secrets"] = json.dumps(aside)
    return shown


def reveal(params: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """Return the options as they were before ``conceal``."""
    aside = params.get("_secrets")
    return {**params, **json.loads(aside)} if aside else dict(params)


def _normal(url: str) -> str:
    """Return ``url`` with scheme and host in lower case and without closing slashes."""
    parts = urlsplit(url)
    return parts._replace(scheme=parts.scheme.lower(), netloc=parts.netloc.lower()).geturl().rstrip("/")


def _checked_proxy(proxy: t.Any) -> str | None:
    if not proxy:
        return None
    parts = _split(proxy)
    if parts is None or parts.scheme != "http" or not parts.hostname:
        raise Problem(f"proxy: {public_url(proxy)} is no URL of an HTTP proxy, such as http://proxy.example.org:3128.")
    return str(proxy)


def _checked_mirrors(mirrors: t.Any) -> tuple[tuple[str, str], ...]:
    result = []
    for old, new in mirrors.items():
        for url in (old, new):
            parts = _split(url)
            if parts is None or parts.scheme not in _SCHEMES or not (parts.hostname or parts.scheme == "file"):
                raise Problem(f"mirrors: {public_url(str(url))} is no beginning of an http, https or file URL.")
        result.append((_normal(public_url(old)), new.rstrip("/")))
    return tuple(sorted(result))


def _checked_credentials(credentials: t.Any) -> dict[str, Credential]:
    result = {}
    for server, one in credentials.items():
        server = str(server)
        names = sorted(one) if isinstance(one, dict) else []
        if names not in (["password", "username"], ["token"]) or "/" in server or "@" in server:
            raise Problem(
                f"credentials: {public_url(server)} needs to be a server's name with either username and password, or token."
            )
        values = {name: str(value) for name, value in one.items()}
        if any(ord(character) < 32 for value in values.values() for character in value) or not all(values.values()):
            raise Problem(f"credentials: {server}: {' and '.join(names)} must be text, on one line and not empty.")
        result[server.lower()] = Credential(**values)
    return result


def _split(url: t.Any) -> t.Any:
    """Return the parts of a URL, or None if it is none."""
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - raises ValueError
        return parts
    except (ValueError, AttributeError, TypeError):
        return None
