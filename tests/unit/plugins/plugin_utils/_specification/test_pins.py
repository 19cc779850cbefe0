# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is pinned, and the pins that are offered; py-rattler has the last word on what matches."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._specification import pins

OFFERED = ["12.3", "12.4", "12.4.1"]

CONDA = [
    ("x==12.4", True, "x==12.4"),
    ("x 12.4", True, "x==12.4"),
    ("x=12.4=h0_0", True, "x=12.4=h0_0"),
    ("x 12.4 h0_0", True, "x=12.4=h0_0"),
    ("x==12.4=h*", True, "x=12.4=h*"),
    ("x[version='==12.4']", True, "x==12.4"),
    ("x[version='=12.4', build='h*']", False, "x=12.4=h*"),
    ("c::x==12.4", True, "c::x==12.4"),
    ("x=12.4.1", True, "x==12.4"),
    ("x=12.4", False, "x==12.4"),
    ("c::x=12.4", False, "c::x==12.4"),
    ("x", False, "x==12.4"),
    ("x=*", False, "x==12.4"),
    ("x=12.*", False, "x==12.4"),
    ("x=12.4.*", False, "x==12.4"),
    ("x>=12.4", False, "x==12.4"),
    ("x>=12.4,<13", False, "x==12.4"),
    ("x~=12.4", False, "x==12.4"),
    ("x==12.3|==12.4", False, "x==12.4"),
    ("x=*=h*", False, "x=12.4=h*"),
    ("x=12.*=h*", False, "x=12.4=h*"),
    ("x>=12.4[build_number='>=1']", False, "x==12.4[build_number='>=1']"),
]


@pytest.mark.parametrize(("text", "pinned", "pin"), CONDA)
def test_conda(text: str, pinned: bool, pin: str):
    assert pins.conda_is_pinned(text, OFFERED) is pinned
    assert pins.conda_pin(text, "12.4") == pin
    assert pins.conda_is_pinned(pin, OFFERED)


def test_a_beginning_is_a_pin_where_nothing_longer_is_offered():
    assert pins.conda_is_pinned("cuda-version=12.4", ["12.3", "12.4", "12.6"])
    assert not pins.conda_is_pinned("python=3.10", ["3.10.13", "3.10.14", "3.11.2"])
    assert not pins.conda_is_pinned("python=3.10", ["3.10", "3.10.1"])
    assert pins.conda_is_pinned("x=3.1", ["3.1", "3.10"])


PROGRAM = """
import json, sys, rattler
def matching(text):
    spec = rattler.MatchSpec(text, strict=False)
    def record(version):
        return rattler.PackageRecord("x", version, rattler.BuildString("h0_0"), 0, "linux-64")
    return [version for version in ("12.3", "12.4", "12.4.0.1", "12.4.1", "12.40", "12.4.post1") if spec.matches(record(version))]
print(json.dumps([matching(text) for text in json.load(sys.stdin)]))
"""


def test_for_py_rattler_what_is_pinned_is_one_version_and_pins_are():
    texts = [pin.removeprefix("c::") for _text, _pinned, pin in CONDA if "build_number" not in pin]
    texts += [text.removeprefix("c::") for text, pinned, _pin in CONDA if pinned and text != "x=12.4.1"]
    answer = subprocess.run([sys.executable, "-c", PROGRAM], input=json.dumps(texts), capture_output=True, text=True, check=True)
    for text, versions in zip(texts, json.loads(answer.stdout), strict=True):
        assert versions == ["12.4"], text


@pytest.mark.parametrize(
    ("text", "pinned", "pin"),
    [
        ("six==1.17.0", True, "six==1.17.0"),
        ("six===1.17.0", True, "six==1.17.0"),
        ("six @ https://e.example/six-1.17.0-py3-none-any.whl", True, "six==1.17.0"),
        ("six", False, "six==1.17.0"),
        ("six==1.*", False, "six==1.17.0"),
        ("six>=1,<2", False, "six==1.17.0"),
        ("Six[b,a]>=1; python_version >= '3'", False, 'Six[a,b]==1.17.0; python_version >= "3"'),
    ],
)
def test_pip(text: str, pinned: bool, pin: str):
    assert pins.pip_is_pinned(text) is pinned
    assert pins.pip_pin(text, "1.17.0") == pin
