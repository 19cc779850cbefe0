# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What conda brings already, as pip sees it: which conda packages are Python distributions, and under which names and versions.

This plugin util is private to the collection.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import tempfile
import typing as t
import zipfile
from urllib.parse import unquote

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.ordering import canonical, name_of
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locks.document import Entry
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._packaging import InvalidVersion, Version

#: PyPI's names of well-known conda packages that are called otherwise there. Several conda packages may be one there.
WELL_KNOWN = {
    "astropy-base": "astropy",
    "backports.zoneinfo": "backports-zoneinfo",
    "brotli-python": "brotli",
    "dask-core": "dask",
    "faiss-cpu": "faiss-cpu",
    "importlib_metadata": "importlib-metadata",
    "matplotlib-base": "matplotlib",
    "msgpack-python": "msgpack",
    "opencv": "opencv-python",
    "py-opencv": "opencv-python",
    "py-xgboost": "xgboost",
    "py-xgboost-cpu": "xgboost",
    "py-xgboost-gpu": "xgboost",
    "pyqt": "pyqt5",
    "python-annoy": "annoy",
    "python-build": "build",
    "python-confluent-kafka": "confluent-kafka",
    "python-duckdb": "duckdb",
    "python-editor": "python-editor",
    "python-flatbuffers": "flatbuffers",
    "python-graphviz": "graphviz",
    "python-hdfs": "hdfs",
    "python-kubernetes": "kubernetes",
    "python-lmdb": "lmdb",
    "python-xxhash": "xxhash",
    "pytables": "tables",
    "pytorch": "torch",
    "pytorch-cpu": "torch",
    "pytorch-gpu": "torch",
    "ray-core": "ray",
    "ray-default": "ray",
    "seaborn-base": "seaborn",
    "tensorflow-base": "tensorflow",
}

_PURL = re.compile(r"pkg:pypi/([^@?#]+)(?:@([^?#]+))?")
_RELEASE = re.compile(r"\d+(?:\.\d+)*")

#: The time that archives are said to be from, so that equal content is equal bytes.
_EPOCH = (1980, 1, 1, 0, 0, 0)


class Provided(t.NamedTuple):
    """A Python distribution that conda brings. ``name``: as PEP 503 compares it. ``version``: as PEP 440 writes it.

    ``conda``: the package. ``assumed``: whether conda's version is none of PEP 440, and ``version`` is what comes nearest.
    """

    name: str
    version: str
    conda: Entry
    assumed: bool = False


def distributions(conda: t.Sequence[Entry], pypi_names: t.Mapping[str, str]) -> dict[str, Provided]:
    """Return the Python distributions among conda's packages, by name.

    ``pypi_names`` wins (an empty name: it is none), then what the record itself says (purl, CEP 40), then ``WELL_KNOWN``,
    then the package's own name, if it depends on python.
    """
    wanted = {key.lower(): value for key, value in pypi_names.items()}
    found: dict[str, Provided] = {}
    for entry in sorted(conda, key=lambda one: one.package.name):
        package = entry.package
        names: list[tuple[str, str]] = []
        if package.name.lower() in wanted:
            names = [(wanted[package.name.lower()], "")] if wanted[package.name.lower()] else []
        elif purls := [match for match in map(_PURL.match, entry.purls) if match]:
            names = [(unquote(match[1]), unquote(match[2] or "")) for match in purls]
        elif package.name in WELL_KNOWN:
            names = [(WELL_KNOWN[package.name], "")]
        elif _is_for_python(entry):
            names = [(package.name, "")]
        for name, version in names:
            text, assumed = pep440(version or package.version)
            found.setdefault(canonical(name), Provided(canonical(name), text, entry, assumed))
    return found


def _is_for_python(entry: Entry) -> bool:
    """Tell whether a package is for a Python: it depends on one, and it is none."""
    if entry.package.name in ("python", "python_abi"):
        return False
    return entry.noarch == "python" or any(name_of(need) == "python" for need in entry.package.depends)


def pep440(version: str) -> tuple[str, bool]:
    """Return a conda version as PEP 440 writes it, and whether that is a guess: its first numbers."""
    try:
        return str(Version(version)), False
    except InvalidVersion:
        numbers = _RELEASE.search(version)
        return (str(Version(numbers[0])) if numbers else "0"), True


def stand_in(provided: Provided, directory: str, extras: t.Sequence[str] = ()) -> str:
    """Return the path in ``directory`` of a wheel that says that ``provided`` is there, and holds and needs nothing.

    It is made if it is not there. Its bytes depend on name, version and ``extras`` only, which are lines of METADATA.
    """
    stem = f"{provided.name.replace('-', '_')}-{provided.version}"
    header = ["Metadata-Version: 2.1", f"Name: {provided.name}", f"Version: {provided.version}"]
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, text in (
            ("METADATA", "\n".join([*header, *extras, ""])),
            ("WHEEL", "Wheel-Version: 1.0\nGenerator: lockstep\nRoot-Is-Purelib: true\nTag: py3-none-any\n"),
            ("RECORD", ""),
        ):
            archive.writestr(zipfile.ZipInfo(f"{stem}.dist-info/{name}", _EPOCH), text)
    data = content.getvalue()
    # uv remembers a wheel by its path: other bytes lie elsewhere.
    folder = f"{directory}/{hashlib.sha256(data).hexdigest()[:16]}"
    path = f"{folder}/{stem}-py3-none-any.whl"
    if not os.path.exists(path):
        os.makedirs(folder, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=folder)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        os.replace(temporary, path)
    return path
