# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is read out of an environment.yml, and where each part of it stands."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._specification import reading

FULL = """\
# what the team agreed on
name: ai_env
channels:
  - conda-forge   # first
  - https://conda.example/private/
  - nodefaults
dependencies:
  - python=3.10
  # a comment
  - numpy >=1.26,<2
  - nvidia::cuda-version=12.4
  - pip
  - pip:
      - requests==2.32.3
      - "rich[jupyter]>=13; python_version < '4'"
variables:
  OMP_NUM_THREADS: 8
  GREETING: "yes"
platforms: [linux-64, linux-aarch64]
prefix: /home/me/miniconda3/envs/ai_env
"""


def parse(text, **options):
    return reading.parse(text.encode(), "env.yml", **options)


def test_all_parts_with_their_lines():
    found = parse(FULL)
    assert found.name == "ai_env" and found.kind == "environment.yml" and found.path == "env.yml"
    assert [(one.text, one.where.number) for one in found.channels] == [
        *[("conda-forge", 4), ("https://conda.example/private", 5), ("nvidia", 11)]
    ]
    assert [(one.name, one.text, str(one.where)) for one in found.conda] == [
        ("python", "python=3.10", "env.yml, line 8"),
        ("numpy", "numpy >=1.26,<2", "env.yml, line 10"),
        ("cuda-version", "nvidia::cuda-version=12.4", "env.yml, line 11"),
        ("pip", "pip", "env.yml, line 12"),
    ]
    assert [(one.name, one.text, one.where.number) for one in found.pip] == [
        ("requests", "requests==2.32.3", 14),
        ("rich", "rich[jupyter]>=13; python_version < '4'", 15),
    ]
    assert found.variables == {"OMP_NUM_THREADS": "8", "GREETING": "yes"}
    assert found.platforms == ("linux-64", "linux-aarch64")
    assert found.notes == (
        "env.yml, line 20: prefix is ignored; an environment's place on hosts is for them to say.",
        "env.yml, line 11: the channel nvidia is not among channels; it is taken as the last of them.",
    )


def test_options_fill_what_the_file_leaves_open():
    found = parse("dependencies: [numpy]\n", channels=["conda-forge", "nodefaults"], python="3.10.14")
    assert [(one.text, str(one.where)) for one in found.channels] == [("conda-forge", "the option channels")]
    assert [one.text for one in found.conda] == ["python==3.10.14", "numpy"]
    found = parse(FULL, channels=["other"], python="3.10.14")
    assert "other" not in [one.text for one in found.channels] and [one.text for one in found.conda].count("python=3.10") == 1


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("- numpy===1.2", "env.yml, line 2: numpy===1.2: === is pip's; write numpy==1.2."),
        ("- pandas[all]", "env.yml, line 2: pandas[all] asks for extras, which only pip knows"),
        ("- 3.10", "env.yml, line 2: 3.10 is a number, no package"),
        ("- ", "env.yml, line 2: an empty entry stands here"),
        ("- numpy>1.2<2", "env.yml, line 2: numpy>1.2<2: no comma stands between two comparisons; write numpy>1.2,<2."),
        ("- https://h/c/linux-64/numpy-1.2-py_0.conda", "write numpy=1.2=py_0, or put URLs into an @EXPLICIT list"),
        ("- numpy: 1.2", "env.yml, line 2: numpy: is no dependency, only pip: may stand here; write numpy=1.2"),
        ("- a\n- a: [\n", "env.yml, line 4: is not valid YAML"),
        ("\t- a\n", "env.yml, line 2: a tab stands in the indentation"),
        ("- pip: [a]\n- pip: [b]\n", "env.yml, line 3: a second pip: section"),
    ],
)
def test_slips_are_told_with_their_line(text, says):
    with pytest.raises(Problem) as caught:
        parse(f"dependencies:\n{text}")
    assert says in str(caught.value)


def test_what_conda_env_export_writes():
    found = parse(
        "name: ai_env\nchannels:\n  - conda-forge\n  - defaults\ndependencies:\n  - _libgcc_mutex=0.1=conda_forge\n"
        "  - ca-certificates=2024.8.30=hbcca054_0\n  - numpy=1.26.4=py310hb13e2d6_0\n  - pip=24.2=pyh8b19718_1\n"
        "  - pip:\n      - torch==2.4.1\n      - nvidia-cublas-cu12==12.1.3.1\nprefix: /home/me/miniconda3/envs/ai_env\n"
    )
    assert [one.text for one in found.conda][2] == "numpy=1.26.4=py310hb13e2d6_0"
    assert [one.name for one in found.pip] == ["torch", "nvidia-cublas-cu12"]
    assert [one.text for one in found.channels] == ["conda-forge", "defaults"]
    assert len(found.notes) == 1 and "prefix is ignored" in found.notes[0]


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("dependencies: [a]\ncategory: dev\n", "env.yml, line 2: category is ignored; all dependencies are locked."),
        ("dependencies: [a]\n\ndependency: [b]\n", "env.yml, line 3: dependency is unknown and ignored."),
        ("dependencies:\n- a\n- pip:\n  - b\n", "env.yml, line 3: pip is not among conda's dependencies and is not added; "),
        ("dependencies:\n- a # [see our wiki]\n- b  #[not win and py>=310]\n", "env.yml, line 3: [not win and py>=310] is a comment;"),
        ("dependencies:\n- a\n- b  # [linux64]\n", "env.yml, line 3: [linux64] is a comment; the line counts for every platform."),
        ("channels: [c]\ndependencies: ['https://me:pw@h/d::a']\n", "env.yml, line 2: the channel https://h/d is not among channels"),
    ],
)
def test_notes(text, note):
    (found,) = parse(text).notes
    assert found.startswith(note)


def test_specs_of_channels_that_are_there_already():
    found = parse(
        "channels: [conda-forge, defaults, 'https://conda.anaconda.org/nvidia/', 'https://me:pw@h/c']\ndependencies:\n"
        "- conda-forge/linux-64::a\n- nvidia::b\n- https://conda.anaconda.org/conda-forge::c\n- https://h/c::d\n- pkgs/main::e\n"
    )
    assert len(found.channels) == 4 and not found.notes
    found = parse("channels: ['https://h/nvidia']\ndependencies: ['nvidia::a']\n")
    assert [one.text for one in found.channels] == ["https://h/nvidia", "nvidia"]


@pytest.mark.parametrize("spec", ["{}::a=1", "{}/linux-64::a=1", "a[channel='{}']", "a=1[channel='{}']"])
@pytest.mark.parametrize("url", ["https://h/c", "https://you:other@h/c"])
def test_specs_have_the_credentials_of_their_channel(spec, url):
    found = parse(f'channels: [conda-forge, "https://me:pw@h/c"]\ndependencies: ["{spec.format(url)}"]\n')
    assert [(one.text, one.exact) for one in found.conda] == [(spec.format(url), spec.format("https://me:pw@h/c"))]
    assert len(found.channels) == 2 and not found.notes


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("name: [x]", "env.yml, line 2: name is no text"),
        ("channels: {a: b}", "line 2: channels is no list"),
        ("channels: [[a]]", "line 2: an entry of channels is no name or URL"),
        ("channels: ['']", "line 2: an entry of channels is no name or URL"),
        ("channels: [a b]", "line 2: a b is neither a channel's name nor a URL"),
        ("channels: ['ftp://me:pw@h/c']", "line 2: ftp://h/c is no address of a channel"),
        ("channels: ['https://${LOCK_UNSET}@h/c']", "line 2: the environment variable LOCK_UNSET is not set on the controller"),
        ("platforms: [linux]", "line 2: linux is no platform"),
        ("platforms: [noarch]", "line 2: noarch is no platform"),
        ("variables: [A]", "line 2: variables is no mapping"),
        ("variables: {1A: b}", "line 2: 1A is no name of an environment variable"),
        ("variables:\n  A:\n", "line 3: the variable A has no text as its value; write A: ''"),
        ("variables: {A: [b]}", "line 2: the variable A has no text"),
        ('variables: {A: "a\\nb"}', "line 2: the variable A holds a line break"),
    ],
)
def test_other_keys(text, says):
    with pytest.raises(Problem) as caught:
        parse(f"dependencies: [a]\n{text}\n")
    assert says in str(caught.value) and "pw" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("- [a]", "a list stands in the list of dependencies"),
        ("- pip: requests", "pip: is no list"),
        ("- pip: [{a: b}]", "an entry of pip: is no text"),
        ("- pip:\n  -", "an entry of pip: is no text"),
        ("- https://me:pw@h/c: x", "is no dependency, only pip: may stand here"),
        ("- 'https://me:pw@h/c d::a'", "is no address of a channel"),
        ("- 'c d::a'", "line 2: c d is neither a channel's name nor a URL"),
    ],
)
def test_other_entries(text, says):
    with pytest.raises(Problem) as caught:
        parse(f"dependencies:\n{text}\n")
    assert says in str(caught.value) and "pw" not in str(caught.value)


def test_variables_of_the_controller_in_channels(monkeypatch):
    monkeypatch.setenv("LOCK_TOKEN", "s3/cret")
    found = parse("channels: ['https://me:${LOCK_TOKEN}@h/c']\ndependencies: ['https://me:${LOCK_TOKEN}@h/c::a']\n")
    assert [one.text for one in found.channels] == ["https://me:s3%2Fcret@h/c"]
    (spec,) = found.conda
    assert spec.text == "https://me:${LOCK_TOKEN}@h/c::a" and spec.exact == "https://me:s3%2Fcret@h/c::a" and not found.notes


def test_an_empty_list_of_dependencies():
    assert parse("dependencies:\n").conda == parse("dependencies: []\n").conda == ()


WORD = st.from_regex(r"[a-z][a-z0-9_]{0,6}", fullmatch=True)
VERSION = st.from_regex(r"[0-9]{1,3}(\.[0-9]{1,3}){0,2}", fullmatch=True)
CONDA = st.builds("{}{}{}".format, WORD, st.sampled_from(["=", "==", ">=", " <=", " !=", "~="]), VERSION) | WORD
PIP = st.builds("{}{}{}".format, WORD, st.sampled_from(["==", ">=", "<="]), VERSION) | WORD
VALUE = st.text(st.characters(min_codepoint=32, exclude_categories=("C",)), max_size=8)


@given(
    st.lists(WORD, max_size=3, unique=True),
    st.lists(CONDA, max_size=5),
    st.lists(PIP, max_size=4),
    st.dictionaries(st.from_regex(r"[A-Z_][A-Z0-9_]{0,6}", fullmatch=True), VALUE, max_size=3),
    st.sets(st.sampled_from(["linux-64", "linux-aarch64"])),
    st.booleans(),
)
def test_what_is_written_is_read(channels, conda, pip, variables, platforms, flow):
    data = {
        "channels": channels,
        "dependencies": [*conda, {"pip": pip}],
        "variables": variables,
        "platforms": sorted(platforms),
    }
    found = parse(yaml.safe_dump(data, default_flow_style=flow, allow_unicode=True))
    assert [one.text for one in found.channels] == channels
    assert [one.text for one in found.conda] == [" ".join(spec.split()) for spec in conda]
    assert [one.text for one in found.pip] == pip
    assert found.variables == variables and found.platforms == tuple(sorted(platforms))
