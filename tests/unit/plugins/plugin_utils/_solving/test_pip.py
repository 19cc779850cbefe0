# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""``pip.resolution`` with the real uv, against an index on loopback."""

from __future__ import annotations

import datetime
import typing as t

import pytest
from packaging.requirements import Requirement

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.network import Credential, Network
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.ordering import canonical
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.packages import Package
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locks.document import Entry
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._solving import pip, pip_explaining
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._solving.model import Settings, Target
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._specification.model import (
    PipOptions,
    PipRequirement,
    Specification,
    Where,
)

from unit.plugins.plugin_utils._solving import indexes, pip_part
from unit.plugins.plugin_utils._solving.pip_part import LINUX, PYTHON, conda_package


@pytest.fixture
def index() -> t.Iterator[indexes.Index]:
    with indexes.Index() as server:
        yield server
        server.shutdown()


@pytest.fixture
def settings(tmp_path) -> Settings:
    return pip_part.settings(tmp_path)


def specification(*lines: str, **options: t.Any) -> Specification:
    """Return what an environment.yml whose pip part begins in line 9 wants."""
    pip = tuple(
        PipRequirement(line, canonical(Requirement(line).name), Where("environment.yml", number))
        for number, line in enumerate(lines, 9)
    )
    return Specification("environment.yml", "environment.yml", pip=pip, pip_options=PipOptions(**options))


def test_each_package_is_one_wheel_with_its_hash_size_and_needs(index, settings):
    needed = index.add("needed", "2.0")
    sha256 = index.add("Wan.Ted", "1.0", ["needed>=1"])
    index.add("Wan.Ted", "1.1")
    index.projects["wan-ted"] = index.projects.pop("Wan.Ted")
    wanted = specification("Wan.Ted==1.0", index_url=index.url)
    entries = pip.resolution(wanted, LINUX, [PYTHON], settings).entries
    server = f"http://{index.server}"
    assert entries == (
        Entry(
            Package("pip", "needed", "2.0", "", "", f"{server}/files/needed-2.0-py3-none-any.whl", needed),
            size=len(index.projects["needed"][0].content),
        ),
        Entry(
            Package("pip", "wan-ted", "1.0", "", "", f"{server}/files/Wan.Ted-1.0-py3-none-any.whl", sha256, ("needed",)),
            size=len(index.projects["wan-ted"][0].content),
        ),
    )
    assert pip.resolution(wanted, LINUX, [PYTHON], settings).entries == entries


def test_without_a_pip_part_nothing_is_asked(settings):
    assert pip.resolution(specification(), Target("osx-64", {}), [], settings).entries == ()


def test_what_conda_brings_already_is_not_installed_and_told(index, settings):
    six = conda_package("six", "1.17.0", "python")
    found = pip.resolution(specification("six>=1.16", index_url=index.url), LINUX, [PYTHON, six], settings)
    assert found.entries == ()
    assert found.notes == (
        "environment.yml, line 9: six>=1.16 is not installed by pip; conda brings six 1.17.0 (other packages need it).",
    )


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (["six==1.16.0"], ["pip wants six==1.16.0 (environment.yml, line 9), conda brings six 1.17.0"]),
        (["nowhere==1"], ["the pip part cannot be resolved for linux-64", "- environment.yml, line 9: nowhere==1"]),
        (
            ["greeter==1.0", "wants-new-greeter==1.0"],
            ["- environment.yml, line 9: greeter==1.0", "- environment.yml, line 10: wants-new-greeter==1.0"],
        ),
    ],
)
def test_errors_name_the_lines(index, settings, lines, says):
    for name, version, requires in (("greeter", "1.0", []), ("greeter", "2.0", []), ("wants-new-greeter", "1.0", ["greeter>=2"])):
        index.add(name, version, requires)
    six = conda_package("six", "1.17.0", "python")
    with pytest.raises(Problem) as caught:
        pip.resolution(specification(*lines, index_url=index.url), LINUX, [PYTHON, six], settings)
    for words in says:
        assert words in str(caught.value)


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/simple", "http://nowhere.invalid/simple"])
def test_an_index_that_cannot_be_reached(settings, url):
    with pytest.raises(Problem, match=f"environment.yml: the pip part cannot be resolved: {url}"):
        pip.resolution(specification("greeter==1.0", index_url=url), LINUX, [PYTHON], settings)


@pytest.fixture(name="other")
def other_() -> t.Iterator[indexes.Index]:
    with indexes.Index() as server:
        yield server
        server.shutdown()


@pytest.mark.parametrize(
    ("options", "version"),
    [
        ("-i {one}", "1.0"),
        ("-i {one} --extra-index-url {two}", "9.0"),
        ("-i {two} --extra-index-url {one}", "1.0"),
        ("-i {nothing} --extra-index-url {one} --extra-index-url {two}", "1.0"),
        ("-i {two} --extra-index-url {nothing} --extra-index-url {one}", "1.0"),
        ("-i {two}\n-i {one}", "1.0"),
        ("-i {one} -f {folder}", "5.0"),
        ("-i {two} -f {folder}", "9.0"),
        ("-i {two} --extra-index-url {one} -f {folder}", "5.0"),
        ("--no-index -f {folder}", "5.0"),
    ],
)
def test_the_first_index_that_has_a_package_counts_and_folders_with_it(index, other, tmp_path, options, version):
    index.add("wanted", "1.0")
    other.add("wanted", "9.0")
    folder = tmp_path / "wheels"
    folder.mkdir()
    name, content = indexes.wheel("wanted", "5.0")
    (folder / name).write_bytes(content)
    text = options.format(one=index.url, two=other.url, nothing=f"{other.url}/nothing", folder=folder)
    found = pip_part.resolution(f"{text}\nwanted\n", pip_part.settings(tmp_path))
    assert pip_part.pairs(found.entries) == [("wanted", version)]


@pytest.mark.parametrize("how", ["in the URL", "by the option"])
def test_credentials_stay_with_their_server_and_are_in_no_lock(index, other, tmp_path, how):
    index.add("wanted", "1.0")
    other.add("wanted", "1.0")  # the wheel itself, which the first index says is there
    other.add("needed", "1.0")
    index.basic("me", "Sesame 1")
    index.elsewhere = f"http://{other.server}"
    network = Network(timeout=5, retries=0)
    url = index.url.replace("//", "//me:Sesame%201@")
    if how == "by the option":
        network = Network(timeout=5, retries=0, credentials={index.server: Credential("me", "Sesame 1")})
        url = index.url
    text = f"-i {other.url} --extra-index-url {url}\nwanted\nneeded\n"
    found = pip_part.resolution(text, pip_part.settings(tmp_path, network=network))
    assert pip_part.pairs(found.entries) == [("needed", "1.0"), ("wanted", "1.0")]
    assert {told for _path, told in index.seen} <= {"", index.wants} and other.seen
    assert {told for _path, told in other.seen} == {""}
    assert "Sesame" not in repr(found) and "me@" not in repr(found)


@pytest.mark.parametrize("url", ["//me:Sesame-1@", "//Sesame-1@"])
def test_wrong_credentials_are_not_repeated(index, tmp_path, url):
    index.basic("me", "another")
    with pytest.raises(Problem, match="answers with status 401: it wants credentials, or others") as caught:
        pip_part.resolution(f"-i {index.url.replace('//', url)}\nwanted\n", pip_part.settings(tmp_path))
    assert "Sesame" not in str(caught.value)


@pytest.mark.parametrize("status", [403, 429, 500, 503])
def test_an_index_that_does_not_answer_is_not_passed_over(index, other, tmp_path, status):
    index.status = status
    other.add("wanted", "1.0")
    text = f"-i {other.url} --extra-index-url {index.url}\nwanted\n"
    with pytest.raises(pip_explaining.Unreachable, match=str(status)):
        pip_part.resolution(text, pip_part.settings(tmp_path))


TAGS = ("cp312-cp312-manylinux_2_28_x86_64", "cp312-cp312-manylinux_2_34_aarch64", "cp311-cp311-manylinux_2_17_x86_64")


@pytest.mark.parametrize(
    ("platform", "glibc", "chosen"),
    [
        ("linux-64", "2.36", "1.0-cp312-cp312-manylinux_2_28_x86_64"),
        ("linux-64", "2.28", "1.0-cp312-cp312-manylinux_2_28_x86_64"),
        ("linux-64", "2.27", "0.9-cp38-abi3-manylinux2014_x86_64"),
        ("linux-aarch64", "2.36", "1.0-cp312-cp312-manylinux_2_34_aarch64"),
        ("linux-aarch64", "2.28", "0.9-py3-none-any"),
    ],
)
def test_the_wheel_is_for_the_platform_the_glibc_and_the_python_of_conda(index, settings, platform, glibc, chosen):
    for tag in TAGS:
        index.add("wanted", "1.0", tag=tag)
    for tag in ("cp38-abi3-manylinux2014_x86_64", "py3-none-any"):
        index.add("wanted", "0.9", tag=tag)
    target = Target(platform, {"__glibc": glibc})
    (entry,) = pip_part.resolution(f"-i {index.url}\nwanted\n", settings, target=target).entries
    assert entry.package.url == f"http://{index.server}/files/wanted-{chosen}.whl"


def test_what_was_uploaded_later_or_does_not_say_when_is_not_seen(index, tmp_path):
    index.add("wanted", "1.0", uploaded="2026-01-01T00:00:00Z")
    index.add("wanted", "2.0", uploaded="2026-02-01T00:00:00Z")
    index.add("wanted", "3.0")
    settings = pip_part.settings(tmp_path, exclude_newer=datetime.datetime(2026, 1, 15, tzinfo=datetime.timezone.utc))
    found = pip_part.resolution(f"-i {index.url}\nwanted\n", settings)
    assert pip_part.pairs(found.entries) == [("wanted", "1.0")]
    with pytest.raises(Problem, match="r.txt, line 2: wanted==2.0"):
        pip_part.resolution(f"-i {index.url}\nwanted==2.0\n", settings)


def test_what_is_kept_stays_where_it_can(index, settings):
    for name in ("first", "second"):
        index.add(name, "1.0")
    text = f"-i {index.url}\nfirst\nsecond\n"
    before = pip_part.resolution(text, settings).entries
    for name in ("first", "second"):
        index.add(name, "2.0")
    assert pip_part.resolution(text, settings, keep=before).entries == before
    one = [entry for entry in before if entry.package.name == "second"]
    assert pip_part.pairs(pip_part.resolution(text, settings, keep=one).entries) == [("first", "2.0"), ("second", "1.0")]
    forced = pip_part.resolution(text.replace("second", "second>1"), settings, keep=before)
    assert pip_part.pairs(forced.entries) == [("first", "1.0"), ("second", "2.0")]
