# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What code imports, compared with what is asked for. Reads Python files and notebooks; runs nothing.

This plugin util is private to the collection.
"""

from __future__ import annotations

import ast
import json
import os
import re
import sys
import typing as t
import warnings

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.ordering import canonical
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._solving import provided
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._specification.model import Specification, Where
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._specification.policy import Finding

#: Kinds of findings: stable names in results.
NOT_IMPORTED = "not_imported"
NOT_ASKED_FOR = "not_asked_for"
UNREADABLE = "unreadable_code"

#: What is imported under another name than PyPI's.
_IMPORTED_AS = {
    "attr": "attrs",
    "bs4": "beautifulsoup4",
    "cv2": "opencv-python",
    "dateutil": "python-dateutil",
    "dotenv": "python-dotenv",
    "fitz": "pymupdf",
    "git": "gitpython",
    "jwt": "pyjwt",
    "mpl_toolkits": "matplotlib",
    "OpenSSL": "pyopenssl",
    "PIL": "pillow",
    "pkg_resources": "setuptools",
    "pylab": "matplotlib",
    "pytorch_lightning": "pytorch-lightning",
    "serial": "pyserial",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "tables": "tables",
    "usb": "pyusb",
    "win32api": "pywin32",
    "yaml": "pyyaml",
    "zmq": "pyzmq",
}

#: Tools and libraries that programs use and code does not import.
_TOOLS = re.compile(
    r"python(_abi)?|pip|setuptools|wheel|uv|ipykernel|ipywidgets|jupyter.*|notebook|nb.*|conda.*|mamba|cuda.*|cudnn|nccl|lib.*|mkl.*|"
    r"openmpi|.*compilers?|gcc.*|gxx.*|cmake|make|ninja|git|git-lfs|ffmpeg|pytest.*|black|ruff|flake8|mypy|pylint|pre-commit|"
    r"nodejs|openssl|ca-certificates|pytorch-(gpu|cpu|cuda)|.*-mutex"
)

_LARGEST = 16 * 1024 * 1024
_MOST_FILES = 20_000
_PASSED_OVER = frozenset([".git", ".ipynb_checkpoints", "__pycache__", "node_modules", "site-packages", ".venv", "venv", ".tox"])


def require_directory(directory: str) -> None:
    """Raise Problem if there is no such directory."""
    if not os.path.isdir(directory):
        raise Problem(f"code: {directory} is not a directory on the controller.")


def examine(specification: Specification, directory: str, pypi_names: t.Mapping[str, str]) -> list[Finding]:
    """Return direct dependencies that nothing below ``directory`` imports, imports that nothing asked for brings, and files that
    cannot be read. Raises Problem if there is no such directory.
    """
    require_directory(directory)
    imports, local, findings = _read_all(directory)
    asked = {requirement.name: requirement.where for requirement in specification.pip}
    known = {**provided.WELL_KNOWN, **pypi_names}
    for spec in specification.conda:
        asked[canonical(known.get(spec.name, spec.name))] = spec.where
    wanted = {name: where for name, where in imports.items() if name not in local and name not in sys.stdlib_module_names}
    brought = {canonical(_IMPORTED_AS.get(name, name)) for name in wanted}
    # Many packages share what is imported as google.
    brought |= {name for name in asked if name.startswith("google-") and "google" in wanted}
    for name, where in asked.items():
        if name not in brought and not _TOOLS.fullmatch(name):
            findings.append(Finding(NOT_IMPORTED, where, f"{name} is imported nowhere in {directory}; take it out if nothing else needs it"))
    for name, where in sorted(wanted.items()):
        if canonical(_IMPORTED_AS.get(name, name)) not in asked and name != "google":
            findings.append(Finding(NOT_ASKED_FOR, where, f"{name} is imported, but not asked for; add what brings it"))
    return findings


def _read_all(directory: str) -> tuple[dict[str, Where], set[str], list[Finding]]:
    """Return where each module is imported first, which modules are the code's own, and what cannot be read."""
    imports: dict[str, Where] = {}
    local: set[str] = set()
    findings: list[Finding] = []
    number = 0
    for folder, folders, files in os.walk(directory):  # links to directories are not followed
        folders[:] = sorted(name for name in folders if name not in _PASSED_OVER and not name.startswith("."))
        for file in sorted(files):
            stem, extension = os.path.splitext(file)
            if extension not in (".py", ".ipynb"):
                continue
            number += 1
            if number > _MOST_FILES:
                findings.append(Finding(UNREADABLE, Where(directory), f"only the first {_MOST_FILES} files were read"))
                return imports, local, findings
            path = os.path.join(folder, file)
            local.add(stem if stem != "__init__" else os.path.basename(folder))
            try:
                found = _imports(path, extension)
            except (OSError, ValueError, SyntaxError, RecursionError, MemoryError) as error:
                findings.append(Finding(UNREADABLE, Where(path), f"is no code that can be read ({type(error).__name__})"))
                continue
            for name, line in found:
                imports.setdefault(name, Where(path, line))
        local.update(name for name in folders if os.path.isfile(os.path.join(folder, name, "__init__.py")))
    return imports, local, findings


def _imports(path: str, extension: str) -> list[tuple[str, int]]:
    """Return the modules that a file imports, and the lines; those of a notebook's cells count from the cell's beginning."""
    if not os.path.isfile(path) or os.path.getsize(path) > _LARGEST:
        raise ValueError("no file of a size that people write")
    with open(path, "rb") as file:
        content = file.read(_LARGEST)
    if extension == ".py":
        return _of_code(content)
    found = []
    notebook = json.loads(content)
    cells = notebook.get("cells") if isinstance(notebook, dict) else None
    for cell in cells if isinstance(cells, list) else []:
        if not isinstance(cell, dict) or cell.get("cell_type") != "code":
            continue
        source = cell.get("source")
        text = "".join(map(str, source)) if isinstance(source, list) else str(source or "")
        if text.lstrip().startswith("%%") and not text.lstrip().startswith(("%%time", "%%capture")):
            continue  # a cell of another language
        lines = ["" if line.lstrip().startswith(("%", "!", "?")) or line.rstrip().endswith("?") else line for line in text.splitlines()]
        try:
            found += _of_code("\n".join(lines).encode())
        except SyntaxError:
            continue  # a cell in the making; the others count
    return found


def _of_code(content: bytes) -> list[tuple[str, int]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about the user's own strings
        tree = ast.parse(content)
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(alias.name.partition(".")[0], node.lineno) for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            found.append((node.module.partition(".")[0], node.lineno))
    return found
