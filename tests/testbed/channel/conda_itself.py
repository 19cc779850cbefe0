# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real conda 24.7.1 as a conda package.

conda is not on PyPI, but conda-lock's wheel carries its source (``conda_lock/_vendor/conda``, BSD-3-Clause) under
another module name. Here it gets its own name back, and the files outside the module that conda's own package brings:
the programs, and the shell functions, for which ``shell/`` beside this file has sources.
"""

from __future__ import annotations

import pathlib
import tempfile
import zipfile

from testbed.runtime import BedError

from .archive import Member, Package
from .debian_python import compile_bytecode
from .recipe import HERE, PLACEHOLDER, PYTHON

VERSION = "24.7.1"
_INSIDE = "conda_lock/_vendor/conda/"
_SITE = f"lib/python{PYTHON}/site-packages"
_NAMES = (
    (b"conda_lock._vendor.conda", b"conda"),
    (b"conda_lock.vendor.conda", b"conda"),
    (b'".conda_lock"', b'".conda"'),
)

# conda's default solver (libmamba) and SAT library (pycosat) are not on PyPI as wheels; these are conda's alternatives.
_SOLVER = b"# Set by the package: the solvers that are there.\nsolver: classic\nsat_solver: pycryptosat\n"

_DEPENDS = [
    f"python >={PYTHON},<3.12.0a0",
    "archspec >=0.2.3",
    "boltons >=23.0.0",
    "charset-normalizer",
    "conda-package-handling >=2.2.0",
    "conda-package-streaming >=0.9.0",
    "distro >=1.5.0",
    "frozendict >=2.4.2",
    "jsonpatch >=1.32",
    "packaging >=23.0",
    "platformdirs >=3.10.0",
    "pluggy >=1.0.0",
    "pycryptosat >=5.11",
    "requests >=2.28.0,<3",
    "ruamel-yaml >=0.11.14,<0.19",
    "setuptools >=60.0.0",
    "tqdm >=4",
    "truststore >=0.8.0",
    "zstandard >=0.19.0",
]


def _entry_point(module: str, extra: str) -> bytes:
    """Return a program exactly as ``conda init`` (``conda/core/initialize.py``) writes it, so that init keeps it."""
    lines = [
        f"#!{PLACEHOLDER}/bin/python",
        "# -*- coding: utf-8 -*-",
        "import sys",
        extra,
        "if __name__ == '__main__':",
    ]
    return "\n".join([*lines, f"    from {module} import main", "    sys.exit(main())", ""]).encode()


_LEAVE_CWD_OUT = """\
# Before any more imports, leave cwd out of sys.path for internal 'conda shell.*' commands.
# see https://github.com/conda/conda/issues/6549
if len(sys.argv) > 1 and sys.argv[1].startswith('shell.') and sys.path and sys.path[0] == '':
    # The standard first entry in sys.path is an empty string,
    # and os.path.abspath('') expands to os.getcwd().
    del sys.path[0]
"""

_CONDA_ENV = b'''\
"""``conda-env``: the old name of ``conda env``."""

import sys


def main():
    """Run ``conda env`` with the arguments of ``conda-env``."""
    from conda.cli import main as conda

    return conda("env", *sys.argv[1:])
'''


def _programs(shell: dict[str, bytes]) -> dict[str, Member]:
    """Return what lies outside of site-packages."""
    conda = _entry_point("conda.cli", _LEAVE_CWD_OUT)
    values = {"CONDA_EXE": f"{PLACEHOLDER}/bin/conda", "_CE_M": "", "_CE_CONDA": ""}
    values["CONDA_PYTHON_EXE"] = f"{PLACEHOLDER}/bin/python"
    exports = "".join(f"export {name}='{value}'\n" for name, value in values.items()) + "\n"
    root = f'#!/bin/sh\n_CONDA_ROOT="{PLACEHOLDER}"\n'.encode()
    contents = {
        "bin/conda": conda,
        "condabin/conda": conda,
        "bin/conda-env": _entry_point("conda_env.cli.main", ""),
        "bin/activate": root + shell["bin/activate"],
        "bin/deactivate": root + shell["bin/deactivate"],
    }
    members = {path: Member(content, executable=True) for path, content in contents.items()}
    members["etc/profile.d/conda.sh"] = Member(exports.encode() + shell["etc/profile.d/conda.sh"])
    members["condarc.d/solver.yml"] = Member(_SOLVER)
    return members


def package(wheel: pathlib.Path, interpreter: pathlib.Path) -> Package:
    """Return the package ``conda``. ``wheel``: conda-lock's; ``interpreter``: Python 3.11, compiles the bytecode."""
    members: dict[str, Member] = {}
    with zipfile.ZipFile(wheel) as archive:
        for entry in archive.infolist():
            if entry.filename.startswith(_INSIDE) and not entry.is_dir():
                content = archive.read(entry)
                for old, new in _NAMES:
                    content = content.replace(old, new)
                members[f"{_SITE}/conda/{entry.filename.removeprefix(_INSIDE)}"] = Member(content)
    if f'version = "{VERSION}"'.encode() not in (version := members[f"{_SITE}/conda/_version.py"].content).replace(
        b"'", b'"'
    ):
        raise BedError(f"{wheel.name} carries another conda than {VERSION}: {version.decode()}")
    sources = HERE / "shell"
    shell = {str(file.relative_to(sources)): file.read_bytes() for file in sorted(sources.rglob("*")) if file.is_file()}
    members |= {f"{_SITE}/conda/shell/{path}": Member(content) for path, content in shell.items()}
    for path, content in {"__init__.py": b"", "cli/__init__.py": b"", "cli/main.py": _CONDA_ENV}.items():
        members[f"{_SITE}/conda_env/{path}"] = Member(content)
    information = f"{_SITE}/conda-{VERSION}.dist-info"
    members[f"{information}/METADATA"] = Member(f"Metadata-Version: 2.1\nName: conda\nVersion: {VERSION}\n".encode())
    members[f"{information}/INSTALLER"] = Member(b"conda\n")
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for path, member in members.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(member.content)
        compile_bytecode(interpreter, folder, folder)
        members |= {str(file.relative_to(folder)): Member(file.read_bytes()) for file in folder.rglob("*.pyc")}
    members |= _programs(shell)
    summary = "OS-agnostic, system-level binary package and environment manager"
    return Package(
        "conda", VERSION, "py311hbed_0", "linux-64", members, _DEPENDS, license="BSD-3-Clause", summary=summary
    )
