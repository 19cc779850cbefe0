# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""What makes one host differ from another: its host keys, machine id, names, and how its account is reached."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import subprocess
import tempfile
import uuid

from testbed.inventory import Host

WEB_HOST = "conda.bed.test"
LOGIN_ACCOUNT = "ops"
_KEY_TYPES = (("ed25519", ()), ("ecdsa", ("-b", "256")), ("rsa", ("-b", "3072")))


@dataclasses.dataclass(frozen=True)
class File:
    """A file of the host. ``owner``: account name, whose primary group it gets; parents are made with mode 0700."""

    path: str
    content: str
    mode: int = 0o644
    owner: str = "root"


def new_host_keys(comment: str) -> dict[str, tuple[str, str]]:
    """Return new host keys by type: (private key, public key) in OpenSSH's formats."""
    keys = {}
    with tempfile.TemporaryDirectory(prefix="lockstep-keys-") as folder:
        for kind, options in _KEY_TYPES:
            path = pathlib.Path(folder) / kind
            new_key(path, kind, comment, *options)
            keys[kind] = (path.read_text(encoding="ascii"), path.with_suffix(".pub").read_text(encoding="ascii"))
    return keys


def new_key(path: pathlib.Path, kind: str, comment: str, *options: str) -> None:
    """Write a new key pair without passphrase to ``path`` and ``path.pub``."""
    command = ["ssh-keygen", "-q", "-t", kind, *options, "-N", "", "-C", comment, "-f", str(path)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)


def login_key(folder: pathlib.Path) -> str:
    """Return the public key with which tests log in; the pair is made as ``folder``/id_ed25519 when absent."""
    private = folder / "id_ed25519"
    public = folder / "id_ed25519.pub"
    if not (private.exists() and public.exists()):
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".key-") as draft:
            new_key(pathlib.Path(draft) / "key", "ed25519", "lockstep-test-bed")
            os.replace(os.path.join(draft, "key.pub"), public)
            os.replace(os.path.join(draft, "key"), private)
    return public.read_text(encoding="ascii").strip()


def files_of(host: Host, public_key: str, keys: dict[str, tuple[str, str]], web_address: str) -> list[File]:
    """Return the files that make a fresh root of the image this host."""
    files = [
        File("/etc/machine-id", uuid.uuid4().hex + "\n", 0o444),
        File("/etc/hosts", hosts_file(host, web_address)),
    ]
    for kind, (private, public) in keys.items():
        files.append(File(f"/etc/ssh/ssh_host_{kind}_key", private, 0o600))
        files.append(File(f"/etc/ssh/ssh_host_{kind}_key.pub", public))
    if host.login == "key":
        files.append(File(f"/home/{LOGIN_ACCOUNT}/.ssh/authorized_keys", public_key + "\n", 0o600, LOGIN_ACCOUNT))
        files.append(File("/etc/sudoers.d/90-cloud-init-users", f"{LOGIN_ACCOUNT} ALL=(ALL) NOPASSWD:ALL\n", 0o440))
    return files


def hosts_file(host: Host, web_address: str) -> str:
    """Return /etc/hosts."""
    return (
        "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n"
        f"{host.address} {host.name}\n{web_address} {WEB_HOST}\n"
    )


def known_hosts(host: Host, public_keys: list[str]) -> str:
    """Return the lines of a known_hosts file that pin the keys of the host, by address and by name."""
    return "".join(f"{host.address},{host.name} {' '.join(key.split()[:2])}\n" for key in public_keys)


def place(root: pathlib.Path, files: list[File]) -> None:
    """Write the files below ``root``, the mounted root directory of a host that does not run."""
    accounts = {}
    for line in (root / "etc/passwd").read_text(encoding="utf-8").splitlines():
        fields = line.split(":")
        accounts[fields[0]] = (int(fields[2]), int(fields[3]))
    for file in files:
        path = root / file.path.lstrip("/")
        if not path.parent.exists():
            path.parent.mkdir(mode=0o700)
            os.chown(path.parent, *accounts[file.owner])
        path.unlink(missing_ok=True)
        path.touch(mode=0o600)
        path.write_text(file.content, encoding="utf-8")
        path.chmod(file.mode)
        os.chown(path, *accounts[file.owner])
