# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is undone of Debian's changes to Python, and that an unknown Debian is refused."""

from __future__ import annotations

import pytest
from testbed.channel import debian_python
from testbed.channel.recipe import PLACEHOLDER
from testbed.runtime import BedError


def test_build_variables_get_the_placeholder() -> None:
    text = "{'prefix': '/usr', 'BINDIR': '/usr/bin', 'INSTALL': '/usr/bin/install -c', 'TZPATH': '/usr/share/zoneinfo',"
    text += " 'LIBPL': '/usr/lib/python3.11/config', 'WHEEL_PKG_DIR': '/usr/share/python-wheels/'}"
    assert eval(debian_python.undo_build_variables(text)) == {  # noqa: S307 - a dictionary of this test
        "prefix": PLACEHOLDER,
        "BINDIR": f"{PLACEHOLDER}/bin",
        "INSTALL": "/usr/bin/install -c",
        "TZPATH": "/usr/share/zoneinfo",
        "LIBPL": f"{PLACEHOLDER}/lib/python3.11/config",
        "WHEEL_PKG_DIR": "",
    }


def test_the_binary_keeps_its_length() -> None:
    old = b"\x7fELF dist-packages\0 local/lib\0 end"
    new = debian_python.undo_binary(old)
    assert len(new) == len(old) and b"site-packages" in new and b"lib/././.\0" in new


def test_ensurepip_gets_the_bundled_versions() -> None:
    text = '_SETUPTOOLS_VERSION = "65.5.0"\n_PIP_VERSION = "22.3.1"\n\n'
    text += "def f():\n    _ensurepip_is_disabled_in_debian_for_system()\n"
    new = debian_python.undo_ensurepip(text, {"pip": "26.3", "setuptools": "84.0"})
    assert new == '_SETUPTOOLS_VERSION = "84.0"\n_PIP_VERSION = "26.3"\n\ndef f():\n    pass\n'


@pytest.mark.parametrize(
    "undo",
    [
        lambda: debian_python.undo_sysconfig("another sysconfig"),
        lambda: debian_python.undo_binary(b"another interpreter"),
        lambda: debian_python.undo_ensurepip("another ensurepip", {"pip": "1", "setuptools": "1"}),
    ],
    ids=["sysconfig", "interpreter", "ensurepip"],
)
def test_an_unknown_debian_is_refused(undo) -> None:
    with pytest.raises(BedError, match="Debian's Python has changed"):
        undo()
