# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A marked block in start-up files that shells read for every user: there conda is known where /etc/profile is not read.

This module util is private to the collection. Everything but ``read`` is pure.
"""

from __future__ import annotations

import os
import re
import typing as t

BASH = "/etc/bash.bashrc"
"""Debian's, read by interactive shells (VS Code's terminal, tmux, screen), and by the shell that sshd starts for a command."""

ZSH = "/etc/zsh/zshenv"
"""Debian's, read by every zsh. zsh reads /etc/profile never."""

FILES = (BASH, ZSH)
"""Only where the shell's package has laid them down: on other systems they do not exist, and there the shells' own start-up
files read /etc/profile.d in shells of all these kinds."""

_BEGIN = "# BEGIN lockstep.gpufleet.miniconda: conda in every shell; changes here are overwritten."
_END = "# END lockstep.gpufleet.miniconda"
_BLOCK = re.compile(
    r"^# BEGIN lockstep\.gpufleet\.miniconda.*\n(?:(?!# BEGIN lockstep).*\n)*?# END lockstep\.gpufleet\.miniconda.*(?:\n|\Z)", re.M
)
_HALF = re.compile(r"^# (?:BEGIN|END) lockstep\.gpufleet\.miniconda.*(?:\n|\Z)", re.M)


def read(path: str) -> str | None:
    """Return the text of a start-up file, every byte of it (``surrogateescape``); None where there is no such file."""
    if not os.path.isfile(path):
        return None
    with open(path, encoding="utf-8", errors="surrogateescape", newline="") as file:
        return file.read()


def block(hook: str) -> str:
    """Return the block, which reads the profile snippet ``hook`` if that is there."""
    return "%s\nif [ -r %s ]; then\n    . %s\nfi\n%s\n" % (_BEGIN, hook, hook, _END)


def blocks_in(text: str) -> str:
    """Return the blocks of ours in a file, for a diff; the rest of the file is nobody's business."""
    return "".join(match.group(0) for match in _BLOCK.finditer(text))


def with_block(path: str, text: str, hook: str) -> str:
    """Return the file's text with the block once, and all else as it was.

    In bash's it stands first: Debian's file ends early in shells that nobody types into. In zsh's it stands last: Debian's
    file sets PATH.
    """
    rest = without_block(text)
    if path == BASH:
        return block(hook) + rest
    return rest + ("" if not rest or rest.endswith("\n") else "\n") + block(hook)


def without_block(text: str) -> str:
    """Return the text without blocks of ours, nor halves of one."""
    return _HALF.sub("", _BLOCK.sub("", text))


def changes(files: t.Mapping[str, str], hook: str | None) -> list[tuple[str, str, str, str]]:
    """Return what has to change in ``files``, text by path: (path, new text, blocks before, blocks after).

    ``hook``: the snippet that the block reads; None takes the blocks away.
    """
    found = []
    for path, text in files.items():
        after = without_block(text) if hook is None else with_block(path, text, hook)
        if after != text:
            found.append((path, after, blocks_in(text), blocks_in(after)))
    return found
