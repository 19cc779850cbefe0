# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a lock's text means as an address, and that the public form of it holds no secret."""

from __future__ import annotations

import pytest

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.packages import Package
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locks import addresses

VARIABLES = {
    "HOME": "/home/me",
    "LOCK_TOKEN": "tok/en",
    "LOCK_PASSWORD": "p@ss/w",
    "LOCK_LOGIN": "ann:secret",
    "LOCK_BASE": "https://ann:secret@h/t/tok",
    "LOCK_FOLDER": "/srv/pkgs",
}


@pytest.fixture(autouse=True)
def _variables(monkeypatch):
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize(
    ("written", "url", "source"),
    [
        ("https://h/c/noarch/a-1-0.conda", "https://h/c/noarch/a-1-0.conda", ""),
        ("https://u:p@h:8443/c/a-1-0.conda", "https://h:8443/c/a-1-0.conda", "https://u:p@h:8443/c/a-1-0.conda"),
        ("https://h/t/tok/c/a-1-0.conda", "https://h/c/a-1-0.conda", "https://h/t/tok/c/a-1-0.conda"),
        ("https://h/c/a-1-0.conda?sig=x", "https://h/c/a-1-0.conda", "https://h/c/a-1-0.conda?sig=x"),
        ("https://h/t/$LOCK_TOKEN/c/a-1-0.conda", "https://h/c/a-1-0.conda", "https://h/t/tok/en/c/a-1-0.conda"),
        ("https://u:$LOCK_PASSWORD@h/a-1-0.conda", "https://h/a-1-0.conda", "https://u:p%40ss%2Fw@h/a-1-0.conda"),
        ("https://${LOCK_LOGIN}@h/a-1-0.conda", "https://h/a-1-0.conda", "https://ann:secret@h/a-1-0.conda"),
        ("https://h/${LOCK_TOKEN}/a-1-0.conda", "https://h/${LOCK_TOKEN}/a-1-0.conda", "https://h/tok/en/a-1-0.conda"),
        ("$LOCK_BASE/c/a-1-0.conda", "https://h/c/a-1-0.conda", "https://ann:secret@h/t/tok/c/a-1-0.conda"),
        ("file:///srv/a-1-0.conda", "file:///srv/a-1-0.conda", ""),
        ("/srv/a b/a-1-0.conda", "file:///srv/a%20b/a-1-0.conda", ""),
        ("$LOCK_FOLDER/a-1-0.conda", "file:///srv/pkgs/a-1-0.conda", ""),
        ("a-1-0.conda", "file://controller/a-1-0.conda", "a-1-0.conda"),
        ("./pkgs/../noarch/a-1-0.conda", "file://controller/noarch/a-1-0.conda", "noarch/a-1-0.conda"),
        ("../linux-64/a-1-0.conda", "file://controller/linux-64/a-1-0.conda", "../linux-64/a-1-0.conda"),
        ("~/pkgs/a-1-0.conda", "file://controller/a-1-0.conda", "/home/me/pkgs/a-1-0.conda"),
    ],
)
def test_addresses(written, url, source):
    assert addresses.read(written) == (url, source)


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ("https://h/$LOCK_NONE/a-1-0.conda", "LOCK_NONE is not set on the controller"),
        ("ftp://me:pw@h/a-1-0.conda", "ftp://h/a-1-0.conda is no address"),
        ("https:///a-1-0.conda", "is no address"),
        ("https://[/a-1-0.conda", "is no address|cannot be read"),
        ("file://elsewhere/a-1-0.conda", "is no address"),
    ],
)
def test_what_is_refused(written, says):
    with pytest.raises(ValueError, match=says):
        addresses.read(written)


def test_archives_beside_the_lock_come_first(tmp_path, monkeypatch):
    for folder in ("locks/noarch", "work/noarch"):
        (tmp_path / folder).mkdir(parents=True)
    for name in ("locks/noarch/a-1-0.conda", "work/noarch/a-1-0.conda", "work/noarch/b-1-0.conda"):
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path / "work")
    packages = [
        Package("conda", name, "1", "0", "noarch", f"file://controller/noarch/{name}-1-0.conda", "0" * 64, source=source)
        for name, source in (("a", "noarch/a-1-0.conda"), ("b", "noarch/b-1-0.conda"), ("c", "https://u:p@h/c-1-0.conda"))
    ]
    lock = f"{tmp_path}/locks/lock.txt"
    assert addresses.local_archives(packages, lock) == {
        "noarch/a-1-0.conda": f"{tmp_path}/locks/noarch/a-1-0.conda",
        "noarch/b-1-0.conda": f"{tmp_path}/work/noarch/b-1-0.conda",
    }
    (tmp_path / "work/noarch/b-1-0.conda").unlink()
    with pytest.raises(Problem, match="names archives that are not on the controller.*: noarch/b-1-0.conda .b 1 0.") as caught:
        addresses.local_archives(packages, lock)
    assert str(tmp_path / "work") in str(caught.value)
