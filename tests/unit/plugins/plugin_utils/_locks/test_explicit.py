# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""``explicit``, through the reader of all formats, against tables of good and bad lists."""

from __future__ import annotations

import shlex

import pytest
from ansible.parsing.splitter import parse_kv
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.ordering import canonical
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locks import normal_form, reading

A = "a" * 64
B = "b" * 64
URL = "https://conda.example/ch/linux-64/numpy-1.26.4-py311h0_0.conda"
NOARCH = "https://conda.example/ch/noarch/six-1.17.0-pyh_0.tar.bz2"


def parse(text: str):
    return reading.parse(text.encode(), "lock.txt").platforms


@pytest.mark.parametrize(
    "text",
    [
        f"@EXPLICIT\n{URL}#{A}\n",
        f"@EXPLICIT\n{URL}#sha256:{A}",
        f"# a comment\n\n  # indented\n@EXPLICIT\r\n\r\n   {URL}#{A}   \n\n",
        f"{URL}#{A}\n@EXPLICIT\n",
        f"# platform: linux-64\n@EXPLICIT\n{URL}#{A}\n",
    ],
)
def test_one_package_however_it_is_written(text):
    (packages,) = parse(text).values()
    assert [(p.manager, p.name, p.version, p.build, p.subdir, p.url, p.sha256) for p in packages] == [
        ("conda", "numpy", "1.26.4", "py311h0_0", "linux-64", URL, A)
    ]
    assert list(parse(text)) == ["linux-64"]


@pytest.mark.parametrize(
    ("text", "platforms"),
    [
        (f"@EXPLICIT\n{NOARCH}#{A}", ["any"]),
        (f"@EXPLICIT\n# platform: linux-aarch64\n{NOARCH}#{A}", ["linux-aarch64"]),
        (f"@EXPLICIT\n{NOARCH}#{A}\n{URL}#{B}", ["linux-64"]),
        (f"@EXPLICIT\nfile:///srv/six-1.0-0.conda#{A}", ["any"]),
        (f"@EXPLICIT\n/srv/linux-64/six-1.0-0.conda#{A}", ["linux-64"]),
    ],
)
def test_platforms(text, platforms):
    assert list(parse(text)) == platforms


def test_pip_packages_in_comments():
    (packages,) = parse(
        f"@EXPLICIT\n{URL}#{A}\n# pip My.Pkg @ https://w.example/my_pkg-1.0-py3-none-any.whl#sha256={B}\n"
    ).values()
    assert [(p.manager, p.name, p.version, p.sha256) for p in packages][1:] == [("pip", "my-pkg", "1.0", B)]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (f"@EXPLICIT\n{URL}", "line 2: numpy-1.26.4-py311h0_0.conda (no hash)"),
        (f"@EXPLICIT\n{URL}#sha256:{'a' * 32}", "(not a sha256)"),
        (f"@EXPLICIT\n{URL}#md5:{'a' * 32}", "(not a sha256)"),
        (f"@EXPLICIT\nhttps://h/$LOCK_UNSET/noarch/six-1.0-0.conda#{A}", "variable LOCK_UNSET is not set on the controller"),
        (f"@EXPLICIT\n{URL}#{'A' * 64}", "(not a sha256)"),
        (f"@EXPLICIT\n{URL}#{A[:-1]}", "(not a sha256)"),
        (f"@EXPLICIT\nftp://h/noarch/six-1.0-0.conda#{A}", "ftp://h/noarch/six-1.0-0.conda is no address to fetch from"),
        (f"@EXPLICIT\nhttps://h/noarch/six.zip#{A}", "no URL"),
        (f"@EXPLICIT\nhttps:///noarch/six-1.0-0.conda#{A}", "no address to fetch from"),
        ("@EXPLICIT\nnumpy=1.26\n", "no URL"),
        ("@EXPLICIT\n# nothing\n", "names no packages"),
        (f"@EXPLICIT\n{URL}#{A}\n{URL.replace('linux-64', 'osx-64')}#{A}", "mixes the platforms linux-64 and osx-64"),
        (f"@EXPLICIT\n# platform: linux-aarch64\n{URL}#{A}", "mixes the platforms"),
        (f"@EXPLICIT\n{URL}#{A}\n{URL.replace('1.26.4', '2.0')}#{B}", "numpy is listed twice"),
        (f"@EXPLICIT\n# pip x @ https://h/x-1.0.tar.gz#sha256={A}", "is no wheel"),
        ("@EXPLICIT\n# pip x @ https://h/x-1.0-py3-none-any.whl", "pip package x"),
    ],
)
def test_what_is_refused(text, says):
    with pytest.raises(Problem) as caught:
        parse(text)
    assert says in str(caught.value)
    assert "lock.txt" in str(caught.value)


def test_all_wrong_lines_are_listed_up_to_a_limit():
    lines = [f"https://h/noarch/p{number}-1-0.conda" for number in range(30)]
    with pytest.raises(Problem) as caught:
        parse("@EXPLICIT\n" + "\n".join(lines))
    assert str(caught.value).count("\n- ") == 21
    assert "and 10 more" in str(caught.value)


def test_errors_hide_tokens():
    with pytest.raises(Problem) as caught:
        parse(f"@EXPLICIT\nftp://me:pw@h/t/tok-123/c/noarch/six-1.0-0.conda#{A}")
    assert "pw" not in str(caught.value) and "tok-123" not in str(caught.value)


def test_an_md5_is_read_and_then_refused_with_the_command_that_completes_it():
    text = f"@EXPLICIT\n{URL}#{'1' * 32}\n{NOARCH}#{A}\n# pip x @ https://h/x-1-py3-none-any.whl#md5={'2' * 32}"
    form = reading.parse(text.encode(), "l")
    assert [(p.name, p.md5, p.sha256) for p in form.platforms["linux-64"]] == [
        ("numpy", "1" * 32, ""), ("six", "", A), ("x", "2" * 32, ""),
    ]  # fmt: skip
    with pytest.raises(Problem) as caught:
        normal_form.require_sha256(form, "lock.txt")
    said = str(caught.value)
    assert said.startswith("lock.txt has entries without a sha256:\n- numpy-1.26.4-py311h0_0.conda for linux-64 (md5 only)\n- x-1")
    assert "ansible-playbook lockstep.gpufleet.lock -e file=lock.txt. " in said and "require_sha256: false" in said
    normal_form.require_sha256(reading.parse(f"@EXPLICIT\n{URL}#{A}".encode(), "l"), "lock.txt")


NAMES = st.from_regex(r"[a-z0-9][a-z0-9_-]{0,8}[a-z0-9]", fullmatch=True)
VERSIONS = st.from_regex(r"[0-9]{1,3}(\.[0-9]{1,3}){0,2}", fullmatch=True)


@given(
    st.dictionaries(NAMES.map(canonical), st.tuples(VERSIONS, st.binary(min_size=32, max_size=32)), min_size=1),
    st.sampled_from(["", "sha256:"]),
    st.lists(st.sampled_from(["", "   ", "# comment", "  # indented", "@EXPLICIT"]), max_size=5),
)
def test_what_is_written_is_read(packages, prefix, noise):
    lines = [
        f"https://u:p@h/t/tok/c/noarch/{name}-{version}-0.conda#{prefix}{digest.hex()}"
        for name, (version, digest) in packages.items()
    ]
    (found,) = parse("\n".join(["@EXPLICIT", *noise, *lines, *noise])).values()
    assert {p.name: (p.version, bytes.fromhex(p.sha256)) for p in found} == packages
    assert all(p.url == f"https://h/c/noarch/{p.file_name}" and "u:p@" in p.source for p in found)


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused_by_one_clear_error(text):
    try:
        parse("@EXPLICIT\n" + text)
    except Problem as problem:
        assert str(problem).startswith("lock.txt")


def test_the_command_that_locks_a_file_can_be_typed():
    assert normal_form.locking("/srv/env.yml") == "ansible-playbook lockstep.gpufleet.lock -e file=/srv/env.yml"
    (argument,) = shlex.split(normal_form.locking("/srv/my env.yml"))[3:]
    assert parse_kv(argument) == {"file": "/srv/my env.yml"}
