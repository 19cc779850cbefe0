# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""PyPI's wheels as conda packages: noarch for pure wheels, linux-64 with scripts and bytecode for the others.

Names are PyPI's canonical ones on both sides, so that a dependency needs no table of names.
"""

from __future__ import annotations

import base64
import configparser
import email.parser
import email.message
import hashlib
import pathlib
import re
import tempfile
import zipfile

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name, parse_wheel_filename

from .archive import Member, Package
from .debian_python import compile_bytecode
from .recipe import PLACEHOLDER, PYTHON, PYTHON_VERSION

# On every host of the fleet:
# https://packaging.python.org/en/latest/specifications/dependency-specifiers/#environment-markers
MARKERS = {
    "implementation_name": "cpython",
    "implementation_version": PYTHON_VERSION,
    "os_name": "posix",
    "platform_machine": "x86_64",
    "platform_python_implementation": "CPython",
    "platform_release": "",
    "platform_system": "Linux",
    "platform_version": "",
    "python_full_version": PYTHON_VERSION,
    "python_version": PYTHON,
    "sys_platform": "linux",
}


def read_metadata(wheel: pathlib.Path) -> email.message.Message:
    """Return the core metadata of a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        name = next(n for n in archive.namelist() if re.fullmatch(r"[^/]+\.dist-info/METADATA", n))
        return email.parser.Parser().parsestr(archive.read(name).decode("utf-8", "replace"))


def match_spec(requirement: Requirement) -> str:
    """Return a conda match spec for a PEP 508 requirement, without its extras and marker."""
    versions = ",".join(sorted(str(s).replace("===", "==") for s in requirement.specifier))
    return f"{canonicalize_name(requirement.name)} {versions}".strip()


def depends(
    name: str, wheels: dict[str, pathlib.Path], extras: tuple[str, ...] = ("",), seen: set[str] | None = None
) -> set[str]:
    """Return match specs of what wheel ``name`` needs on the fleet; extras that it asks of others are inlined."""
    seen = set() if seen is None else seen
    found: set[str] = set()
    for line in read_metadata(wheels[name]).get_all("Requires-Dist") or []:
        requirement = Requirement(line)
        by_extra = requirement.marker is not None and "extra" in str(requirement.marker)
        if extras != ("",) and not by_extra:
            continue
        if requirement.marker and not any(requirement.marker.evaluate(MARKERS | {"extra": extra}) for extra in extras):
            continue
        found.add(match_spec(requirement))
        wanted, other = f"{requirement.name}{sorted(requirement.extras)}", canonicalize_name(requirement.name)
        if requirement.extras and wanted not in seen and other in wheels:
            found |= depends(other, wheels, tuple(sorted(requirement.extras)), seen | {wanted})
    return found


def entry_points(text: str) -> dict[str, str]:
    """Return script name -> ``module:function`` from an ``entry_points.txt``."""
    parser = configparser.ConfigParser(delimiters=("=",), interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(text)
    sections = [s for s in ("console_scripts", "gui_scripts") if parser.has_section(s)]
    return {name: value.split("[")[0].replace(" ", "") for section in sections for name, value in parser.items(section)}


def script(target: str) -> bytes:
    """Return the script that calls ``module:function``, for the prefix that the installer will write into it."""
    module, function = target.split(":")
    first = function.split(".")[0]
    lines = [f"#!{PLACEHOLDER}/bin/python{PYTHON}", "import sys", "", f"from {module} import {first}", ""]
    return "\n".join([*lines, 'if __name__ == "__main__":', f"    sys.exit({function}())", ""]).encode()


def place(path: str, *, pure: bool, name: str) -> str:
    """Return where a member of a wheel goes in the package, by the wheel format's rules for ``*.data`` folders."""
    site = "site-packages/" if pure else f"lib/python{PYTHON}/site-packages/"
    if not path.split("/")[0].endswith(".data"):
        return site + path
    _data, kind, rest = path.split("/", 2)
    folders = {
        "purelib": site,
        "platlib": site,
        "data": "",
        "scripts": "python-scripts/" if pure else "bin/",
        "headers": f"include/python{PYTHON}/{name}/",
    }
    return folders[kind] + rest


def record(members: dict[str, Member], site: str, path: str) -> bytes:
    """Return the ``RECORD`` of an installed package (PEP 376), which lists everything but bytecode."""
    lines = []
    for member in sorted(members):
        outside = "../../../" + member.replace("python-scripts/", "bin/", 1)
        where = member.removeprefix(site) if member.startswith(site) else outside
        digest = base64.urlsafe_b64encode(hashlib.sha256(members[member].content).digest()).rstrip(b"=").decode()
        lines.append(f"{where},sha256={digest},{len(members[member].content)}\n")
    return "".join([*lines, f"{path},,\n"]).encode()


def _bytecode(members: dict[str, Member], interpreter: pathlib.Path) -> dict[str, Member]:
    """Return the bytecode of the Python files of a platform package, as conda-forge ships it."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for path, member in members.items():
            if path.endswith(".py") and path.startswith("lib/"):
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                (folder / path).write_bytes(member.content)
        compile_bytecode(interpreter, folder, folder)
        return {str(file.relative_to(folder)): Member(file.read_bytes()) for file in folder.rglob("*.pyc")}


def convert(name: str, wheels: dict[str, pathlib.Path], interpreter: pathlib.Path) -> Package:
    """Return the conda package for wheel ``name`` of ``wheels``; ``interpreter``: Python 3.11, compiles bytecode."""
    wheel = wheels[name]
    _name, version, _build, tags = parse_wheel_filename(wheel.name)
    pure = all(tag.platform == "any" for tag in tags)
    site = "site-packages/" if pure else f"lib/python{PYTHON}/site-packages/"
    members: dict[str, Member] = {}
    scripts: dict[str, str] = {}
    with zipfile.ZipFile(wheel) as archive:
        for entry in archive.infolist():
            if entry.is_dir():
                continue
            path, content = place(entry.filename, pure=pure, name=name), archive.read(entry)
            executable = bool((entry.external_attr >> 16) & 0o111) or path.startswith(("bin/", "python-scripts/"))
            if ".data/scripts/" in entry.filename and content.startswith(b"#!python"):
                content = re.sub(rb"^#!pythonw?[^\n]*", f"#!{PLACEHOLDER}/bin/python".encode(), content)
            if re.fullmatch(r"[^/]+\.dist-info/entry_points\.txt", entry.filename):
                scripts = entry_points(content.decode())
            members[path] = Member(content, executable)
    info = next(
        path for path in members if re.fullmatch(re.escape(site) + r"[^/]+\.dist-info/METADATA", path)
    ).rpartition("/")[0]
    del members[f"{info}/RECORD"]
    members[f"{info}/INSTALLER"] = Member(b"conda\n")
    if not pure:
        members |= {
            f"bin/{script_name}": Member(script(target), executable=True) for script_name, target in scripts.items()
        }
    members[f"{info}/RECORD"] = Member(record(members, site, f"{info.removeprefix(site)}/RECORD"))
    if not pure:
        members |= _bytecode(members, interpreter)
    metadata = read_metadata(wheel)
    python = (metadata.get("Requires-Python") or "").replace(" ", "")
    return Package(
        name=name,
        version=str(version),
        build="pyhbed_0" if pure else "py311hbed_0",
        subdir="noarch" if pure else "linux-64",
        members=members,
        depends=[
            *depends(name, wheels),
            *([f"python {python}".strip()] if pure else [f"python >={PYTHON},<3.12.0a0", "__glibc >=2.28"]),
        ],
        noarch=pure,
        entry_points=[f"{script_name} = {target}" for script_name, target in sorted(scripts.items())] if pure else [],
        license=(metadata.get("License-Expression") or metadata.get("License") or "unknown").splitlines()[0][:60],
        summary=metadata.get("Summary") or "",
    )
