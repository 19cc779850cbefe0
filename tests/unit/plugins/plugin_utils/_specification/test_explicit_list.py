# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""@EXPLICIT lists with any hash or none."""

from __future__ import annotations

import pytest

from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._specification import reading

A = "a" * 64
M = "b" * 32
NUMPY = "https://conda.example/ch/linux-64/numpy-1.26.4-py311h0_0.conda"
SIX = "https://conda.example/ch/noarch/six-1.17.0-pyh_0.tar.bz2"
WHEEL = "https://w.example/my_pkg-1.0-py3-none-any.whl"


def parse(text):
    return reading.parse(text.encode(), "list.txt", channels=["conda-forge"])


def test_hashes_of_any_kind_and_none(monkeypatch):
    monkeypatch.setenv("LOCK_TOKEN", "s3cret")
    found = parse(
        f"# platform: linux-64\n@EXPLICIT\n{NUMPY}#{M}\n{SIX}#sha256:{A}\n"
        f"https://u:${{LOCK_TOKEN}}@h/c/noarch/a-1-0.conda\nhttps://h/c/noarch/b-1-0.conda#{A}\n"
        f"# pip my-pkg @ {WHEEL}#sha256={A}\n# pip Other @ https://me:pw@h/other-1-py3-none-any.whl\n"
    )
    assert [(one.address, one.md5, one.sha256, one.where.number) for one in found.archives] == [
        (NUMPY, M, "", 3),
        (SIX, "", A, 4),
        ("https://u:${LOCK_TOKEN}@h/c/noarch/a-1-0.conda", "", "", 5),
        ("https://h/c/noarch/b-1-0.conda", "", A, 6),
    ]
    assert [(one.name, one.text, one.where.number) for one in found.pip] == [
        ("my-pkg", f"my-pkg @ {WHEEL}#sha256={A}", 7),
        ("other", "Other @ https://me:pw@h/other-1-py3-none-any.whl", 8),
    ]
    assert not found.notes
    found_again = parse(f"@EXPLICIT\n# pip my-pkg @ {WHEEL}#md5={M}\n")
    assert found_again.notes == ("list.txt, line 2: the md5 of the wheel my-pkg is not compared; only a sha256 is.",)
    assert found.platforms == ("linux-64",) and found.kind == "explicit" and not found.conda and not found.channels
    assert "s3cret" not in repr(found)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (f"{NUMPY}\nnumpy=1.26\n", "list.txt, line 3: numpy=1.26 is no URL or path"),
        (f"{NUMPY}#abc", "list.txt, line 2: what follows the # is neither an md5 nor a sha256: abc"),
        ("http://[x/a-1-0.conda", "line 2: http://[x/a-1-0.conda is no URL"),
        ("ftp://h/noarch/a-1-0.conda", "line 2: ftp://h/noarch/a-1-0.conda is no address to fetch from"),
        ("https://h/$LOCK_UNSET/a-1-0.conda", "variable LOCK_UNSET is not set on the controller"),
        (f"{NUMPY}\n{NUMPY.replace('1.26.4', '2.0')}", "line 3: numpy stands here a second time, first in line 2"),
        (f"{NUMPY}\n{SIX.replace('noarch', 'osx-64')}", "list.txt: the platforms linux-64 and osx-64 are mixed"),
        ("# nothing", "list.txt: no package is named"),
        ("# pip x @ https://h/x-1.0.tar.gz", "line 2: https://h/x-1.0.tar.gz is a source archive. Only wheels are locked"),
        ("# pip x @ /srv/x-1.0-py3-none-any.whl", "file:///srv/x-1.0-py3-none-any.whl lies on this machine"),
    ],
)
def test_what_is_refused(text, says):
    with pytest.raises(Problem) as caught:
        parse("@EXPLICIT\n" + text)
    assert says in str(caught.value)
