# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The contract between packages and a host: what packages need of it, and whether it has that. Pure.

Needs are match specs of conda's virtual packages (``__glibc >=2.17``), stated by packages as ``depends``, or as
``constrains``, which bind only a host that has the thing at all. Where a format carries no ``constrains``, the CUDA that
packages were built with is told by ``cuda-version`` and its like and by build strings; such a need is called ``CUDA 12.9``
and judged by NVIDIA's rules (``cuda.py``).

This module util is private to the collection.
"""

from __future__ import annotations

import dataclasses
import fnmatch
import re
import typing as t

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda import cuda
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.packages import Package
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.version import Constraint, Version

SATISFIED, UNSATISFIED, UNKNOWN = "satisfied", "unsatisfied", "unknown"

#: Packages whose version says which CUDA the others were built with (conda-forge, defaults, pytorch).
_CUDA_PACKAGES = ("cuda-version", "cudatoolkit", "pytorch-cuda")

#: What stands in build strings: cuda129_py311h…, cuda12.4_cudnn9…, cuda_112, py311_cuda118….
_CUDA_BUILD = re.compile(r"(?<![a-z])cuda_?(?:(\d+)\.(\d+)(?:\.\d+)*|(\d{1,3}))(?![\d.])")

#: Sources named for one need; the others are only counted.
_NAMED = 5

_SPEC = re.compile(r"(__[a-z0-9_]+)\s*(.*)", re.S)
_OLD_BUILD = re.compile(r"=?([^=<>!~,|*]+)=([^=]+)")

#: The x86-64 level (System V psABI) of processors by archspec's names: archspec 0.2.7, ``microarchitectures.json``, the
#: highest generic ancestor of each.
_LEVELS = {
    1: "x86_64 nocona core2 k10",
    2: "x86_64_v2 nehalem westmere sandybridge ivybridge bulldozer piledriver steamroller",
    3: "x86_64_v3 haswell broadwell skylake mic_knl alderlake arrowlake arrowlake_s excavator zen zen2 zen3",
    4: "x86_64_v4 skylake_avx512 cannonlake cascadelake icelake sapphirerapids zen4 zen5 zen6",
}
LEVEL_OF = {name: level for level, names in _LEVELS.items() for name in names.split()}


@dataclasses.dataclass(frozen=True)
class Source:
    """Where a need comes from. ``field``: ``depends``, ``constrains``, ``version`` or ``build`` of the package, or
    ``virtual-packages`` of a pixi.lock's platform, which then stands for the package."""

    package: str
    field: str


@dataclasses.dataclass(frozen=True)
class Need:
    """One need. ``subject``: the virtual package, or ``CUDA`` for a derived one. ``constraint``: as stated, may be empty."""

    subject: str
    constraint: str
    sources: tuple[Source, ...]

    def __str__(self) -> str:
        return f"{self.subject} {self.constraint}".strip()

    @property
    def packages(self) -> int:
        """How many packages state it."""
        return len({source.package for source in self.sources})

    @property
    def weak(self) -> bool:
        """Whether it binds only a host that has the thing at all."""
        return all(source.field == "constrains" for source in self.sources)

    @property
    def of_gpu(self) -> bool:
        """Whether the host's GPUs and their driver have to be looked at."""
        return self.subject in ("CUDA", "__cuda", "__cuda_arch")


@dataclasses.dataclass(frozen=True)
class Facts:
    """What a host has; ``None`` where it has no such thing. Versions as text.

    ``archspec``: ``x86_64_v3``, ``aarch64`` and the like. ``gpu``: None until somebody asks for it.
    """

    glibc: str | None
    kernel: str
    archspec: str
    gpu: cuda.Gpu | None = None


@dataclasses.dataclass(frozen=True)
class Verdict:
    """Whether a host satisfies a need, and by what. ``warning``: what is so although it is satisfied."""

    need: Need
    status: str
    by: str
    warning: str | None = None

    def to_data(self) -> dict[str, t.Any]:
        """Return it as the module's result has it."""
        data: dict[str, t.Any] = {
            "need": str(self.need),
            "from": [dataclasses.asdict(source) for source in self.need.sources[:_NAMED]],
            "packages": self.need.packages,
            "status": self.status,
            "by": self.by,
        }
        if self.warning:
            data["warning"] = self.warning
        return data

    def sentence(self) -> str:
        """Return need, source and finding as a part of a message."""
        first = self.need.sources[0]
        more = self.need.packages - 1
        others = f", and {more} more" if more else ""
        return f"needs {self.need} ({first.package}, {first.field}{others}): {self.by}"


def needs_of(packages: t.Iterable[Package]) -> list[Need]:
    """Return what a lock says that its conda packages need, each need once, with all packages that state it."""
    stated: list[tuple[str, str, Source]] = []
    for package in packages:
        if package.manager != "conda":
            continue
        stated += _stated(package.label, "depends", package.depends)
        stated += _derived(package)
    return _gather(stated)


def needs_of_archives(described: t.Iterable[t.Mapping[str, t.Any]]) -> list[Need]:
    """Return what archives' ``index.json`` say that they need; ``described``: see ``link_program._describe``."""
    stated: list[tuple[str, str, Source]] = []
    for package in described:
        label = f"{package['name']} {package['version']} {package['build']}"
        for field in ("depends", "constrains"):
            stated += _stated(label, field, package[field])
    return _gather(stated)


def needs_stated(rows: t.Iterable[t.Sequence[str]]) -> list[Need]:
    """Return what a lock states beside ``depends``; each row is who states it, in which field, and the match spec."""
    return _gather(need for label, field, spec in rows for need in _stated(label, field, [spec]))


def merge(left: t.Iterable[Need], right: t.Iterable[Need]) -> list[Need]:
    """Return the needs of both, each once, with the sources of both."""
    return _gather((need.subject, need.constraint, source) for need in (*left, *right) for source in need.sources)


def unstated(packages: t.Iterable[Package]) -> list[str]:
    """Return the conda packages of which the lock states no dependencies, so that only their archives can tell."""
    return [package.label for package in packages if package.manager == "conda" and not package.depends]


def _stated(label: str, field: str, specs: t.Iterable[str]) -> t.Iterator[tuple[str, str, Source]]:
    for spec in specs:
        match = _SPEC.fullmatch(spec.strip())
        if match:
            yield match[1], match[2].strip(), Source(label, field)


def _derived(package: Package) -> t.Iterator[tuple[str, str, Source]]:
    version = None
    if package.name in _CUDA_PACKAGES:
        match = re.match(r"(\d+)(?:\.(\d+))?", package.version)
        version, field = (".".join(part for part in match.groups() if part) if match else None), "version"
    else:
        version, field = cuda_of_build(package.build), "build"
    if version:
        yield "CUDA", version, Source(package.label, field)
    if package.name == "cuda-arch" and package.version[:1].isdigit():
        # conda-forge's metapackage: one version per compute capability, which binds hosts with a GPU.
        yield "__cuda_arch", f">={package.version}", Source(package.label, "constrains")


def cuda_of_build(build: str) -> str | None:
    """Return the CUDA version that a build string names: ``12.9`` for cuda129, ``12`` for cuda12; None if it names none."""
    match = _CUDA_BUILD.search(build)
    if match is None:
        return None
    if match[1]:
        return f"{match[1]}.{match[2]}"
    digits = match[3]
    # Two digits: 10 and more are a major version, the others 9.2 and older. No one digit makes sense.
    if len(digits) == 2:
        return digits if digits[0] == "1" else ".".join(digits)
    return f"{digits[:2]}.{digits[2]}" if len(digits) == 3 else None


def _gather(stated: t.Iterable[tuple[str, str, Source]]) -> list[Need]:
    found: dict[tuple[str, str, bool], list[Source]] = {}
    for subject, constraint, source in stated:
        # A weak need and a strong one of the same words are two: they bind different hosts.
        sources = found.setdefault((subject, constraint, source.field == "constrains"), [])
        if source not in sources:
            sources.append(source)
    return [Need(subject, constraint, tuple(sources)) for (subject, constraint, _weak), sources in sorted(found.items())]


def judge(need: Need, facts: Facts) -> Verdict:
    """Compare one need with the host."""
    if need.subject == "CUDA":
        return Verdict(need, *cuda.judge_toolkit(need.constraint, facts.gpu or cuda.Gpu()))
    if need.subject in ("__unix", "__linux", "__glibc"):
        version, what = {
            "__unix": ("0", "the host is one"),
            "__linux": (facts.kernel, f"the host has Linux {facts.kernel}"),
            "__glibc": (facts.glibc, f"the host has glibc {facts.glibc}"),
        }[need.subject]
        return _judge_version(need, version, what, "the host has no glibc (musl?)")
    if need.subject == "__cuda":
        gpu = facts.gpu or cuda.Gpu()
        version, what = gpu.supports, gpu.said
        if version is None and gpu.driver:
            return Verdict(need, UNKNOWN, what)
        return _judge_version(need, version, what, "the host has no NVIDIA driver", at_least=gpu.at_least)
    if need.subject == "__cuda_arch":
        gpu = facts.gpu or cuda.Gpu()
        if gpu.count and gpu.capability is None:
            return Verdict(need, UNKNOWN, "the compute capability of the GPUs could not be read")
        what = f"the least capable GPU has compute capability {gpu.capability}"
        return _judge_version(need, gpu.capability, what, "the host has no NVIDIA GPU")
    if need.subject == "__archspec":
        return _judge_processor(need, facts.archspec)
    if need.subject in ("__osx", "__win"):
        return _judge_version(need, None, "", "the host runs Linux")
    return Verdict(need, UNKNOWN, f"what {need.subject} is on a host is not known here")


def _judge_version(need: Need, version: str | None, what: str, absent: str, at_least: bool = False) -> Verdict:
    if version is None:
        if need.weak:
            return Verdict(need, SATISFIED, f"{absent}, and only hosts that have one are meant")
        return Verdict(need, UNSATISFIED, absent)
    constraint, _build = split_constraint(need.constraint)
    try:
        allowed = Constraint.parse(constraint).allows(Version(version))
    except ValueError:
        return Verdict(need, UNKNOWN, f"the constraint is not understood; {what}")
    if not allowed and at_least:
        return Verdict(need, UNKNOWN, what)
    return Verdict(need, SATISFIED if allowed else UNSATISFIED, what)


def _judge_processor(need: Need, archspec: str) -> Verdict:
    """``__archspec 1 x86_64_v3``: the build is a processor; every later one with its instructions serves as well."""
    _version, build = split_constraint(need.constraint)
    what = f"the host's processor is {archspec}"
    if build in ("", "*") or fnmatch.fnmatchcase(archspec, build):
        return Verdict(need, SATISFIED, what)
    wanted, found = LEVEL_OF.get(build), LEVEL_OF.get(archspec)
    if found is None and wanted is not None:
        return Verdict(need, UNSATISFIED, what)
    if wanted is None or found is None:
        return Verdict(need, UNKNOWN, f"whether it can do what {build} can is not known; {what}")
    return Verdict(need, SATISFIED if found >= wanted else UNSATISFIED, what)


def split_constraint(text: str) -> tuple[str, str]:
    """Return version constraint and build of what follows the name in a match spec (``1.* x86_64_v3``, ``1=x86_64_v3``)."""
    # Blanks after commas, bars and operators are allowed; any other blank separates the build.
    text = re.sub(r"\s*([,|])\s*", r"\1", re.sub(r"([<>=!~])\s+", r"\1", text.strip()))
    version, _blank, build = text.partition(" ")
    old = _OLD_BUILD.fullmatch(version) if not build else None
    if old:
        return f"=={old[1]}", old[2]
    return version, build.strip()
