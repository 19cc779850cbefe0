# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Small packages, each with one property that installers get wrong, or that only some hosts may have."""

from __future__ import annotations

import os
import pathlib
import subprocess
import textwrap

from .archive import Member, Package
from .recipe import PLACEHOLDER, PYTHON, TIMESTAMP, clean_environment

SITE = f"lib/python{PYTHON}/site-packages"
_PYTHON = f"python >={PYTHON},<3.12.0a0"


def _text(text: str) -> Member:
    return Member(textwrap.dedent(text).lstrip("\n").encode())


def timestamp_pyc(interpreter: pathlib.Path, work: pathlib.Path) -> Package:
    """Bytecode that Python checks by the source's time and size (PEP 552), as most packages of conda-forge ship it.

    An installer that does not keep the times of files leaves this bytecode stale.
    """
    source = _text('''
        """Its bytecode is either used, or compiled again on every start where it cannot be written."""

        ANSWER = 42
        ''')
    file = work / "bed_timestamp_pyc.py"
    file.write_bytes(source.content)
    os.utime(file, (TIMESTAMP, TIMESTAMP))
    compiled = work / "bed_timestamp_pyc.pyc"
    code = "import py_compile, sys; py_compile.compile(sys.argv[1], sys.argv[2], dfile=sys.argv[3], doraise=True, "
    code += "invalidation_mode=py_compile.PycInvalidationMode.TIMESTAMP)"
    subprocess.run(
        [interpreter, "-I", "-B", "-c", code, file, compiled, f"/{SITE}/{file.name}"],
        env=clean_environment(),
        check=True,
    )
    members = {
        f"{SITE}/{file.name}": source,
        f"{SITE}/__pycache__/bed_timestamp_pyc.cpython-311.pyc": Member(compiled.read_bytes()),
    }
    return Package(
        "bed-timestamp-pyc",
        "1.0",
        "py311hbed_0",
        "linux-64",
        members,
        [_PYTHON],
        summary="Ships bytecode with a timestamp",
    )


def prefix_py() -> Package:
    """A module and a script that hold the prefix: both differ from the archive's files once installed."""
    module = _text(f'''
        """Knows where it is installed."""

        PREFIX = "{PLACEHOLDER}"


        def main() -> None:
            """Print the prefix that was written into this file at install time."""
            print(PREFIX)
        ''')
    script = _text(f"""
        #!{PLACEHOLDER}/bin/python
        from bed_prefix_py import main

        main()
        """)
    script.executable = True
    members = {f"{SITE}/bed_prefix_py.py": module, "bin/bed-prefix-py": script}
    return Package(
        "bed-prefix-py",
        "1.0",
        "py311hbed_0",
        "linux-64",
        members,
        [_PYTHON],
        summary="A module that is patched with the prefix",
    )


def post_link() -> Package:
    """A package with a post-link script, which real conda runs and which leaves a trace."""
    run = _text("""
        #!/bin/sh
        printf '%s %s\\n' "$PKG_NAME" "$PKG_VERSION" > "$PREFIX/share/bed-post-link.ran"
        """)
    run.executable = True
    members = {
        "bin/.bed-post-link-post-link.sh": run,
        "share/bed-post-link.txt": Member(b"A file beside which the script leaves its trace.\n"),
    }
    return Package("bed-post-link", "1.0", "hbed_0", "linux-64", members, summary="Has a post-link script")


def greeter(version: str) -> Package:
    """One package in two versions: a pure one, with a console script."""
    module = _text(f'''
        """Greets."""

        __version__ = "{version}"


        def main() -> None:
            """Print a greeting with the version."""
            print("hello from bed-greeter " + __version__)
        ''')
    information = f"site-packages/bed_greeter-{version}.dist-info"
    members = {
        "site-packages/bed_greeter.py": module,
        f"{information}/METADATA": Member(f"Metadata-Version: 2.1\nName: bed-greeter\nVersion: {version}\n".encode()),
        f"{information}/INSTALLER": Member(b"conda\n"),
        f"{information}/entry_points.txt": Member(b"[console_scripts]\nbed-greeter = bed_greeter:main\n"),
        f"{information}/RECORD": Member(f"bed_greeter.py,,\nbed_greeter-{version}.dist-info/RECORD,,\n".encode()),
    }
    package = Package(
        "bed-greeter", version, "pyhbed_0", "noarch", members, ["python >=3.9"], summary="Comes in two versions"
    )
    package.noarch, package.entry_points = True, ["bed-greeter = bed_greeter:main"]
    return package


def cuda_probe(subdir: str, build: str) -> Package:
    """A package with a CPU and a CUDA build; the CUDA one has the higher build number, or a tie would go to CPU."""
    members = {"share/bed-cuda-probe.txt": Member(f"{build} build for {subdir}\n".encode())}
    package = Package("bed-cuda-probe", "1.0", "cpu_hbed_0", subdir, members, summary="Has CPU and CUDA builds")
    if build == "cuda":
        package.build, package.build_number, package.depends = "cuda124_hbed_1", 1, ["__cuda >=12.4"]
    return package


def all_of_them(interpreter: pathlib.Path, work: pathlib.Path) -> list[Package]:
    """Return every special package."""
    cuda = [cuda_probe(subdir, build) for subdir in ("linux-64", "linux-aarch64") for build in ("cpu", "cuda")]
    return [timestamp_pyc(interpreter, work), prefix_py(), post_link(), greeter("1.0"), greeter("2.0"), *cuda]
