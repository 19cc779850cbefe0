# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tunnels as ssh reads them: ssh itself is asked what an entry means."""

from __future__ import annotations

import subprocess

import pytest
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils import _tunnels as tunnels

ALICE = {"name": "alice", "port": 8801}
INVENTORY = {
    "ansible_host": "10.0.0.1",
    "ansible_port": 2222,
    "ansible_user": "alice",
    "ansible_ssh_private_key_file": "/keys/my key",
    "ansible_ssh_common_args": '-o ProxyCommand="ssh -W %h:%p jump" -J bastion -o StrictHostKeyChecking=yes -C',
}


def asked(text: str, name: str, tmp_path) -> dict[str, str]:
    """What ssh makes of the entry: ``ssh -G``."""
    path = tmp_path / "config"
    path.write_text(text)
    said = subprocess.run(["ssh", "-F", str(path), "-G", name], capture_output=True, text=True, check=True).stdout
    return dict(line.split(" ", 1) for line in said.splitlines() if " " in line)


def test_ssh_reads_an_entry_as_it_is_meant(tmp_path):
    tunnel, notes = tunnels.make_tunnel("gpu01", ALICE, INVENTORY, "alice")
    said = asked(tunnels.render([tunnel], {tunnel.name: 18801}, {}), "gpu01-jupyter", tmp_path)
    assert said["hostname"] == "10.0.0.1" and said["port"] == "2222" and said["user"] == "alice"
    assert said["localforward"] == "[127.0.0.1]:18801 [127.0.0.1]:8801"
    assert said["exitonforwardfailure"] == "yes" and said["serveraliveinterval"] == "15"
    assert said["identityfile"] == "/keys/my key"
    assert said["proxycommand"] == "ssh -W %h:%p jump" and said["stricthostkeychecking"] == "true"
    assert notes == ["gpu01: ansible_ssh_common_args has -C, which ssh_config cannot say"]


def test_a_socket_is_reached_as_one(tmp_path):
    tunnel, _notes = tunnels.make_tunnel("gpu01", {"name": "bob", "socket": "/run/lockstep-jupyter/bob/lab.sock"}, {}, "alice")
    said = asked(tunnels.render([tunnel], {tunnel.name: 18802}, {}), "gpu01-jupyter-bob", tmp_path)
    assert said["localforward"] == "[127.0.0.1]:18802 /run/lockstep-jupyter/bob/lab.sock"
    assert said["hostname"] == "gpu01" and said["user"] == "bob"


def test_the_key_of_the_login_is_not_given_to_others():
    tunnel, _notes = tunnels.make_tunnel("gpu01", {"name": "bob", "port": 1}, INVENTORY, "alice")
    assert "IdentityFile" not in dict(tunnel.options)


@pytest.mark.parametrize("variables", [{"ansible_host": "h\n  ProxyCommand evil"}, {"ansible_host": "two words"}])
def test_what_ssh_config_cannot_hold_is_refused_by_host(variables):
    with pytest.raises(Problem, match="^gpu01: "):
        tunnels.make_tunnel("gpu01", ALICE, variables, "alice")


def make(*names: str) -> list[tunnels.Tunnel]:
    return [tunnels.Tunnel(name, f"host-of-{name}", "h", "u", "127.0.0.1:1") for name in names]


@pytest.mark.parametrize(
    ("names", "before", "ports"),
    [
        (["a", "b"], {}, {"a": 100, "b": 101}),
        (["a", "b"], {"b": 100}, {"b": 100, "a": 101}),
        (["b"], {"a": 100, "b": 101}, {"b": 101}),
        (["a", "b", "c"], {"b": 7, "x": 101}, {"a": 100, "b": 7, "c": 101}),
    ],
)
def test_a_port_stays_with_its_server(names, before, ports):
    assert tunnels.assign_ports(make(*names), before, 100) == ports


def test_entries_of_hosts_that_were_not_asked_stay_as_they_are():
    text = tunnels.render(make("a", "b", "c"), {"a": 100, "b": 101, "c": 102}, {})
    kept = tunnels.entries_to_keep(text, {"host-of-a"}, {"host-of-a", "host-of-b"})
    assert list(kept) == ["b"]  # c has left the inventory, and a is written anew
    assert tunnels.assign_ports(make("d"), tunnels.ports_in(text), 101, kept) == {"d": 102}
    again = tunnels.render(make("a"), {"a": 100}, kept)
    assert again == tunnels.render(make("a", "b"), {"a": 100, "b": 101}, {})


@pytest.mark.parametrize(
    ("names", "first", "says"), [(["a", "a"], 100, "same name: a"), (["a", "b"], 65535, "not enough ports above 65535")]
)
def test_what_cannot_be_is_refused(names, first, says):
    with pytest.raises(Problem, match=says):
        tunnels.assign_ports(make(*names), {}, first)


def test_ports_are_read_back_from_what_was_written():
    ports = {"a": 100, "b-jupyter": 101}
    assert tunnels.ports_in(tunnels.render(make("b-jupyter", "a"), ports, {})) == ports
    assert tunnels.ports_in("Host x\n  LocalForward nonsense\n LocalForward 127.0.0.1:5 y\nHost z\n LocalForward 5 y\n") == {"x": 5}


PATH = "~/.ssh/config.d/lockstep"
OURS = f"{tunnels.MARK}\nInclude {PATH}\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (None, OURS),
        ("Host x\n  User y\n", OURS + "Host x\n  User y\n"),
        (OURS + "Host x\n", OURS + "Host x\n"),
        ("Include ~/.ssh/config.d/*\nHost x\n", "Include ~/.ssh/config.d/*\nHost x\n"),
        ("Include config.d/*\n", "Include config.d/*\n"),
        # Under a Host it counts for that one only.
        ("Host x\n  Include config.d/*\n", OURS + "Host x\n  Include config.d/*\n"),
        (f"{tunnels.MARK}\nInclude ~/elsewhere\nHost x\n", OURS + "Host x\n"),
    ],
)
def test_the_users_own_file_gets_one_marked_line_and_gives_it_back(before, after):
    assert tunnels.with_include(before, PATH) == after
    assert tunnels.with_include(after, PATH) == after
    if before is not None and OURS in after and tunnels.MARK not in before:
        assert tunnels.without_include(after) == before


def test_a_url_has_a_token_only_where_there_is_one():
    assert tunnels.url(18801, None) == "http://127.0.0.1:18801/lab"
    assert tunnels.url(18801, "s3cret") == "http://127.0.0.1:18801/lab?token=s3cret"
