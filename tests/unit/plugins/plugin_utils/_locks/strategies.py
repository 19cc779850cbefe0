# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Locks of any kind, for property tests: what no format can hold is among them."""

from __future__ import annotations

import dataclasses

from hypothesis import strategies as st

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.ordering import canonical
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.packages import Package
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locks.document import CATEGORY, Document, Entry

PLATFORMS = ("linux-64", "linux-aarch64", "osx-arm64")
CHANNELS = ("https://conda.example/channel", "https://conda.anaconda.org/conda-forge", "http://h:8080/a%20b/c~d", "file:///srv/c")

#: Texts that YAML would take for something else, and such as wrap, escape or quote.
TEXTS = st.one_of(
    st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=40),
    st.sampled_from(["", "yes", "~", "1.10", "0x1f", "2026-11-25", "- a", "a: b", "# c", "'", '"', "a" * 200, "word " * 40 + "end"]),
)

_names = st.from_regex(r"[a-z][a-z0-9]{0,6}([-._]?[a-z0-9]{1,4}){0,2}", fullmatch=True)
_versions = st.one_of(
    st.from_regex(r"[0-9]{1,4}(\.[0-9]{1,3}){0,3}(rc1|\.post2)?", fullmatch=True), st.sampled_from(["1!2.0", "1.0+cu124", "2024a", "1e3"])
)
_builds = st.from_regex(r"(py3[0-9]{1,2}h)?[0-9a-f]{0,7}_?[0-9]{1,3}", fullmatch=True)
_sha256 = st.binary(min_size=32, max_size=32).map(bytes.hex) | st.just("1234567890" * 6 + "0123")
_md5 = st.binary(min_size=16, max_size=16).map(bytes.hex) | st.just("0e" + "1" * 30)

_conda_specs = st.builds(
    str.__add__,
    st.one_of(_names, st.sampled_from(["python", "__glibc", "__cuda"])),
    st.sampled_from(["", " >=1.2,<2.0a0", " 3.10.*", " 3.11.* *_cpython", " =1.0", " 1.*|2.*", " >=12.4", " !=1.5", " ~=2.0"]),
)
_requirements = st.builds(
    str.__add__,
    _names,
    st.sampled_from(["", ">=1.2,<2", "==1.*", "!=1.5", "[extra]>=2", "; python_version < '3.12'", ">=1; sys_platform == 'linux'"]),
)


@st.composite
def _conda_entries(draw: st.DrawFn, name: str, platforms: list[str], md5_only: bool) -> dict[str, Entry]:
    """Return the entry of one package by platform: one archive for all (noarch), or one for each."""
    version, build, channel = draw(_versions), draw(_builds), draw(st.sampled_from(CHANNELS))
    extension = draw(st.sampled_from([".conda", ".tar.bz2"]))
    noarch = draw(st.sampled_from(["", "", "python", "generic"]))
    result: dict[str, Entry] = {}
    for platform in platforms:
        if noarch and result:
            result[platform] = next(iter(result.values()))
            continue
        subdir = "noarch" if noarch else platform
        sha256, md5 = draw(_sha256), draw(_md5 | st.just(""))
        weak = md5_only and draw(st.booleans())
        package = Package(
            "conda", name, version, build, subdir, f"{channel}/{subdir}/{name}-{version}-{build}{extension}",
            "" if weak else sha256, tuple(draw(st.lists(_conda_specs, max_size=4))), draw(_md5) if weak else "",
        )  # fmt: skip
        entry = Entry(package, md5="" if weak else md5, noarch=noarch)
        if draw(st.booleans()):
            entry = dataclasses.replace(
                entry,
                build_number=draw(st.integers(0, 10**9)),
                size=draw(st.integers(0, 10**12)),
                timestamp=draw(st.none() | st.integers(10**12, 2 * 10**12)),
                constrains=tuple(draw(st.lists(_conda_specs, max_size=2))),
                track_features=tuple(draw(st.lists(_names, max_size=2, unique=True))),
                license=draw(st.sampled_from(["", "MIT", "BSD-3-Clause OR 'x: y'"])),
                license_family=draw(st.sampled_from(["", "BSD"])),
                purls=tuple(draw(st.sampled_from([[], [f"pkg:pypi/{canonical(name)}@1.0"]]))),
                python_site_packages_path="lib/python3.13t/site-packages" if name == "python" else "",
            )
        result[platform] = entry
    return result


@st.composite
def _pip_entries(draw: st.DrawFn, name: str, platforms: list[str], md5_only: bool) -> dict[str, Entry]:
    name, version = canonical(name), draw(_versions)
    place = draw(st.sampled_from(["https://files.example/packages/ab", "http://h:8080/wheels", "file:///srv/wheels"]))
    wheel = f"{name.replace('-', '_')}-{version}-py3-none-any.whl"
    weak = md5_only and draw(st.booleans())
    package = Package(
        "pip", name, version, "", "", f"{place}/{wheel}", "" if weak else draw(_sha256),
        tuple(draw(st.lists(_requirements, max_size=3))), draw(_md5) if weak else "",
    )  # fmt: skip
    entry = Entry(package, requires_python=draw(st.sampled_from(["", ">=3.9", ">=3.9,<4"])))
    return dict.fromkeys(platforms, entry)


@st.composite
def documents(
    draw: st.DrawFn,
    *,
    pip: bool = True,
    md5_only: bool = True,
    categories: bool = True,
    facts: bool = True,
    platforms: tuple[str, ...] = PLATFORMS,
) -> Document:
    """Return a lock of one to eight packages.

    ``pip``: with wheels. ``md5_only``: some have no sha256. ``categories``: some are of others than main, or of two.
    ``facts``: the document's own, beyond its packages.
    """
    wanted = draw(st.lists(st.sampled_from(platforms), min_size=1, max_size=len(platforms), unique=True))
    entries: dict[str, list[Entry]] = {platform: [] for platform in wanted}
    for name in draw(st.lists(_names, min_size=1, max_size=8, unique_by=canonical)):
        those = draw(st.lists(st.sampled_from(wanted), min_size=1, unique=True))
        kind = _pip_entries if pip and draw(st.booleans()) else _conda_entries
        of = draw(st.sampled_from([(CATEGORY,), (CATEGORY,), ("dev",), (CATEGORY, "dev")])) if categories else (CATEGORY,)
        for platform, entry in draw(kind(name, those, md5_only)).items():
            entries[platform] += [dataclasses.replace(entry, category=category) for category in of]
    document = Document({platform: tuple(draw(st.permutations(those))) for platform, those in entries.items()})
    if not facts:
        return document
    return dataclasses.replace(
        document,
        channels=tuple(draw(st.lists(st.sampled_from([*CHANNELS, "conda-forge"]), max_size=3, unique=True))),
        indexes=tuple(draw(st.lists(st.sampled_from(["https://pypi.org/simple", "http://h/simple"]), max_size=2, unique=True))),
        virtual_packages=draw(
            st.dictionaries(st.sampled_from(wanted), st.sampled_from([("__glibc >=2.28",), ("__cuda >=12.4", "__linux >=5.10")]))
        ),
        content_hash=draw(st.dictionaries(st.sampled_from(wanted), _sha256)),
        sources=tuple(draw(st.lists(st.sampled_from(["environment.yml", "sub/requirements.txt", "a b.yml"]), max_size=2, unique=True))),
        custom=draw(st.dictionaries(st.from_regex(r"[a-z]{1,8}(\.[a-z_0-9-]{1,8}){0,2}", fullmatch=True), TEXTS, max_size=3)),
    )
