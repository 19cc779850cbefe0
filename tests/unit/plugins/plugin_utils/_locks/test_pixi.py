# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""``pixi.lock``: read like py-rattler reads it, and refused where it cannot be installed from."""

from __future__ import annotations

import pathlib

import pytest
from unit.plugins.plugin_utils._locks import rattler_oracle

from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locks import normal_form, pixi, reading, virtual_packages

DATA = pathlib.Path(__file__).parent / "data"
A, B, MD5 = "a" * 64, "b" * 64, "c" * 32
URL = "https://conda.example/ch"


@pytest.mark.parametrize(
    ("name", "packages"),
    [("two-environments-v6", 11), ("named-platforms-v7", 3)],
)
def test_locks_in_pixis_form_are_read_as_py_rattler_reads_them(name, packages):
    assert rattler_oracle.compare(DATA / f"{name}.lock") == packages


def conda(name="six", subdir="noarch", **changes):
    """Return a package's entry as text, and its URL; a change to None leaves the key out."""
    url = changes.pop("url", f"{URL}/{subdir}/{name}-1.0-py_0.conda")
    values = {"sha256": A, **changes}
    return url, f"- conda: {url}\n" + "".join(f"  {key}: {value}\n" for key, value in values.items() if value is not None)


def wheel(name="six", **changes):
    url = changes.pop("url", f"https://w.example/{name}-1.0-py3-none-any.whl")
    values = {"name": name, "version": "'1.0'", "sha256": B, **changes}
    return url, f"- pypi: {url}\n" + "".join(f"  {key}: {value}\n" for key, value in values.items() if value is not None)


def lock(*entries, version=6, platforms=None, environments=("default",), platform="linux-64", listed=None):
    """Return a lock with the entries in every environment; ``platforms``: what version 7 says of them."""
    kinds = [("conda_source" if "conda_source" in text else text[2:7].rstrip(":"), url) for url, text in entries]
    selectors = "".join(f"      - {kind}: {url}\n" for kind, url in (kinds if listed is None else listed))
    text = f"version: {version}\n" + (f"platforms:\n{platforms}" if platforms else "") + "environments:\n"
    for name in environments:
        text += f"  {name}:\n    channels:\n    - url: {URL}/\n    packages:\n      {platform}:\n{selectors}"
    return (text + "packages:\n" + "".join(text for _url, text in entries)).encode()


def refused(content, *says, **asked):
    with pytest.raises(Problem) as caught:
        reading.parse(content, "pixi.lock", **asked)
    for one in says:
        assert one in str(caught.value)
    assert str(caught.value).startswith("pixi.lock")
    return str(caught.value)


def test_conda_before_pip_needed_before_needing():
    content = lock(
        wheel("My_Wheel", requires_dist="[six>=1]"), conda("b", depends="[a >=1, __glibc >=2.17]"), conda("a", sha256=B)
    )
    (packages,) = reading.parse(content, "pixi.lock").platforms.values()
    assert [(one.manager, one.name, one.version, one.sha256) for one in packages] == [
        ("conda", "a", "1.0", B),
        ("conda", "b", "1.0", A),
        ("pip", "my-wheel", "1.0", B),
    ]


def test_the_same_packages_have_the_digest_that_other_formats_give_them():
    explicit = f"@EXPLICIT\n# platform: linux-64\n{URL}/noarch/six-1.0-py_0.conda#{A}\n".encode()
    assert reading.parse(lock(conda()), "pixi.lock").digests() == reading.parse(explicit, "list").digests()


def test_environments():
    content = lock(conda(), environments=("default", "gpu", "test"))
    assert reading.parse(content, "x", environment="gpu").platforms.keys() == {"linux-64"}
    refused(content, "has no environment cpu; there are default, gpu, test", environment="cpu")
    refused(lock(conda(), environments=("gpu",)), "has no environment default; there are gpu")
    refused(content, "has no categories but environments", categories=["main", "dev"])
    with pytest.raises(Problem, match="is no pixi.lock, so it has no environments"):
        reading.parse(f"@EXPLICIT\n{URL}/noarch/six-1.0-0.conda#{A}\n".encode(), "list", environment="default")


def test_what_an_environment_does_not_name_is_not_looked_at():
    (url, good), (_url, bad) = conda(), conda("bad", sha256="no")
    assert reading.parse(lock((url, good + bad)), "x").packages("linux-64")[0].name == "six"


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        (conda(sha256=None), "entries without a sha256: six-1.0-py_0.conda (linux-64): six-1.0-py_0.conda (no hash)"),
        (conda(sha256="12"), "(no valid hash)"),
        (conda(url="../minimal", name="minimal", sha256=None), "built from source: ../minimal (linux-64). Only archives"),
        (conda(url="git+https://user:pw@h/x.git?rev=1#abc"), "built from source: git+https://h/x.git (linux-64)"),
        (("x[12345678] @ .", "- conda_source: x[12345678] @ .\n"), "built from source: x[12345678] @ . (linux-64)"),
        (conda(subdir="osx-64"), "its archive is for osx-64"),
        (conda(version="'2.0'"), "says 2.0, but its archive is six-1.0-py_0.conda"),
        (conda(url="$UNSET_HERE/noarch/six-1.0-0.conda"), "the environment variable UNSET_HERE is not set"),
        (wheel(sha256=None), "entries without a sha256: six (linux-64): six-1.0-py3-none-any.whl (no hash)"),
        (wheel(url="https://w.example/six-1.0.tar.gz"), "no wheels: six (linux-64): a source archive (six-1.0.tar.gz). Only wheels"),
        (wheel(url="./", sha256=None, editable="true"), "an editable or local checkout (editable)"),
        (wheel(url="git+https://h/six.git"), "a checkout (git)"),
        (wheel(url="./six"), "an editable or local checkout (path)"),
        (wheel(version=None), "six (linux-64) lacks version"),
    ],
)
def test_entries_that_cannot_be_installed(entry, says):
    refused(lock(entry, version=7, platforms="- name: linux-64\n"), says)


def test_several_wrong_entries_are_one_error_and_hold_no_secret():
    said = refused(lock(conda("a", subdir="win-64"), conda("b", url="https://me:pw@h/win-64/b-1-0.conda")), "- a", "- b")
    assert "pw" not in said


def test_md5_is_for_those_who_accept_it():
    form = reading.parse(lock(conda(sha256=None, md5=MD5)), "pixi.lock")
    assert form.packages("linux-64")[0].md5 == MD5
    with pytest.raises(Problem, match="md5 only"):
        normal_form.require_sha256(form, "pixi.lock")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"version: 5\nenvironments: {}\npackages: []\n", "a pixi lock of version 5; 6 and 7 are supported"),
        (b"version: 6\nenvironments: {}\npackages: []\n", "has no environment default; there are none at all"),
        (b"version: 6\nenvironments: [a]\npackages: []\n", "environments: is no mapping"),
        (b"version: 6\nenvironments: {default: {packages: {}}}\n", "the environment default names no packages"),
        (b"version: 6\nenvironments: {default: {packages: [a]}}\n", "the packages of default: is no mapping"),
        (b"version: 6\nenvironments: {default: {packages: {linux-64: [{x: y}]}}}\n", "linux-64: an entry has no location"),
        (b"version: 6\nenvironments: {default: {packages: {linux-63: []}}}\n", "is for linux-63, which is no subdir"),
        (lock(conda()).replace(b"    - url:", b"      url:"), "channels is no list of URLs"),
        (b"version: 6\nenvironments: {default: {}}\npackages: [{}]\n", "package 1 has no location"),
        (lock(conda(), listed=[("conda", f"{URL}/noarch/six-2.0-0.conda")]), "is not among the lock's packages"),
        (lock(conda(), version=7), "is for linux-64, which is not among the lock's platforms"),
        (lock(conda(), version=7, platforms="- linux-64\n"), "platforms is no list of names"),
        (lock(conda(), version=7, platforms="- name: a\n- name: a\n"), "the platform a is listed twice"),
        (lock(conda(), version=7, platforms="- name: a\n  virtual-packages: [glibc=2]\n"), "'glibc=2' is no virtual package"),
    ],
)
def test_malformed(content, says):
    refused(content, says)


def test_archives_beside_the_lock():
    url, text = conda(url="./noarch/six-1.0-py_0.conda", subdir="noarch")
    (package,) = reading.parse(lock((url, text + "  subdir: noarch\n")), "pixi.lock").packages("linux-64")
    assert (package.url, package.source, package.subdir) == (
        "file://controller/noarch/six-1.0-py_0.conda",
        "noarch/six-1.0-py_0.conda",
        "noarch",
    )


PLATFORMS = """\
- name: cpu
  subdir: linux-64
- name: cuda
  subdir: linux-64
  virtual-packages: [__cuda=12.4, __glibc=2.28, __unix=0=0, __archspec=0=x86_64_v3]
- name: linux-aarch64
"""


def several(chosen=None):
    one, two = conda("one", constrains="[__cuda >=12, six <2]"), conda("two")
    text = lock(one, version=7, platforms=PLATFORMS, platform="cuda").decode()
    more = f"      cpu:\n      - conda: {two[0]}\n      linux-aarch64:\n      - conda: {two[0]}\npackages:\n{two[1]}"
    return reading.parse(text.replace("packages:\n- ", more + "- ").encode(), "pixi.lock", platform=chosen)


def test_of_several_platforms_for_one_kind_of_host_one_is_named():
    form = several()
    assert (set(form.platforms), form.unclear) == ({"linux-aarch64"}, {"linux-64": ("cpu", "cuda")})
    form = several("cuda")
    assert (set(form.platforms), form.unclear) == ({"linux-64", "linux-aarch64"}, {})
    assert [one.name for one in form.packages("linux-64")] == ["one"]
    assert [one.name for one in several("cpu").packages("linux-64")] == ["two"]
    with pytest.raises(Problem, match="has no platform gpu; there are cpu, cuda, linux-aarch64"):
        several("gpu")


def test_the_contract_is_the_platforms_virtual_packages_and_what_packages_constrain():
    platform = "the lock's platform cuda"
    form = several("cuda")
    assert form.contracts == {
        "linux-64": (
            *((platform, "virtual-packages", spec) for spec in ("__cuda >=12.4", "__glibc >=2.28")),
            *((platform, "virtual-packages", spec) for spec in ("__unix", "__archspec * x86_64_v3")),
            ("one 1.0 py_0", "constrains", "__cuda >=12"),
        ),
        "linux-aarch64": (),
    }
    assert reading.NormalForm.from_json(form.to_json()) == form
    assert reading.NormalForm.from_json(several().to_json()) == several()


@pytest.mark.parametrize(
    ("written", "spec"),
    [
        ("__glibc=2.28", "__glibc >=2.28"),
        ("__cuda=12", "__cuda >=12"),
        ("__cuda_arch=8.6=0", "__cuda_arch >=8.6"),
        ("__unix=0=0", "__unix"),
        ("__archspec=0=x86_64_v3", "__archspec * x86_64_v3"),
        ("__archspec=0=0", "__archspec"),
        ("__linux", "__linux"),
        ("__glibc >= 2.28", "__glibc >= 2.28"),
    ],
)
def test_virtual_packages(written, spec):
    assert virtual_packages.spec_of(written) == spec
    assert virtual_packages.spec_of(virtual_packages.written(spec)) == spec


def test_is_pixi():
    assert pixi.is_pixi({"version": "6", "environments": {}})
    assert not pixi.is_pixi({"version": "1", "package": []})
    assert not pixi.is_pixi([])
