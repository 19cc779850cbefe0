# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Tunnels as ssh_config(5): one Host entry for each Jupyter server, each with a local port of its own. Pure.

This plugin util is private to the collection.

A local port stays a server's for as long as its entry stays in the file, so that bookmarks go on working.
"""

from __future__ import annotations

import dataclasses
import re
import shlex
import typing as t

from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem

HEAD = "# Managed by lockstep.gpufleet (tunnel): changes here are undone by the next run.\n"
#: The line above our Include in the user's own file.
MARK = "# lockstep.gpufleet: tunnels to Jupyter; remove both lines, or run the playbook tunnel with -e tunnel_state=absent"

_PLAIN = re.compile(r"[A-Za-z0-9_.@%+/~:\[\]-]+\Z")
_LAST_PORT = 65535


@dataclasses.dataclass(frozen=True)
class Tunnel:
    """A way to one server.

    ``name``: what is typed after ssh. ``host``: the inventory's name of the host. ``target``: where the server listens
    there, ``127.0.0.1:PORT`` or the path of a socket. ``options``: further directives of ssh_config(5) that the inventory
    asks for, keyword and value.
    """

    name: str
    host: str
    hostname: str
    user: str
    target: str
    port: int = 22
    options: tuple[tuple[str, str], ...] = ()


def make_tunnel(
    host: str, server: t.Mapping[str, t.Any], variables: t.Mapping[str, t.Any], asks: str
) -> tuple[Tunnel, list[str]]:
    """Return the tunnel to ``server`` of the inventory's ``host``, and what of the inventory ssh_config cannot say.

    ``server``: ``name`` of the account, and ``port`` or ``socket``. ``variables``: the host's. ``asks``: whose tunnels have the short name
    ``HOST-jupyter``; those of others end with the user's name. Raises Problem naming the host.
    """
    user = str(server["name"])
    name = f"{host}-jupyter" if user == asks else f"{host}-jupyter-{user}"
    hostname = str(variables.get("ansible_host") or host)
    for text in (name, hostname, user):
        if not _PLAIN.match(text):
            raise Problem(f"{host}: '{text}' cannot stand in ssh_config(5), so there is no tunnel to it")
    target = str(server["socket"]) if server.get("socket") else f"127.0.0.1:{int(server['port'])}"
    options, left = options_of(str(variables.get("ansible_ssh_common_args") or ""))
    key = variables.get("ansible_ssh_private_key_file")
    if key and user == str(variables.get("ansible_user") or asks):
        # It is the key of the account that Ansible logs in as; others have their own.
        options.append(("IdentityFile", _quoted(str(key))))
    notes = [f"{host}: ansible_ssh_common_args has {word}, which ssh_config cannot say" for word in left]
    return Tunnel(name, host, hostname, user, target, int(variables.get("ansible_port") or 22), tuple(options)), notes


def options_of(arguments: str) -> tuple[list[tuple[str, str]], list[str]]:
    """Return the directives that ssh's arguments amount to, and the arguments that have none."""
    found: list[tuple[str, str]] = []
    left: list[str] = []
    words = iter(shlex.split(arguments))
    for word in words:
        if word in ("-o", "-J", "-i"):
            word += next(words, "")
        if word.startswith("-o"):
            keyword, value = re.split(r"[=\s]\s*", word[2:].strip() + " ", maxsplit=1)
            found.append((keyword, _quoted(value.strip())))
        elif word.startswith("-J"):
            found.append(("ProxyJump", word[2:]))
        elif word.startswith("-i"):
            found.append(("IdentityFile", _quoted(word[2:])))
        else:
            left.append(word)
    return found, left


def _quoted(value: str) -> str:
    """Return one argument as ssh_config(5) reads it; ProxyCommand takes the rest of its line as it is."""
    return f'"{value}"' if " " in value and "%" not in value else value


def assign_ports(
    tunnels: t.Iterable[Tunnel], before: t.Mapping[str, int], first: int, kept: t.Container[str] = ()
) -> dict[str, int]:
    """Return name -> local port: the one it has in the file, otherwise the next one that is free.

    ``kept``: names of entries that stay as they are, and keep their ports.
    """
    wanted = [tunnel.name for tunnel in tunnels]
    twice = {name for name in wanted if wanted.count(name) > 1}
    if twice:
        raise Problem(f"two servers would be reached by the same name: {', '.join(sorted(twice))}")
    ports = {name: before[name] for name in wanted if name in before}
    taken = {port for name, port in before.items() if name in ports or name in kept}
    following = (port for port in range(first, _LAST_PORT + 1) if port not in taken)
    for name in wanted:
        if name not in ports:
            try:
                ports[name] = next(following)
            except StopIteration:
                raise Problem(f"first_port: there are not enough ports above {first} for {len(wanted)} tunnels") from None
    return ports


def ports_in(text: str) -> dict[str, int]:
    """Return name -> local port as our file has them; what somebody has edited beyond recognition is left out."""
    found: dict[str, int] = {}
    name = ""
    for line in text.splitlines():
        words = line.split()
        if len(words) == 2 and words[0].lower() == "host":
            name = words[1]
        elif len(words) == 3 and words[0].lower() == "localforward" and words[1].rpartition(":")[2].isdigit():
            port = int(words[1].rpartition(":")[2])
            if name and port not in found.values():
                found.setdefault(name, port)
    return found


def render(tunnels: t.Iterable[Tunnel], ports: t.Mapping[str, int], kept: t.Mapping[str, str]) -> str:
    """Return the file: an entry for each tunnel and what is ``kept`` (name -> text), in the order of their names."""
    entries = {**kept, **{tunnel.name: _entry(tunnel, ports[tunnel.name]) for tunnel in tunnels}}
    return "\n".join([HEAD, *[text for _name, text in sorted(entries.items())]])


def entries_to_keep(text: str, asked: t.Container[str], inventory: t.Container[str]) -> dict[str, str]:
    """Return name -> text of the entries of hosts that were not asked this time and are still in the inventory.

    A host that is down or left out today has its servers tomorrow.
    """
    kept = {}
    for entry in re.split(r"(?m)^(?=Host )", text)[1:]:
        host = re.search(r"(?m)^  # of (\S+)$", entry)
        if host and host[1] not in asked and host[1] in inventory:
            kept[entry.split()[1]] = entry.rstrip("\n") + "\n"
    return kept


def _entry(tunnel: Tunnel, port: int) -> str:
    lines = [
        ("#", f"of {tunnel.host}"),
        ("HostName", tunnel.hostname),
        ("Port", str(tunnel.port)),
        ("User", tunnel.user),
        ("LocalForward", f"127.0.0.1:{port} {tunnel.target}"),
        # Without the forward there is no reason to be connected.
        ("ExitOnForwardFailure", "yes"),
        ("ServerAliveInterval", "15"),
        ("ServerAliveCountMax", "4"),
        # A connection that is shared would keep the forward of an entry that was changed meanwhile.
        ("ControlMaster", "no"),
        ("ControlPath", "none"),
        *tunnel.options,
    ]
    return "".join([f"Host {tunnel.name}\n", *[f"  {keyword} {value}\n" for keyword, value in lines]])


def with_include(config: str | None, path: str) -> str:
    """Return the user's own file with our marked Include at its top; unchanged where a line of theirs includes it already.

    It stands first because an Include after a Host line belongs to that Host alone: ssh_config(5).
    """
    text = config or ""
    if f"{MARK}\nInclude {path}\n" in text:
        return text
    for line in text.splitlines():
        words = line.split()
        if words and words[0].lower() in ("host", "match"):
            break
        if words and words[0].lower() == "include" and _reaches(words[1:], path):
            return text
    return f"{MARK}\nInclude {path}\n{without_include(text)}"


def _reaches(patterns: t.Iterable[str], path: str) -> bool:
    folder = path.rpartition("/")[0]
    return any(pattern in (path, f"{folder}/*", "config.d/*", path.partition("/.ssh/")[2]) for pattern in patterns)


def without_include(config: str) -> str:
    """Return the user's own file without our two lines, wherever they stand."""
    return re.sub(re.escape(MARK) + r"\nInclude [^\n]*\n", "", config)


def url(port: int, token: str | None) -> str:
    """Return what to open in a browser."""
    return f"http://127.0.0.1:{port}/lab" + (f"?token={token}" if token else "")
