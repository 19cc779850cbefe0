# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Extras, above all of what conda brings: what they need is locked, or an error says that it is not known."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._solving import extras
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._specification import policy, reading

from unit.plugins.plugin_utils._solving import indexes, pip_part
from unit.plugins.plugin_utils._solving.pip_part import conda_package

BROUGHT = conda_package("foo-bar-baz", "1.0", "python")


@pytest.fixture(name="index")
def index_() -> t.Iterator[indexes.Index]:
    with indexes.Index() as server:
        more = {"gpu": ["needed>=2"], "Two_X": ["other"], "all": ["Foo.Bar-baz[gpu]"]}
        server.add("foo-bar-baz", "1.0", ["heavy"], extras=more)
        for name, version in (("heavy", "1.0"), ("needed", "2.0"), ("needed", "3.0"), ("other", "1.0")):
            server.add(name, version)
        server.add("through", "1.0", ["foo-bar-baz[gpu]>=0.5"])
        yield server
        server.shutdown()


def locked(tmp_path: t.Any, index: indexes.Index, line: str, *conda: t.Any) -> tuple[list[tuple[str, str]], tuple[str, ...]]:
    found = pip_part.resolution(f"-i {index.url}\n{line}\n", pip_part.settings(tmp_path), *conda)
    return pip_part.pairs(found.entries), found.notes


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("foo[a,b]==1.0\nbar==2\n    # via foo\nFoo-Z[c] @ file:///w\n", {"foo": ["a", "b"], "foo-z": ["c"]}),
        ("    # via foo[a]\n", {}),
    ],
)
def test_asked(text, found):
    assert extras.asked(text) == found


def test_lines_are_those_about_extras_alone():
    text = (
        "Metadata-Version: 2.1\nName: x\nProvides-Extra: a\nRequires-Dist: base>=1\n"
        "Requires-Dist: old; python_version < '3'\nRequires-Dist: more (>=1) ; extra == 'a'\n"
        "Requires-Dist: win; sys_platform == 'win32' and extra == 'a'\nRequires-Dist: !\n\nRequires-Dist: text ; extra == 'a'\n"
    )
    assert extras.lines(text) == (
        "Provides-Extra: a",
        "Requires-Dist: more (>=1) ; extra == 'a'",
        "Requires-Dist: win; sys_platform == 'win32' and extra == 'a'",
    )


@pytest.mark.parametrize("tells", [False, True], ids=["in the wheel", "beside the wheel"])
@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("Foo.Bar_baz[gpu]==1.0", [("needed", "3.0")]),
        ("foo_bar_baz[two-x,all]", [("needed", "3.0"), ("other", "1.0")]),
        ("through", [("needed", "3.0"), ("through", "1.0")]),
    ],
)
def test_extras_of_what_conda_brings(tmp_path, index, tells, line, found):
    """What it needs itself is left to conda: heavy is not installed by pip."""
    index.tells = tells
    assert locked(tmp_path, index, line, BROUGHT)[0] == found


def test_what_an_extra_needs_may_come_from_conda_too(tmp_path, index):
    needed = conda_package("needed", "2.5", "python")
    assert locked(tmp_path, index, "foo-bar-baz[gpu,two-x]", BROUGHT, needed)[0] == [("other", "1.0")]
    with pytest.raises(Problem, match="needed"):
        locked(tmp_path, index, "foo-bar-baz[gpu]", BROUGHT, conda_package("needed", "1.0", "python"))


def test_credentials_of_the_index_are_for_its_wheels_too(tmp_path, index):
    index.basic("me", "Sesame 1")
    text = f"-i {index.url.replace('//', '//me:Sesame%201@')}\nfoo-bar-baz[gpu]\n"
    found = pip_part.resolution(text, pip_part.settings(tmp_path), BROUGHT)
    assert pip_part.pairs(found.entries) == [("needed", "3.0")]
    assert "Sesame" not in repr(found)


@pytest.mark.parametrize("version", ["1.5", "2024a"])
def test_extras_of_a_version_that_no_index_has(tmp_path, index, version):
    brought = conda_package("foo-bar-baz", version, "python")
    with pytest.raises(Problem) as caught:
        locked(tmp_path, index, "foo-bar-baz[gpu]", brought)
    assert "r.txt, line 2: what foo-bar-baz[gpu] needs is not known: conda brings foo-bar-baz" in str(caught.value)
    assert "Write what the extras stand for as lines of their own" in str(caught.value)


def test_extras_of_such_a_version_that_only_something_else_wants(tmp_path, index):
    found, notes = locked(tmp_path, index, "through", conda_package("foo-bar-baz", "1.5", "python"))
    assert found == [("through", "1.0")]
    assert notes == (
        "what foo-bar-baz[gpu] needs is not known: conda brings foo-bar-baz 1.5, of which no index has a wheel that fits. "
        "See that all of it is asked for.",
    )


@pytest.mark.parametrize("conda", [[], [BROUGHT]], ids=["by pip", "by conda"])
def test_an_extra_that_there_is_not(tmp_path, index, conda):
    notes = locked(tmp_path, index, "foo-bar-baz[nope]", *conda)[1]
    assert notes[-1] == "r.txt, line 2: foo-bar-baz has no extra nope; nothing is installed for it."


def test_a_release_that_was_withdrawn(tmp_path, index):
    index.projects["needed"][1].yanked = "it is broken."
    assert locked(tmp_path, index, "needed==3.0") == (
        [("needed", "3.0")],
        ("r.txt, line 2: needed 3.0 was withdrawn from its index (it is broken); choose another version.",),
    )
    assert locked(tmp_path, index, "needed") == ([("needed", "2.0")], ())


@pytest.mark.parametrize(("line", "kinds"), [("foo-bar-baz==1.0", ["conda_and_pip"]), ("foo-bar-baz[gpu]==1.0", [])])
def test_nobody_is_told_to_take_out_what_extras_are_asked_of(line, kinds):
    wanted = reading.parse(f"{line}\n".encode(), "r.txt", channels=["c"], python="3.12.4")
    found = policy.examine(wanted, {"linux-64": [BROUGHT]}, {}, {})
    assert [one.kind for one in found if one.where.number] == kinds
