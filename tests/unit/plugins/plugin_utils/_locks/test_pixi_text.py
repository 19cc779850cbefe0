# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""``pixi_text``: what is written is what is read, by this collection and by py-rattler; what would be lost is refused."""

from __future__ import annotations

import dataclasses
import pathlib
import tempfile

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from unit.plugins.plugin_utils._locks import rattler_oracle, strategies

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.packages import Package
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locks import documents, pixi_entries, pixi_text
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locks.document import Document, Entry

DATA = pathlib.Path(__file__).parent / "data"
URL = "https://conda.example/ch"
SIX = Entry(Package("conda", "six", "1.0", "py_0", "noarch", f"{URL}/noarch/six-1.0-py_0.conda", "1" * 64, ("python",)))
ZLIB = Entry(Package("conda", "zlib", "1.3", "h_1", "linux-64", f"{URL}/linux-64/zlib-1.3-h_1.conda", "1e" + "2" * 62))
WHEEL = Entry(Package("pip", "human-ize", "4.0", "", "", "https://h/human_ize-4.0-py3-none-any.whl", "4" * 64, ("six >=1",)))


def read(text, environment=None):
    return documents.parse(text.encode(), "pixi.lock", environment=environment)


def written(document, version="6"):
    """Return the text and what is read from it; a refusal is None."""
    try:
        text = pixi_text.text(document, version)
    except Problem:
        return None, None
    return text, read(text)


def carried(document, version):
    """Return what the format can hold of the document, in the file's order, with what follows from locations filled in."""

    def entry(one):
        package = one.package
        depends = tuple(map(pixi_text._requirement, package.depends)) if package.manager == "pip" else package.depends
        one = dataclasses.replace(one, package=dataclasses.replace(package, depends=depends))
        if package.manager == "pip":
            return one
        number = pixi_entries.build_number_of(package.build) if one.build_number is None else one.build_number
        return dataclasses.replace(one, build_number=number)

    return Document(
        {
            platform: tuple(sorted(map(entry, entries), key=lambda one: (one.package.manager, one.package.url)))
            for platform, entries in document.platforms.items()
        },
        channels=document.channels,
        indexes=document.indexes,
        virtual_packages=document.virtual_packages if version == "7" else {},
        subdirs=document.subdirs,
    )


LOCKS = strategies.documents(categories=False)


@pytest.mark.parametrize("version", ["6", "7"])
@given(document=LOCKS)
def test_what_is_written_is_read(version, document):
    text, found = written(document, version)
    if text is None:
        return
    assert found == carried(document, version)
    assert pixi_text.text(found, version) == text


@given(document=strategies.documents())
def test_no_package_and_no_hash_is_lost_without_a_word(document):
    _text, found = written(document)
    if found is not None:
        assert documents.normal_form(found, "x").digests() == documents.normal_form(document, "x").digests()


# Each example is a process, and shrinking would start hundreds.
@settings(max_examples=12, deadline=None, phases=[Phase.explicit, Phase.generate])
@given(some=st.lists(LOCKS, min_size=2, max_size=5), version=st.sampled_from(["6", "7"]))
def test_py_rattler_reads_what_is_written(some, version):
    texts = [text for text, _found in (written(document, version) for document in some) if text]
    with tempfile.TemporaryDirectory() as folder:
        paths = [pathlib.Path(folder) / f"{number}.lock" for number in range(len(texts))]
        for path, text in zip(paths, texts):
            path.write_text(text, encoding="utf-8")
        assert rattler_oracle.compare(*paths) == sum(text.count("\n      - ") for text in texts)


@pytest.mark.parametrize(
    ("name", "environment", "version"),
    [
        ("two-environments-v6", "default", "6"),
        ("two-environments-v6", "tools", "6"),
        ("named-platforms-v7", "default", "7"),
    ],
)
def test_locks_in_pixis_form_survive(name, environment, version, tmp_path):
    document = read((DATA / f"{name}.lock").read_text(), environment)
    text, found = written(document, version)
    assert found == carried(document, version)
    (tmp_path / "pixi.lock").write_text(text)
    rattler_oracle.compare(tmp_path / "pixi.lock")


def test_the_text():
    document = Document(
        {"linux-64": (WHEEL, SIX, dataclasses.replace(ZLIB, md5="3" * 32, build_number=7, size=5)), "linux-aarch64": (SIX,)},
        channels=(f"{URL}/",),
        indexes=("https://pypi.org/simple",),
    )
    assert pixi_text.text(document) == f"""\
# Which packages an environment has, each with its hash, made by lockstep.gpufleet.conda_lock. DO NOT EDIT!
version: 6
environments:
  default:
    channels:
    - url: {URL}/
    indexes:
    - https://pypi.org/simple
    packages:
      linux-64:
      - conda: {URL}/linux-64/zlib-1.3-h_1.conda
      - conda: {URL}/noarch/six-1.0-py_0.conda
      - pypi: https://h/human_ize-4.0-py3-none-any.whl
      linux-aarch64:
      - conda: {URL}/noarch/six-1.0-py_0.conda
packages:
- conda: {URL}/linux-64/zlib-1.3-h_1.conda
  build_number: 7
  sha256: '1e{"2" * 62}'
  md5: '{"3" * 32}'
  size: 5
- conda: {URL}/noarch/six-1.0-py_0.conda
  noarch: ''
  sha256: '{"1" * 64}'
  depends:
  - python
- pypi: https://h/human_ize-4.0-py3-none-any.whl
  name: human-ize
  version: '4.0'
  sha256: '{"4" * 64}'
  requires_dist:
  - six >=1
""".replace("  noarch: ''\n", "")


def replaced(entry, **changes):
    return dataclasses.replace(entry, package=dataclasses.replace(entry.package, **changes))


@pytest.mark.parametrize(
    ("document", "says"),
    [
        (Document({"linux-64": ()}), "A lock of no packages"),
        (Document({"linux-64": (SIX,)}, custom={"lockstep.variables": '{"A": "b"}'}), "its variables: the format has no place"),
        (Document({"linux-64": (dataclasses.replace(SIX, category="dev"),)}), "six 1.0 py_0 (linux-64): it is of the category dev"),
        (Document({"linux-64": (SIX, SIX)}), "it is there twice"),
        (Document({"gpu": (SIX,)}, subdirs={"gpu": "linux-64"}), "the platform gpu is none of conda's"),
        (Document({"osx-64": (ZLIB,)}), "its archive is for linux-64"),
        (Document({"linux-64": (replaced(SIX, sha256=""),)}), "its hash is unknown"),
        (Document({"linux-64": (replaced(SIX, version="2.0"),)}), "its archive is called six-1.0-py_0.conda"),
        (Document({"linux-64": (replaced(SIX, subdir=""),)}), "its subdir is not known"),
        (Document({"linux-64": (replaced(WHEEL, version="one"),)}), "one is no version of a wheel"),
        (Document({"linux-64": (replaced(WHEEL, url="https://h/a.zip"),)}), "a.zip is no wheel"),
        (Document({"linux-64": (SIX,), "linux-aarch64": (replaced(SIX, sha256="2" * 64),)}), "the same address with another hash"),
    ],
)
def test_what_would_be_lost_is_refused(document, says):
    with pytest.raises(Problem) as caught:
        pixi_text.text(document)
    assert says in str(caught.value)
