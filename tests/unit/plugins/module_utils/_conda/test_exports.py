# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Exports, as YAML's own parser and this collection's own reader of locks understand them."""

from __future__ import annotations

import dataclasses

import pytest
import yaml

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda import exports
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.ordering import ordered
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.packages import Package, digest_of
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locks import reading

FORGE = "https://conda.anaconda.org/conda-forge"
SIX = Package("conda", "six", "1.0", "0", "noarch", f"{FORGE}/noarch/six-1.0-0.conda", "1" * 64, ("python >=3",))
PYTHON = Package("conda", "python", "3.11", "h_0", "linux-64", "http://h/c/linux-64/python-3.11-h_0.conda", "2" * 64)
EPOCH = Package("conda", "zope", "1!2.0", "py_0", "noarch", f"{FORGE}/noarch/zope-1!2.0-py_0.tar.bz2", "3" * 64)
WHEEL = Package("pip", "human-ize", "4.0", "", "", "https://h/human_ize-4.0-py3-none-any.whl", "4" * 64)
ALL = (SIX, EPOCH, PYTHON, WHEEL)


@pytest.mark.parametrize(
    ("packages", "expected"),
    [
        (
            ALL,
            {
                "name": "e",
                "channels": ["conda-forge", "http://h/c"],
                "dependencies": [
                    *("python=3.11=h_0", "six=1.0=0", "zope=1!2.0=py_0"),
                    {"pip": ["human-ize==4.0"]},
                ],
            },
        ),
        ((PYTHON,), {"name": "e", "channels": ["http://h/c"], "dependencies": ["python=3.11=h_0"]}),
        ((), {"name": "e", "channels": [], "dependencies": []}),
    ],
)
def test_environment_yml(packages, expected):
    assert yaml.safe_load(exports.environment_yml("e", packages)) == expected


@pytest.mark.parametrize(
    "text",
    [
        *("", "a", "ai_env", "1", "1.0", "1e3", "0x10", "0o7", "1_000", "12:30:45", "2026-01-01", "-", "- a", "a: b", "a:", ":a"),
        *("null", "Null", "~", "yes", "NO", "on", "y", "true", ".inf", ".nan", "#a", "a #b", "a#b", "a'b", 'a"b', "a\\b", "a\nb"),
        *("a\tb", " a", "a ", "*a", "&a", "!a", "@a", "`a", "%a", "|", ">", "{a}", "[a]", "a,b", "é", "\u2028", "\x07", "=", "<<"),
        *("python=3.11.2=h_0", "zope=1!2.0=py_0", "human-ize==4.0", "http://h:80/c", "_a", "/a", "a:b:c", "name=1.0=py311h+x_0"),
    ],
)
def test_scalars_are_read_as_they_were(text):
    assert yaml.safe_load(f"- {exports.scalar(text)}\n") == [text]
    assert yaml.safe_load(f"k: {exports.scalar(text)}\n") == {"k": text}


def test_the_explicit_list_is_a_lock_of_the_same_packages():
    text = exports.explicit("e, generation 1", "linux-64", ordered(ALL))
    assert text.splitlines()[:3] == ["# e, generation 1", "# platform: linux-64", "@EXPLICIT"]
    assert [line.rsplit("/")[-1].split("-")[0] for line in text.splitlines()[3:6]] == ["python", "six", "zope"]
    read = reading.parse(text.encode(), "explicit.txt")
    packages = read.packages("linux-64")
    assert digest_of(packages) == digest_of(ALL)
    assert {dataclasses.replace(one, depends=()) for one in packages} == {dataclasses.replace(one, depends=()) for one in ALL}


def test_for_an_old_conda_it_has_md5_where_that_is_known():
    text = exports.explicit("t", "linux-64", (PYTHON, SIX, WHEEL), {PYTHON.sha256: "a" * 32})
    assert text.splitlines()[3:] == [
        f"{PYTHON.url}#{'a' * 32}",
        SIX.url,
        f"# pip human-ize @ {WHEEL.url}#sha256={WHEEL.sha256}",
    ]


def test_requirements_are_the_wheels():
    assert exports.requirements("t", ALL) == f"# t\nhuman-ize==4.0 --hash=sha256:{'4' * 64}\n"
    assert exports.requirements("t", (SIX,)) == "# t\n"
