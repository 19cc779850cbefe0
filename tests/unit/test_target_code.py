# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""What runs on the hosts: syntax of Python 3.9, the standard library, and nothing of the controller's."""

from __future__ import annotations

import ast
import pathlib
import sys

import pytest

PLUGINS = pathlib.Path(__file__).resolve().parents[2] / "plugins"
TARGET_CODE = sorted([*PLUGINS.glob("modules/*.py"), *PLUGINS.glob("module_utils/**/*.py")])
OURS = "ansible_collections.lockstep.gpufleet.plugins."


def parse(path: pathlib.Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path), feature_version=(3, 9))


def imported(tree: ast.Module) -> set[str]:
    """Return the absolute names of all modules that are imported anywhere in the file."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names.add(node.module or "")
    return names


@pytest.mark.parametrize("path", TARGET_CODE, ids=lambda path: str(path.relative_to(PLUGINS)))
def test_target_code(path: pathlib.Path):
    tree = parse(path)
    for name in imported(tree):
        top = name.split(".")[0]
        # Programs for the engine's own interpreter name it: it is unpacked for them, and nothing else imports it.
        engine = path.name.endswith("_program.py") and top == "rattler"
        assert (
            top in sys.stdlib_module_names
            or name.startswith(("ansible.module_utils.", OURS + "module_utils."))
            or name == "__future__"
            or engine
        ), f"{path.name} imports {name}, which a host need not have"


def test_there_is_target_code():
    assert TARGET_CODE


@pytest.mark.parametrize("path", sorted(PLUGINS.glob("**/*.py")), ids=lambda path: str(path.relative_to(PLUGINS)))
def test_threaded_libraries_stay_out_of_ansible_processes(path: pathlib.Path):
    if not path.name.endswith("_program.py"):
        assert not {name.split(".")[0] for name in imported(parse(path))} & {"rattler", "uv"}
