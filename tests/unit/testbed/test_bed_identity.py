# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import importlib.util
import os
import pathlib

from testbed import identity, published
from testbed.inventory import Host

KEYS = {"ed25519": ("private\n", "ssh-ed25519 AAAA root@a\n")}


def _paths(login: str) -> dict[str, identity.File]:
    files = identity.files_of(Host("a", "10.88.7.11", "debian12", login), "ssh-ed25519 BBBB test", KEYS, "10.88.7.2")
    return {file.path: file for file in files}


def test_a_host_reached_by_key_has_the_key_and_sudo_without_password() -> None:
    files = _paths("key")
    assert files["/home/ops/.ssh/authorized_keys"] == identity.File(
        "/home/ops/.ssh/authorized_keys", "ssh-ed25519 BBBB test\n", 0o600, "ops"
    )
    assert "NOPASSWD" in files["/etc/sudoers.d/90-cloud-init-users"].content
    assert files["/etc/ssh/ssh_host_ed25519_key"].mode == 0o600
    assert "10.88.7.2 conda.bed.test\n" in files["/etc/hosts"].content


def test_a_host_reached_by_password_has_neither() -> None:
    assert not [path for path in _paths("password") if "sudoers" in path or "authorized_keys" in path]


def test_known_hosts_pins_address_and_name_without_the_comment() -> None:
    host = Host("a", "10.88.7.11", "debian12", "key")
    assert identity.known_hosts(host, ["ssh-ed25519 AAAA root@a\n"]) == "10.88.7.11,a ssh-ed25519 AAAA\n"


def test_the_login_key_is_made_once(tmp_path: pathlib.Path) -> None:
    key = identity.login_key(tmp_path / "bed")
    assert key.startswith("ssh-ed25519 ")
    assert identity.login_key(tmp_path / "bed") == key
    assert (tmp_path / "bed" / "id_ed25519").stat().st_mode & 0o777 == 0o600


def test_files_are_placed_with_owner_and_mode(tmp_path: pathlib.Path) -> None:
    (tmp_path / "etc").mkdir()
    mine = f"{os.getuid()}:{os.getgid()}"
    (tmp_path / "etc/passwd").write_text(f"root:x:{mine}:::\nops:x:{mine}:::\n", encoding="utf-8")
    (tmp_path / "home").mkdir()
    identity.place(tmp_path, [identity.File("/home/x/key", "k", 0o400, "ops"), identity.File("/etc/hosts", "h")])
    assert (tmp_path / "home/x").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "home/x/key").stat().st_mode & 0o777 == 0o400
    assert (tmp_path / "etc/hosts").read_text(encoding="utf-8") == "h"


def test_variables_keep_what_a_partial_build_did_not_find(tmp_path: pathlib.Path) -> None:
    published.write(tmp_path, {"bed_locks": "/cache/locks-1", "locks_path": "/cache/locks-1", "channel_path": "/x"})
    published.write(tmp_path, {"bed_miniconda_release": "py311_24.7.1-bed1"})
    text = (tmp_path / "vars.yml").read_text(encoding="utf-8")
    assert "bed_miniconda_release: py311_24.7.1-bed1" in text
    assert "bed_locks: /cache/locks-1" in text
    assert "bed_wheels: http://conda.bed.test/wheels" in text
    assert "channel_path" not in text
    assert os.readlink(tmp_path / "locks") == "/cache/locks-1"


def test_corrupt_keeps_the_length_and_changes_a_few_bytes() -> None:
    source = pathlib.Path(published.__file__).parent / "web" / "faults.py"
    spec = importlib.util.spec_from_file_location("faults", source)
    assert spec and spec.loader
    faults = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(faults)
    for size in (1, 7, 8, 100_000):
        good = bytes(size)
        bad = faults.corrupt(good)
        assert len(bad) == size
        assert 0 < sum(1 for one, other in zip(good, bad) if one != other) <= 9
