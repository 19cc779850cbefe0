# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Builds or reuses Miniconda-style installers: two releases, so that a change of the base can be tested.

An installer is a POSIX shell script with a tar archive behind it. The archive holds conda's packages as a package
cache, the explicit list of what to install, and a Python with conda that does the installing.
"""

from __future__ import annotations

import functools
import gzip
import hashlib
import io
import pathlib
import tarfile
import typing as t

from conda_package_streaming import package_streaming

from testbed.cache import built, content_key
from testbed.channel import locks, rattler_call
from testbed.channel.recipe import GLIBC, INSTALLERS_URL, PYTHON, PYTHON_VERSION, TIMESTAMP

HERE = pathlib.Path(__file__).parent
NAME = "Miniconda3"

# Tag -> what its base is made of, beyond what both have. The releases differ in the version of one small package.
RELEASES = {"py311_24.7.1-bed1": ["bed-greeter==1.0"], "py311_24.7.1-bed2": ["bed-greeter==2.0"]}
_BASE = ["conda==24.7.1", f"python=={PYTHON_VERSION}", "pip", "setuptools", "wheel"]

# Parts of Python and packages that conda does not use while it installs.
_NOT_FOR_BOOT = ("ensurepip", "idlelib", "lib2to3", "pydoc_data", "turtledemo", "tkinter")
_PACKAGES_NOT_FOR_BOOT = ("bed-greeter", "pip", "wheel")


def file_name(tag: str) -> str:
    """Return the name that Miniconda's archive would give a release."""
    return f"{NAME}-{tag}-Linux-x86_64.sh"


def boot_path(path: str) -> str | None:
    """Return where a file of a package goes in the Python that installs, or None where it is not needed."""
    if path.startswith("site-packages/"):
        path = f"lib/python{PYTHON}/{path}"
    parts = path.split("/")
    if parts[0] not in ("bin", "lib") or (parts[:2] == ["lib", f"python{PYTHON}"] and parts[2] in _NOT_FOR_BOOT):
        return None
    return path


def _add(tar: tarfile.TarFile, path: str, content: bytes) -> None:
    entry = tarfile.TarInfo(path)
    entry.size, entry.mtime, entry.mode = len(content), TIMESTAMP, 0o644
    tar.addfile(entry, io.BytesIO(content))


def _boot(archives: list[pathlib.Path]) -> bytes:
    """Return a compressed tar archive of a Python with conda, made from the packages themselves."""
    buffer = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=buffer, mode="wb", compresslevel=4, mtime=0, filename="") as compressed,
        tarfile.open(fileobj=compressed, mode="w", format=tarfile.GNU_FORMAT) as tar,
    ):
        for archive in archives:
            for source, entry in package_streaming.stream_conda_component(archive, component="pkg"):
                path = boot_path(entry.name)
                if path:
                    entry.name, entry.pax_headers = path, {}
                    tar.addfile(entry, source.extractfile(entry) if entry.isreg() else None)
    return buffer.getvalue()


def _payload(packages: list[dict[str, t.Any]], channel: pathlib.Path, boot: bytes) -> bytes:
    """Return the archive that follows the script."""
    explicit = locks.explicit(packages, "linux-64", "md5")
    urls = [line.partition("#")[0] for line in explicit.splitlines() if line.startswith("http")]
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as tar:
        _add(tar, "conda-meta/initial-state.explicit.txt", explicit.encode())
        _add(tar, "install_tmp/boot.tar.gz", boot)
        _add(tar, "pkgs/urls.txt", "".join(f"{url}\n" for url in urls).encode())
        for package in packages:
            _add(tar, f"pkgs/{package['file_name']}", (channel / package["subdir"] / package["file_name"]).read_bytes())
    return buffer.getvalue()


def script(template: str, tag: str, payload: bytes, needed_kb: int) -> bytes:
    """Return the shell script for ``payload``. It knows its own length, which its text must not change."""
    values = {
        "NAME": NAME,
        "TAG": tag,
        "MD5": hashlib.md5(payload, usedforsecurity=False).hexdigest(),
        "GLIBC": GLIBC,
        "PAYLOAD_SIZE": str(len(payload)),
        "NEEDED_KB": str(needed_kb),
    }
    for name, value in values.items():
        template = template.replace(f"@{name}@", value)
    length = 0
    while len(text := template.replace("@HEADER_SIZE@", str(length)).encode()) != length:
        length = len(text)
    return text


def _make(channel: pathlib.Path, folder: pathlib.Path) -> None:
    jobs = [
        {"specs": _BASE + extra, "platform": "linux-64", "virtual_packages": locks.HOST} for extra in RELEASES.values()
    ]
    solved = rattler_call.call("solve_child.py", {"channel": str(channel), "jobs": jobs})
    first = [channel / p["subdir"] / p["file_name"] for p in solved[0] if p["name"] not in _PACKAGES_NOT_FOR_BOOT]
    boot = _boot(first)
    template = (HERE / "header.sh").read_text(encoding="utf-8")
    for tag, packages in zip(RELEASES, solved, strict=True):
        payload = _payload(packages, channel, boot)
        # Archives, their unpacked copies, the Python that installs; installed files are links into the cache.
        needed_kb = 5 * len(payload) // 1024
        with open(folder / file_name(tag), "wb") as file:
            file.write(script(template, tag, payload, needed_kb))
            file.write(payload)
        (folder / file_name(tag)).chmod(0o644)


def build(cache: pathlib.Path, channel: dict[str, t.Any]) -> dict[str, t.Any]:
    """Build or reuse the installers. ``channel``: what ``channel.build`` returned. Return their URL, tags and hashes.

    ``cache``: the bed's cache directory, below which ``testbed.cache`` puts everything.
    """
    source = pathlib.Path(channel["channel_path"])
    recipe = [
        HERE / "build.py",
        HERE / "header.sh",
        pathlib.Path(locks.__file__),
        pathlib.Path(locks.__file__).with_name("solve_child.py"),
    ]
    folder = built("installer", "installers", content_key(*recipe, source.name), functools.partial(_make, source))
    release, following = RELEASES
    return {
        "bed_installers": INSTALLERS_URL,
        "bed_miniconda_release": release,
        "bed_miniconda_sha256": _sha256(folder / file_name(release)),
        "bed_miniconda_next_release": following,
        "bed_miniconda_next_sha256": _sha256(folder / file_name(following)),
        "installers_path": str(folder),
    }


def _sha256(file: pathlib.Path) -> str:
    with open(file, "rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
