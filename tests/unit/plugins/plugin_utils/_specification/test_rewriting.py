# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""New specs in a text that otherwise stays as it is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._specification import reading, rewriting

FILE = "environments/ai/environment.yml"

TEXT = """\
# ours
name: x   # a name
dependencies:
    - python=3.10      # why 3.10
    - "numpy"
    - 'scipy >=1' # two

    - pip
    - pip:
       - requests>2 # here too
variables: {A: "python=3.10"}
"""


def test_only_the_specs_change():
    pins = {4: "python==3.10.14", 5: "numpy==1.26.4", 6: "scipy==1.14.1", 10: "requests==2.32.3"}
    expected = (
        TEXT.replace("python=3.10  ", "python==3.10.14  ", 1)
        .replace('"numpy"', '"numpy==1.26.4"')
        .replace("'scipy >=1'", "'scipy==1.14.1'")
        .replace("requests>2", "requests==2.32.3")
    )
    for begin in ("", "\ufeff"):
        for end in ("\n", "\r\n"):
            text = begin + TEXT.replace("\n", end)
            assert rewriting.pinned(text, FILE, pins.items()) == begin + expected.replace("\n", end)
            assert rewriting.pinned(text, FILE, []) == text


@pytest.mark.parametrize(
    ("text", "pin", "new"),
    [
        ("dependencies: [numpy]\n", "numpy==1", "dependencies: [numpy==1]\n"),
        ("dependencies: [\n numpy, # x\n scipy]\n", "numpy==1", None),
        ("dependencies: [numpy, 'scipy', c::NumPy_x]\n", "numpy==1", "dependencies: [numpy==1, 'scipy', c::NumPy_x]\n"),
        ("dependencies: [numpy, 'scipy', c::NumPy_x]\n", "c::numpy_x==1", "dependencies: [numpy, 'scipy', c::numpy_x==1]\n"),
        ("dependencies: [numpy, scipy]\n", "pandas==1", "line 1: no such dependency stands on this line, so pandas==1"),
        ("dependencies: [numpy, {pip: [NumPy]}]\n", "numpy==1", "line 1: the dependency stands several times on this line"),
        ("dependencies: [numpy]\n", "numpy[version='1', build=x]", """dependencies: ['numpy[version=''1'', build=x]']\n"""),
        ("dependencies: ['numpy']\n", "rich; python_version < '4'", "dependencies: ['rich; python_version < ''4''']\n"),
        ("dependencies: [\"numpy\"]\n", 'rich; python_version < "4"', 'dependencies: ["rich; python_version < \\"4\\""]\n'),
        ("name: x\ndependencies: [numpy]\n", "numpy==1", "line 1: no such dependency stands on this line"),
        ("\ndependencies: [numpy]\n", "numpy==1", "line 1: no such dependency stands"),
        ("- numpy\n", "numpy==1", "line 1: no such dependency stands"),
        ("dependencies: [numpy\n  >=1]\n", "numpy==1", "line 1: the dependency takes more than this line"),
        ("dependencies: [{pip: [numpy]}]\n", "numpy==1", "dependencies: [{pip: [numpy==1]}]\n"),
    ],
)
def test_styles(text, pin, new):
    if new is None:
        assert rewriting.pinned(text, FILE, [(2, pin)]) == text.replace("numpy", pin)
    elif new.endswith("\n"):
        assert rewriting.pinned(text, FILE, [(1, pin)]) == new
    else:
        with pytest.raises(Problem) as caught:
            rewriting.pinned(text, FILE, [(1, pin)])
        assert new in str(caught.value)


def test_every_dependency_of_a_line_gets_its_own_pin_and_a_last_line_needs_no_end():
    text = "dependencies: [scipy>=1, numpy, {pip: ['rich[x]>13', six]}]  # why"
    pins = [(1, "numpy==1.26.4"), (1, "rich[x]==13.9"), (1, "scipy==1.14.1")]
    expected = "dependencies: [scipy==1.14.1, numpy==1.26.4, {pip: ['rich[x]==13.9', six]}]  # why"
    assert rewriting.pinned(text, FILE, pins) == expected


@pytest.mark.parametrize("text", ["dependencies: [numpy\n  >=1]\n", "dependencies: []\n"])
def test_no_secret_is_shown_of_a_pin_that_cannot_be_written(text):
    with pytest.raises(Problem) as caught:
        rewriting.pinned(text, FILE, [(1, "https://me:Sesame-7@h.example.org/c::numpy==1")])
    assert "h.example.org/c::numpy==1" in str(caught.value) and "Sesame" not in str(caught.value)


def test_a_block_scalar_is_refused():
    with pytest.raises(Problem, match="^environments/ai/environment.yml, line 2: the dependency takes more than this line"):
        rewriting.pinned("dependencies:\n- >-\n  numpy\n", FILE, [(2, "numpy==1")])


NAME = st.from_regex(r"[a-z][a-z0-9_]{0,6}", fullmatch=True)
CONSTRAINT = st.sampled_from(["", "=1.2", "==1.2.3", " >=1,<2", "=1.2=py_0", " 1.*", "[version='>=1']", ">=1|0.5"])
SPEC = st.tuples(NAME, CONSTRAINT).map("".join)
LINE = st.tuples(
    SPEC,
    st.sampled_from(["{}", '"{}"', "'{}'"]),
    st.sampled_from(["", " # why", "   #  é ✓ [x]", "  "]),
    st.lists(st.sampled_from(["", "# a comment: - x", "   # indented"]), max_size=2),
)


def written(lines, end, indent):
    """Return the text, and the line of each spec in it."""
    out, numbers = ["# é", "dependencies:"], []
    for spec, style, after, noise in lines:
        shown = spec.replace("'", "''") if style == "'{}'" else spec
        out.append(f"{indent}- {style.format(shown)}{after}")
        numbers.append(len(out))
        out += noise
    return end.join([*out, "name: x", ""]), numbers


@given(st.lists(LINE, min_size=1, max_size=6), st.sampled_from(["\n", "\r\n"]), st.sampled_from(["", "  "]), st.data())
def test_the_new_text_says_the_old_with_those_specs_changed(lines, end, indent, data):
    text, numbers = written(lines, end, indent)
    pins = data.draw(st.dictionaries(st.sampled_from(numbers), SPEC))
    new = rewriting.pinned(text, FILE, pins.items())
    before, after = (reading.parse(one.encode(), "f") for one in (text, new))
    assert [(one.where, pins.get(one.where.number, one.text)) for one in before.conda] == [
        (one.where, one.text) for one in after.conda
    ]
    assert (before.name, before.pip, before.channels) == (after.name, after.pip, after.channels)
    # Lines without a pin are the same bytes; those with one differ in the spec only.
    expected = [(pins.get(number, spec), *rest) for number, (spec, *rest) in zip(numbers, lines, strict=True)]
    assert new == written(expected, end, indent)[0]
