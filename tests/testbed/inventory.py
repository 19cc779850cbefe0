# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fleet as an Ansible inventory defines it. Only plain YAML is read; Jinja is never evaluated here."""

from __future__ import annotations

import dataclasses
import ipaddress
import pathlib
import re
import typing as t

import yaml

from testbed.runtime import BedError

NETWORKS = ipaddress.ip_network("10.88.0.0/16")
WEB_NAME = "web"
_LOGINS = ("key", "password")
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,40}[a-z0-9])?")
_FIRST_HOST = 10  # 1 is the controller's side, 2 the web server; the rest is kept for what the bed may need


@dataclasses.dataclass(frozen=True)
class Host:
    """One host: ``login`` is how its account ``ops`` is reached at first contact, by ``key`` or by ``password``."""

    name: str
    address: str
    image: str
    login: str


@dataclasses.dataclass(frozen=True)
class Fleet:
    """The hosts of one inventory, all in the network 10.88.``number``.0/24."""

    number: int
    hosts: tuple[Host, ...]

    @property
    def network(self) -> str:
        """Return podman's name of the network; it begins the name of every container."""
        return f"lockstep-{self.number}"

    @property
    def web_address(self) -> str:
        """Return the address of the web server."""
        return f"10.88.{self.number}.2"

    def container(self, name: str) -> str:
        """Return podman's name for the host called ``name``, or for the web server. Raises ``BedError`` if unknown."""
        if name != WEB_NAME and name not in [host.name for host in self.hosts]:
            known = ", ".join([host.name for host in self.hosts] + [WEB_NAME])
            raise BedError(f"no host {name!r} in this inventory; it has {known}")
        return f"{self.network}-{name}"


def read(path: pathlib.Path, images: t.Collection[str]) -> Fleet:
    """Return the fleet that the inventory file (or ``hosts.yml`` in that directory) defines.

    Raises ``BedError`` naming the host and the variable when the bed cannot make such a fleet.
    """
    if path.is_dir():
        path = path / "hosts.yml"
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise BedError(f"cannot read the inventory {path}: {error}") from error
    except yaml.YAMLError as error:
        raise BedError(f"the inventory {path} is not YAML: {error}") from error
    try:
        return fleet_of(document, images)
    except BedError as error:
        raise BedError(f"{path}: {error}") from error


def fleet_of(document: t.Any, images: t.Collection[str]) -> Fleet:
    """Return the fleet in a parsed inventory: a dictionary of groups, each with hosts, vars, children."""
    if not isinstance(document, dict) or not document:
        raise BedError("a YAML inventory is a dictionary of groups; this is not")
    found: dict[str, dict[str, t.Any]] = {}
    for name, group in document.items():
        _collect(str(name), group, {}, found)
    hosts = tuple(_host(name, variables, images) for name, variables in found.items())
    if not hosts:
        raise BedError("no hosts; give each its `ansible_host: 10.88.N.M`")
    numbers = sorted({int(host.address.split(".")[2]) for host in hosts})
    if len(numbers) > 1:
        raise BedError(f"hosts of one inventory share one 10.88.N.0/24; found N = {', '.join(map(str, numbers))}")
    addresses = [host.address for host in hosts]
    for host in hosts:
        if addresses.count(host.address) > 1:
            raise BedError(f"the address {host.address} of {host.name} is given twice")
    return Fleet(numbers[0], hosts)


def _collect(name: str, group: t.Any, inherited: dict[str, t.Any], found: dict[str, dict[str, t.Any]]) -> None:
    """Gather the variables of every host below ``group``; nearer groups and the host's own variables win."""
    if group is None:
        return
    if not isinstance(group, dict):
        raise BedError(f"the group {name} is not a dictionary")
    inherited = dict(inherited, **_section(name, group, "vars"))
    for child, content in _section(name, group, "children").items():
        _collect(str(child), content, inherited, found)
    for host, own in _section(name, group, "hosts").items():
        if own is not None and not isinstance(own, dict):
            raise BedError(f"the variables of the host {host} are not a dictionary")
        known = found.setdefault(str(host), {})
        known.update(inherited)
        known.update(own or {})


def _section(name: str, group: dict[str, t.Any], key: str) -> dict[str, t.Any]:
    section = group.get(key) or {}
    if not isinstance(section, dict):
        raise BedError(f"`{key}` of the group {name} is not a dictionary")
    return section


def _host(name: str, variables: dict[str, t.Any], images: t.Collection[str]) -> Host:
    if not _NAME.fullmatch(name) or name == WEB_NAME:
        raise BedError(f"{name!r} cannot be a host: use lower-case letters, digits and dashes, and not {WEB_NAME!r}")
    given = variables.get("ansible_host")
    try:
        address = ipaddress.IPv4Address(str(given))
    except ValueError:
        address = None
    if address is None or address not in NETWORKS or not _FIRST_HOST <= address.packed[3] < 255:
        raise BedError(f"{name} needs `ansible_host: 10.88.N.M` with M from {_FIRST_HOST} to 254, not {given!r}")
    image = str(variables.get("bed_image", "debian12"))
    if image not in images:
        raise BedError(f"bed_image of {name} is {image!r}; the bed has {', '.join(sorted(images))}")
    login = str(variables.get("bed_login", "key"))
    if login not in _LOGINS:
        raise BedError(f"bed_login of {name} is {login!r}; it can be {' or '.join(_LOGINS)}")
    return Host(name, str(address), image, login)
