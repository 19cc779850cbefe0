# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pure parts of the Miniconda-style installer."""

from __future__ import annotations

import pathlib

import pytest
from testbed.installer import build


def test_installer_script_knows_its_own_length() -> None:
    template = (pathlib.Path(build.__file__).parent / "header.sh").read_text(encoding="utf-8")
    text = build.script(template, "py311_1.0-bed1", b"payload", 100)
    assert f"+ {len(b'payload')}".encode() in text
    assert f"$(({len(text)} + 7))".encode() in text
    assert b"@" not in text.replace(b'"$@"', b"").replace(b"@EXPLICIT", b"")


@pytest.mark.parametrize(
    ("path", "goal"),
    [
        ("site-packages/a/b.py", "lib/python3.11/site-packages/a/b.py"),
        ("lib/python3.11/os.py", "lib/python3.11/os.py"),
        ("bin/python3.11", "bin/python3.11"),
        ("lib/python3.11/ensurepip/__init__.py", None),
        ("share/doc/x", None),
    ],
)
def test_boot_path(path: str, goal: str | None) -> None:
    assert build.boot_path(path) == goal
