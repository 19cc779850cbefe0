# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook tunnel as a person uses it: run it, type what it prints, open the address, take it all away again."""

from __future__ import annotations

import contextlib
import os
import pathlib
import re
import subprocess
import sys
import time

import lab_client
import pytest

HERE = pathlib.Path(__file__).parent


def play(folder: pathlib.Path, *options: str) -> str:
    """Run the playbook for mia with files of her own below ``folder``; return what it prints."""
    done = subprocess.run(
        [
            pathlib.Path(sys.executable).with_name("ansible-playbook"), "-i", HERE / "inventory", "lockstep.gpufleet.tunnel",
            "-e", "tunnel_user=mia", "-e", f"tunnel_path={folder}/config.d/lockstep", "-e", f"tunnel_config={folder}/config", *options,
        ],
        env={
            **os.environ, "ANSIBLE_COLLECTIONS_PATH": str(lab_client.PROJECT / "build/collections"), "ANSIBLE_PIPELINING": "1",
            "ANSIBLE_NOCOLOR": "1",
        },
        capture_output=True, text=True, timeout=300, check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@contextlib.contextmanager
def typed(folder: pathlib.Path, name: str):
    """``ssh NAME``, left open for as long as this lasts. The key would be the one of the user's own ssh."""
    command = ["ssh", "-F", str(folder / "config"), "-i", str(lab_client.PROJECT / "build/bed/id_ed25519"), "-N", name]
    with subprocess.Popen(command) as process:
        try:
            yield
        finally:
            process.terminate()


def answers(port: int, token: str | None) -> int:
    """The status of the server behind this port, once there is one."""
    for _attempt in range(100):
        with contextlib.suppress(OSError):
            return lab_client.request(port, "/api/status", token)[0]
        time.sleep(0.1)
    raise AssertionError(f"nothing answers on port {port}")


@pytest.fixture
def folder(tmp_path: pathlib.Path) -> pathlib.Path:
    """An ssh configuration of one's own."""
    (tmp_path / "config").write_text("Host mine\n  User me\n")
    return tmp_path


def test_a_person_gets_to_her_servers_and_away_again(folder):
    said = play(folder, "-v")
    ways = {name: (int(port), token) for name, port, token in re.findall(
        r"ssh (\S+) +then http://127\.0\.0\.1:(\d+)/lab(?:\?token=(\w+))?", said
    )}
    assert sorted(ways) == ["lab01-jupyter", "lab01-jupyter-tom-b", "lab02-jupyter", "lab02-jupyter-tom-b"]
    assert len({port for port, _token in ways.values()}) == 4
    for name in ("lab01-jupyter", "lab02-jupyter"):  # a port, and a socket
        port, token = ways[name]
        assert said.count(token) == 1  # printed for her, and in no result, also at -v
        with typed(folder, name):
            assert (answers(port, None), answers(port, token)) == (403, 200)
    assert not any(token for name, (_port, token) in ways.items() if name.endswith("tom-b"))
    assert not any(token in path.read_text() for path in folder.rglob("*") if path.is_file() for _port, token in ways.values() if token)
    before = {path: path.read_text() for path in folder.rglob("*") if path.is_file()}
    assert "changed=0" in play(folder) and "changed=1" not in play(folder, "-e", "target=lab01")
    assert before == {path: path.read_text() for path in folder.rglob("*") if path.is_file()}
    play(folder, "-e", "tunnel_state=absent")
    assert {path.name: path.read_text() for path in folder.rglob("*") if path.is_file()} == {"config": "Host mine\n  User me\n"}


def test_check_mode_writes_nothing_and_shows_both_files(folder):
    said = play(folder, "--check", "--diff")
    assert "+Host lab01-jupyter" in said and "+Include" in said and "token=" not in said
    assert [path.name for path in folder.rglob("*") if path.is_file()] == ["config"]
