# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs ``ansible-test sanity`` from PyPI alone, on a copy of the working tree.

ansible-test insists on three things that a plain clone does not have:

- a folder really below ``ansible_collections`` (it resolves links): the tree is copied below build/sanity;
- its own virtualenvs below the home directory: it gets a home in our cache, so that nobody's ~/.ansible is touched;
- a get-pip script from its own server: ours does the same with the wheel of that pip version from PyPI.

usage: sanity.py [arguments of ansible-test sanity, for instance: --test validate-modules]
"""

from __future__ import annotations

import os
import pathlib
import re
import shutil
import subprocess
import sys

PROJECT = pathlib.Path(__file__).resolve().parents[2]
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "lockstep-gpufleet"
# Where packages come from: ansible-test hands none of the caller's settings about this on to pip, so they go into the
# configuration file of its home. The rest of the caller's settings must not count.
NETWORK_SETTINGS = ("index-url", "extra-index-url", "cert", "client-cert", "proxy", "trusted-host", "timeout")

GET_PIP = '''"""Does what get-pip.py does, with pip's own wheel."""
import runpy
import sys

sys.path.insert(0, {wheel!r})
options = [option for option in sys.argv[1:] if option not in ("--no-setuptools", "--no-wheel")]
sys.argv = ["pip", "install", "--upgrade"] + options
runpy.run_module("pip", run_name="__main__", alter_sys=True)
'''


def copy_tree(target: pathlib.Path) -> None:
    """Make ``target`` equal to the files of the working tree that git tracks or would track; keep equal files."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=PROJECT,
        check=True,
        stdout=subprocess.PIPE,
    ).stdout.decode()
    wanted = {name for name in listing.split("\0") if name and (PROJECT / name).is_file()}
    for name in wanted:
        source, copy = PROJECT / name, target / name
        if copy.is_file() and copy.read_bytes() == source.read_bytes():
            continue
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, copy)
    for path in sorted(target.rglob("*"), reverse=True):
        relative = path.relative_to(target)
        if relative.parts[0] == ".git":
            continue
        if path.is_file() and str(relative) not in wanted:
            path.unlink()
        elif path.is_dir() and not any(path.iterdir()):
            path.rmdir()
    # It asks git which files there are; without a repository of its own it would ask ours, which ignores build/.
    if not (target / ".git").exists():
        subprocess.run(["git", "init", "--quiet", target], check=True)


def provide_pip(home: pathlib.Path) -> None:
    """Place the script that ansible-test would download, for the pip version that it names."""
    import ansible_test._internal.python_requirements as requirements

    source = pathlib.Path(requirements.__file__).read_text(encoding="utf-8")
    found = re.search(r"pip='([0-9.]+)'", source)
    if not found:
        raise SystemExit(f"{requirements.__file__} no longer says which pip it wants; tests/run/sanity.py must follow it")
    version = found.group(1)
    wheel = home / f"pip-{version}-py3-none-any.whl"
    if not wheel.is_file():
        staging = home / "download"
        command = [sys.executable, "-m", "pip", "-qq", "--disable-pip-version-check", "download", "--no-deps"]
        subprocess.run([*command, "--dest", staging, f"pip=={version}"], check=True)
        os.replace(staging / wheel.name, wheel)
    script = home / ".ansible" / "test" / "cache" / f"get_pip_{version.replace('.', '_')}.py"
    script.parent.mkdir(parents=True, exist_ok=True)
    script.write_text(GET_PIP.format(wheel=str(wheel)), encoding="utf-8")


def keep_network_settings(home: pathlib.Path) -> None:
    """Write the caller's pip settings about the network into the pip configuration of ``home``."""
    listing = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], check=True, stdout=subprocess.PIPE, encoding="utf-8"
    ).stdout
    found: dict[str, str] = {}
    # The environment is listed as ":env:" and wins.
    for line in sorted(listing.splitlines(), key=lambda line: line.startswith(":env:")):
        name, value = line.split("=", 1)
        if (key := name.rpartition(".")[2]) in NETWORK_SETTINGS:
            found[key] = value.strip("'")
    for variable in ("https_proxy", "HTTPS_PROXY"):
        if os.environ.get(variable):
            found.setdefault("proxy", os.environ[variable])
    for variable in ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"):
        if os.environ.get(variable):
            found.setdefault("cert", os.environ[variable])
    path = home / ".config" / "pip" / "pip.conf"
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = ["[global]", "disable-pip-version-check = true", *(f"{key} = {value}" for key, value in sorted(found.items()))]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def main(arguments: list[str]) -> int:
    collection = PROJECT / "build" / "sanity" / "ansible_collections" / "lockstep" / "gpufleet"
    collection.mkdir(parents=True, exist_ok=True)
    copy_tree(collection)
    home = CACHE / "ansible-test"
    home.mkdir(parents=True, exist_ok=True)
    provide_pip(home)
    keep_network_settings(home)
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    command = [pathlib.Path(sys.executable).with_name("ansible-test"), "sanity", "--local", "--color", "no", "--python", version]
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("ANSIBLE_", "PYTHON", "PIP_"))}
    return subprocess.run(
        [*command, *arguments], cwd=collection, env={**environment, "HOME": str(home)}, stdin=subprocess.DEVNULL, check=False
    ).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
