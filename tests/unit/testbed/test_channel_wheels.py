# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wheels become conda packages: names, places, scripts, dependencies."""

from __future__ import annotations

import hashlib
import pathlib
import zipfile

import pytest
from packaging.requirements import Requirement
from testbed.channel import downloads, wheels
from testbed.channel.recipe import HERE, PLACEHOLDER


def wheel(folder: pathlib.Path, name: str, requires: str = "", files: dict[str, str] | None = None) -> pathlib.Path:
    """Write a small pure wheel ``name`` 1.0 and return its path."""
    file = folder / f"{name}-1.0-py3-none-any.whl"
    information = f"{name}-1.0.dist-info"
    contents = {
        f"{name}.py": "",
        f"{information}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\nRequires-Python: >=3.9, <4\n"
        + requires,
        f"{information}/RECORD": "",
    }
    with zipfile.ZipFile(file, "w") as archive:
        for path, content in (contents | (files or {})).items():
            archive.writestr(path, content)
    return file


@pytest.mark.parametrize(
    ("requirement", "spec"),
    [
        ("Foo.Bar", "foo-bar"),
        ("foo>=1,<2", "foo <2,>=1"),
        ("foo[extra]~=1.4.2; python_version > '3'", "foo ~=1.4.2"),
        ("foo===1.0", "foo ==1.0"),
        ("foo != 1.5.*", "foo !=1.5.*"),
    ],
)
def test_match_spec(requirement: str, spec: str) -> None:
    assert wheels.match_spec(Requirement(requirement)) == spec


def test_dependencies_of_markers_and_extras(tmp_path: pathlib.Path) -> None:
    requires = (
        "Requires-Dist: other[fast]>=2\n"
        "Requires-Dist: wincurses; sys_platform == 'win32'\n"
        "Requires-Dist: tomli; python_version < '3.11'\n"
        "Requires-Dist: onlytest; extra == 'test'\n"
    )
    other = "Requires-Dist: base\nRequires-Dist: speed; extra == 'fast'\nRequires-Dist: slow; extra == 'slow'\n"
    sources = {"one": wheel(tmp_path, "one", requires), "other": wheel(tmp_path, "other", other)}
    assert wheels.depends("one", sources) == {"other >=2", "speed"}
    assert wheels.depends("other", sources) == {"base"}


def test_extras_that_name_each_other_end(tmp_path: pathlib.Path) -> None:
    sources = {
        "one": wheel(tmp_path, "one", "Requires-Dist: two[x]; extra == 'x'\nRequires-Dist: two[x]\n"),
        "two": wheel(tmp_path, "two", "Requires-Dist: one[x]; extra == 'x'\n"),
    }
    assert wheels.depends("one", sources) == {"two", "one"}


@pytest.mark.parametrize(
    ("path", "pure", "goal"),
    [
        ("pkg/a.py", True, "site-packages/pkg/a.py"),
        ("pkg/a.py", False, "lib/python3.11/site-packages/pkg/a.py"),
        ("pkg-1.0.data/data/share/jupyter/x.json", True, "share/jupyter/x.json"),
        ("pkg-1.0.data/scripts/run", True, "python-scripts/run"),
        ("pkg-1.0.data/scripts/run", False, "bin/run"),
        ("pkg-1.0.data/platlib/pkg/b.so", False, "lib/python3.11/site-packages/pkg/b.so"),
        ("pkg-1.0.data/headers/x.h", False, "include/python3.11/pkg/x.h"),
    ],
)
def test_place(path: str, pure: bool, goal: str) -> None:
    assert wheels.place(path, pure=pure, name="pkg") == goal


def test_entry_points_keep_their_case_and_lose_their_extras() -> None:
    text = (
        "[console_scripts]\nRun-It = pkg.cli : main [extra]\n\n[gui_scripts]\nshow=pkg:Gui.start\n\n[other]\nx = y:z\n"
    )
    assert wheels.entry_points(text) == {"Run-It": "pkg.cli:main", "show": "pkg:Gui.start"}
    assert wheels.entry_points("[other]\nx = y:z\n") == {}


def test_script_calls_a_nested_function() -> None:
    text = wheels.script("pkg.cli:App.main").decode()
    assert text.startswith(f"#!{PLACEHOLDER}/bin/python3.11\n")
    assert "from pkg.cli import App\n" in text and "sys.exit(App.main())" in text


def test_a_pure_wheel_becomes_a_noarch_package(tmp_path: pathlib.Path) -> None:
    files = {
        "one-1.0.dist-info/entry_points.txt": "[console_scripts]\none = one:main\n",
        "one-1.0.data/scripts/helper": "#!python\nprint(1)\n",
    }
    package = wheels.convert("one", {"one": wheel(tmp_path, "one", files=files)}, pathlib.Path("/no/python/needed"))
    assert (package.stem, package.subdir, package.noarch) == ("one-1.0-pyhbed_0", "noarch", True)
    assert package.depends == ["python >=3.9,<4"]
    assert package.entry_points == ["one = one:main"]
    assert package.members["python-scripts/helper"].content == f"#!{PLACEHOLDER}/bin/python\nprint(1)\n".encode()
    assert package.members["python-scripts/helper"].executable
    record = package.members["site-packages/one-1.0.dist-info/RECORD"].content.decode().splitlines()
    assert "one.py,sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU,0" in record
    assert record[-1] == "one-1.0.dist-info/RECORD,,"
    assert any(line.startswith("../../../bin/helper,") for line in record)


def test_pins_are_read_with_every_hash(tmp_path: pathlib.Path) -> None:
    file = tmp_path / "r.txt"
    file.write_text(
        f"# comment\nfoo.bar==1.2 \\\n    --hash=sha256:{'a' * 64} \\\n    --hash=sha256:{'b' * 64}\n    # via x\n"
    )
    assert downloads.read_pins(file) == [downloads.Pin("foo-bar", "1.2", frozenset({"a" * 64, "b" * 64}))]


@pytest.mark.parametrize("line", ["foo==1.0", f"foo>=1.0 --hash=sha256:{'a' * 64}"])
def test_a_pin_without_hash_or_version_is_refused(tmp_path: pathlib.Path, line: str) -> None:
    file = tmp_path / "r.txt"
    file.write_text(line + "\n")
    with pytest.raises(ValueError, match="not 'name==version --hash"):
        downloads.read_pins(file)


def test_only_a_wheel_with_a_pinned_hash_matches(tmp_path: pathlib.Path) -> None:
    file = wheel(tmp_path, "one")
    wrong = downloads.Pin("one", "1.0", frozenset({"0" * 64}))
    assert downloads.match([wrong], tmp_path) == {}
    right = downloads.Pin("one", "1.0", frozenset({hashlib.sha256(file.read_bytes()).hexdigest()}))
    assert downloads.match([right], tmp_path) == {"one": file}


@pytest.mark.parametrize("name", ["requirements.txt", "conda.txt", "wheels.txt"])
def test_committed_pins_can_be_read(name: str) -> None:
    assert downloads.read_pins(HERE / name)
