# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""conda's specs: what is accepted, and what is told about slips."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._specification import conda_specs

TAKEN = [
    ("numpy", "numpy", ""),
    ("PyYAML", "pyyaml", ""),
    ("_libgcc_mutex=0.1=conda_forge", "_libgcc_mutex", ""),
    ("numpy=1.26.4=py310hb13e2d6_0", "numpy", ""),
    ("numpy==1.26.4", "numpy", ""),
    ("numpy == 1.26.4", "numpy", ""),
    ("numpy = 1.26", "numpy", ""),
    ("numpy >=1.26,<2", "numpy", ""),
    ("numpy>=1.26 , <2", "numpy", ""),
    ("numpy >=1.26,<2 py310*", "numpy", ""),
    ("numpy>=1.26=py310*", "numpy", ""),
    ("numpy 1.26.* py310_0", "numpy", ""),
    ("numpy!=1.26.1", "numpy", ""),
    ("numpy~=1.26", "numpy", ""),
    ("numpy 1.26|1.27", "numpy", ""),
    ("numpy (>=1.26)", "numpy", ""),
    ("numpy=1!2.0+cu_1", "numpy", ""),
    ("numpy 1.26 ^py.*$", "numpy", ""),
    ("pytorch=*=*cuda*", "pytorch", ""),
    ("ruamel.yaml", "ruamel.yaml", ""),
    ("numpy[version='>=1.2,<2',build=py*]", "numpy", ""),
    ("numpy=1.2[build=py*]", "numpy", ""),
    ("numpy[channel=nvidia]", "numpy", "nvidia"),
    ("numpy[channel='https://h/c']", "numpy", "https://h/c"),
    ("conda-forge::numpy=1.2", "numpy", "conda-forge"),
    ("conda-forge/linux-64::numpy", "numpy", "conda-forge"),
    ("conda-forge/label/dev::numpy", "numpy", "conda-forge/label/dev"),
    ("https://h/c::numpy", "numpy", "https://h/c"),
]

#: Reads specs as the solver will, in a process of its own (rattler leaves threads).
CHILD = """
import json, sys, rattler
specs = [rattler.MatchSpec(text, strict=False) for text in json.load(sys.stdin)]
print(json.dumps([[spec.name.normalized, spec.channel.name if spec.channel else ""] for spec in specs]))
"""


@pytest.mark.parametrize(("text", "name", "channel"), TAKEN)
def test_what_conda_takes(text, name, channel):
    assert conda_specs.read(text)[:2] == (name, channel)


def test_rattler_takes_the_same_and_reads_the_same_names():
    done = subprocess.run(
        [sys.executable, "-c", CHILD], input=json.dumps([text for text, *_rest in TAKEN]), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [[name, channel.rpartition("://h/")[2]] for _text, name, channel in TAKEN]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "an empty entry stands here"),
        ("numpy===1.2", "numpy===1.2: === is pip's; write numpy==1.2"),
        ("pandas[all]", "pandas[all] asks for extras, which only pip knows; write pandas"),
        ("numpy[foo=bar]", "no KEY=VALUE that conda knows"),
        ("numpy[version='1]", "no KEY=VALUE that conda knows"),
        ("numpy @ https://h/x.whl", "a direct reference, which only pip knows"),
        ("numpy @ 1.2", "a direct reference, which only pip knows"),
        ("numpy; python_version < '3'", "is a marker, which only pip knows; write numpy"),
        ("numpy=>1.2", "=> is no comparison; write numpy>=1.2"),
        ("numpy=<1.2", "=< is no comparison; write numpy<=1.2"),
        ("numpy>1.2<2", "no comma stands between two comparisons; write numpy>1.2,<2"),
        ("numpy >=1.2 <2", "no comma stands between two comparisons; write numpy >=1.2,<2"),
        ("numpy=", "nothing follows the ="),
        ("numpy==", "nothing follows the ="),
        ("numpy>=1.2,", "nothing follows the ,"),
        ("numpy=1.2=", "nothing follows the ="),
        ("numpy,scipy", "are several packages; write each on a line of its own"),
        ("numpy, scipy", "are several packages"),
        ("numpy 1.2 py_0 more", "is no spec of conda's"),
        ("numpy==1.2==py_0", "is no spec of conda's"),
        ("num*", "is no spec of conda's"),
        ("*", "begins with no package name"),
        ("3.10", "3.10 is a number, no package; write NAME"),
        ("-numpy", "-numpy is an option, no package"),
        ("::numpy", "no channel stands before ::"),
        ("https://me:pw@h/c/linux-64/numpy-1.26.4-py310_0.conda", "a URL stands here; write numpy=1.26.4=py310_0"),
        ("https://h/x.tar.gz", "a URL stands here, no package"),
        ("numpy[]", "nothing stands in the brackets"),
        ("numpy (>=1", "is no spec of conda's"),
        ("numpy>=*", "is no spec of conda's"),
        ("numpy>1<", "nothing follows the <"),
        ("numpy\x00", "is no spec"),
    ],
)
def test_what_nobody_means(text, says):
    with pytest.raises(ValueError) as caught:
        conda_specs.read(text)
    assert says in str(caught.value) and "pw" not in str(caught.value)
