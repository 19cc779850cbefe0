# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Our block in the start-up files of shells: put in, repaired, taken out, and all else as it was."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda import shells

HOOK = "/etc/profile.d/lockstep-conda.sh"
BLOCK = shells.block(HOOK)
OTHERS = ["", "export A=1\n", "export A=1", "a\n\nb\n", "# \udcff is no text\r\n", "# BEGIN something else\n# END something else\n"]


@pytest.mark.parametrize("text", OTHERS)
@pytest.mark.parametrize("path", shells.FILES)
def test_the_block_comes_once_and_goes_without_a_trace(path: str, text: str) -> None:
    there = shells.with_block(path, text, HOOK)
    assert there.count(BLOCK) == 1
    assert there.startswith(BLOCK) if path == shells.BASH else there.endswith(BLOCK)
    assert shells.with_block(path, there, HOOK) == there
    gone = shells.without_block(there)
    assert gone == (text if path == shells.BASH or text.endswith("\n") or not text else text + "\n")


@pytest.mark.parametrize(
    "damaged",
    [
        BLOCK + "export A=1\n" + BLOCK,
        BLOCK.replace("    . ", "    #. ") + "export A=1\n",
        BLOCK.replace("fi\n", "fi\necho hello\n") + "export A=1\n",
        "export A=1\n" + BLOCK.rstrip("\n"),
        BLOCK.splitlines(True)[0] + "export A=1\n",
        BLOCK.splitlines(True)[0] + "export A=1\n" + BLOCK,
        "export A=1\n" + BLOCK.splitlines(True)[-1],
    ],
    ids=["twice", "commented out", "more in it", "elsewhere", "without an end", "half and whole", "without a beginning"],
)
def test_a_damaged_block_is_repaired(damaged: str) -> None:
    assert shells.with_block(shells.BASH, damaged, HOOK) == BLOCK + "export A=1\n"


def test_changes_show_the_blocks_alone() -> None:
    files = {shells.BASH: "secret=1\n", shells.ZSH: BLOCK}
    assert shells.changes(files, HOOK) == [(shells.BASH, BLOCK + "secret=1\n", "", BLOCK)]
    assert shells.changes(files, None) == [(shells.ZSH, "", BLOCK, "")]


def test_reading_keeps_every_byte(tmp_path) -> None:
    file = tmp_path / "rc"
    assert shells.read(str(file)) is None
    assert shells.read(str(file / "below")) is None
    assert shells.read(str(tmp_path)) is None
    file.write_bytes(b"\xff\r\nx")
    assert shells.read(str(file)).encode("utf-8", "surrogateescape") == b"\xff\r\nx"


@pytest.mark.parametrize("shell", [["sh", "-eu"], ["bash", "-eu"], ["zsh", "-eu"]], ids=" ".join)
def test_shells_read_the_snippet_if_it_is_there(tmp_path, shell) -> None:
    if shutil.which(shell[0]) is None:
        shell = ["sh", "-eu"]  # zsh itself is asked on a host
    hook = tmp_path / "hook.sh"
    code = shells.block(str(hook)) + "echo ${FOUND-nothing}"
    assert subprocess.run([*shell, "-c", code], capture_output=True, text=True, check=True).stdout == "nothing\n"
    hook.write_text("FOUND=it\n")
    assert subprocess.run([*shell, "-c", code], capture_output=True, text=True, check=True).stdout == "it\n"
