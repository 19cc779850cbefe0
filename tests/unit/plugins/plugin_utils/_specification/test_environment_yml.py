# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is read out of an environment.yml, and where each part of it stands."""

from __future__ import annotations

import pytest

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
    assert [one.text for one in found.conda] == ["numpy", "python==3.10.14"]
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
