# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values of options that make no sense."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locking import options

FINE: dict[str, t.Any] = {
    "platforms": ["linux-64", "linux-aarch64", "osx-arm64"],
    "virtual_packages": {
        "linux-64": {"__glibc": "2.36", "__cuda": 12, "__linux": "6.1.0", "__archspec": "x86_64_v3", "__unix": "0"},
        "linux-aarch64": {"__archspec": "1 neoverse_v2", "__cuda": "", "__glibc": None},
        "osx-arm64": None,
    },
    "update": ["numpy", "typing_extensions", "ruamel.yaml"],
    "python": "3.10.14",
    "hosts": None,
    "lock": "conda-lock.yml",
}


def virtual(**given: t.Any) -> dict[str, t.Any]:
    return {"virtual_packages": {"linux-64": given}}


def test_what_makes_sense_is_taken():
    options.check(FINE)
    options.check({**FINE, "platforms": [], "virtual_packages": {}, "update": None, "python": None, "lock": None})


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"platforms": ["linux64"]}, "platforms: 'linux64' is no platform (did you mean linux-64?); conda's are called"),
        ({"platforms": ["noarch"]}, "platforms: 'noarch' is no platform"),
        ({"platforms": [""]}, "platforms: '' is no platform"),
        ({"virtual_packages": {"linux-amd64": {}}}, "virtual_packages: 'linux-amd64' is no platform"),
        ({"virtual_packages": {"linux-64": "__cuda=12"}}, "virtual_packages: linux-64: __cuda=12 is no dictionary"),
        ({"virtual_packages": {"linux-64": ["__cuda"]}}, "virtual_packages: linux-64: ['__cuda'] is no dictionary"),
        (virtual(cuda="12"), "virtual_packages: linux-64: cuda is no virtual package (did you mean __cuda?); there are __archspec"),
        (virtual(__libc="2.36"), "linux-64: __libc is no virtual package (did you mean __glibc?)"),
        (virtual(__cuda=">=12.4"), "linux-64: __cuda: '>=12.4' is not a version, such as 12.4"),
        (virtual(__cuda="12,4"), "linux-64: __cuda: '12,4' is not a version"),
        (virtual(__cuda="none"), "linux-64: __cuda: 'none' is not a version, such as 12.4; an empty one hides it"),
        (virtual(__cuda=False), "linux-64: __cuda: False is not a version"),
        (virtual(__glibc=2.3), 'linux-64: __glibc: 2.3 is a number, and YAML reads 2.30 as 2.3; write it in quotation marks: "2.3"'),
        (virtual(__glibc=["2.36"]), "linux-64: __glibc: ['2.36'] is not a version"),
        (virtual(__archspec="2 x y"), "linux-64: __archspec: '2 x y' is not the name of a processor"),
        ({"update": ["numpy=1.26"]}, "update: 'numpy=1.26' is no name of a package"),
        ({"update": [""]}, "update: '' is no name of a package"),
        ({"python": "3.10"}, "The option python is 3.10: give an exact version"),
        ({"hosts": ["gpu01"]}, "lock: conda-lock.yml says nothing where hosts are given"),
    ],
)
def test_what_makes_none_is_one_error_with_option_and_value(wrong: dict[str, t.Any], says: str):
    with pytest.raises(Problem) as caught:
        options.check({**FINE, **wrong})
    assert says in str(caught.value)
