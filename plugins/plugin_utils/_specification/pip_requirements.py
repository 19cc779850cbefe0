# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One requirement for pip (PEP 508), and what of it cannot be locked.

This plugin util is private to the collection.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.ordering import canonical
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.urls import file_name
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locks import normal_form
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._packaging import InvalidRequirement, Requirement
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._solving.provided import WELL_KNOWN

REMEDY = (
    "Only wheels are locked, since building a package would run its code as root on every host. Build the wheel once "
    "(pip wheel --no-deps PACKAGE), serve it, and write NAME @ URL of the wheel."
)

_ARCHIVES = (".tar.gz", ".tar.bz2", ".tar.xz", ".zip", ".tgz")
_LOCAL = (".whl", *_ARCHIVES)
_DIRECT = re.compile(r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)\s*(?P<extras>\[[^\]]*\])?\s*@\s*(?P<url>\S+)\s*(?P<marker>;.*)?")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")

#: The working directory of conda-build or rattler-build, as pip records it: /croot/numpy_1707225342954/work/dist/numpy-1.26.4-....whl
_WORK = re.compile(r"/(?:rattler-build_)?(?P<recipe>[^/]+)_[0-9]{9,}[^/]*/work(/|$)")

_HASH = re.compile(r"sha256:([0-9a-f]{64})|sha384:[0-9a-f]{96}|sha512:[0-9a-f]{128}", re.IGNORECASE)


class NoWheelError(ValueError):
    """What would have to be built."""


class Read(t.NamedTuple):
    """``name``: as written. ``text``: the requirement. ``url``: of a direct reference, otherwise empty."""

    name: str
    text: str
    url: str = ""

    def with_hash(self, sha256: str) -> Read:
        """Return a direct reference whose URL says the hash."""
        url = f"{self.url}#sha256={sha256}"
        return self._replace(text=self.text.replace(self.url, url, 1), url=url)


class Built(t.NamedTuple):
    """A package that conda built. ``written``: its name on PyPI. ``name`` and ``spec``: for conda."""

    written: str
    name: str
    spec: str


def built_by_conda(text: str, pypi_names: t.Mapping[str, str]) -> Built | None:
    """Return what conda provides for a line such as ``pip freeze`` writes about conda's packages, or None for others.

    ``pypi_names``: PyPI's names of conda packages that are called otherwise there, beyond the well-known ones.
    """
    direct = _DIRECT.fullmatch(text)
    if not direct or not direct["url"].startswith("file:"):
        return None
    path = direct["url"].partition("#")[0]
    work = _WORK.search(path)
    if not work:
        return None
    name = _name_for_conda(direct["name"], work["recipe"].lower(), pypi_names)
    wheel = normal_form.split_wheel_name(file_name(path))
    return Built(direct["name"], name, f"{name}=={wheel[1]}" if wheel else name)


def _name_for_conda(written: str, recipe: str, pypi_names: t.Mapping[str, str]) -> str:
    """Return what conda calls the package that PyPI calls ``written``.

    The recipe's name has conda's spelling (jupyter_client), and tells which of several packages it is (pytorch).
    """
    names = {**pypi_names, **WELL_KNOWN, **pypi_names}
    if canonical(written) in (canonical(recipe), canonical(names.get(recipe, ""))):
        return recipe
    return next((name for name, there in names.items() if canonical(there) == canonical(written)), written.lower())


def read(text: str, expand: t.Callable[[str], str]) -> Read:
    """Return the requirement. Raises ValueError with what is wrong, fit to be shown once URLs in it are made public.

    ``expand``: puts in environment variables; what it returns is in no error.
    """
    _refuse_sources(text)
    bare = text.split(";")[0].strip()
    if _SCHEME.match(bare):  # a wheel's URL alone, which pip takes too
        wheel = normal_form.split_wheel_name(file_name(bare.partition("#")[0]))
        text = f"{wheel[0] if wheel else ''} @ {text}"
    try:
        requirement = Requirement(expand(text))
    except InvalidRequirement:
        raise ValueError(_reason(text)) from None
    if not requirement.url:
        return Read(requirement.name, expand(text))
    if not requirement.url.startswith(("http://", "https://")) or not normal_form.is_url(requirement.url):
        raise ValueError(f"{requirement.name} @ is followed by no address to fetch from; https:// and http:// are")
    extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
    marker = f" ; {requirement.marker}" if requirement.marker else ""
    return Read(requirement.name, f"{requirement.name}{extras} @ {requirement.url}{marker}", requirement.url)


def sha256(written: t.Iterable[str]) -> frozenset[str]:
    """Return those hashes that are sha256, of what ``--hash=`` has; raises ValueError if one is no hash."""
    found = set()
    for one in written:
        match = _HASH.fullmatch(one)
        if not match:
            raise ValueError(f"--hash={one[:200]} is no hash; write --hash=sha256: and 64 hex digits")
        if match[1]:
            found.add(match[1].lower())
    return frozenset(found)


def _refuse_sources(text: str) -> None:
    """Raise NoWheelError if ``text`` is a checkout, a source archive, or a file or directory on the controller."""
    direct = _DIRECT.fullmatch(text)
    place = direct["url"] if direct else text.split(";")[0].strip()
    path = place.partition("#")[0]
    scheme = _SCHEME.match(place)
    if scheme and "+" in scheme[1]:
        raise NoWheelError(f"{place} is a checkout ({scheme[1].partition('+')[0]})")
    if place.startswith("file:") or (scheme is None and not direct and (place.startswith((".", "/", "~")) or path.endswith(_LOCAL))):
        raise NoWheelError(f"{place} lies on this machine")
    if scheme or direct:
        if not normal_form.split_wheel_name(file_name(path)):
            raise NoWheelError(f"{place} is {'a source archive' if path.endswith(_ARCHIVES) else 'no wheel'}")


def _reason(text: str) -> str:
    """Say what is wrong about text that is no requirement."""
    if single := re.match(r"([A-Za-z0-9._-]+)\s*=\s*([A-Za-z0-9.!+*]+)(=[^=]+)?$", text):
        return f"{text} is written as for conda; pip wants {single[1]}=={single[2]}"
    if spaced := re.match(r"([A-Za-z0-9._-]+) +([0-9][A-Za-z0-9.!+]*)$", text):
        return f"{text} is no requirement of pip's; write {spaced[1]}=={spaced[2]}"
    before, semicolon, marker = text.partition(";")
    if semicolon and _is_requirement(before):
        return f"{text[:200]}: {marker.strip()} is no marker (PEP 508); write such as python_version < \"3.12\", its values in quotation marks"
    if "#" in text and _is_requirement(text.partition("#")[0]):
        return f"{text[:200]} is no requirement of pip's; a comment begins with a blank and #"
    return f"{text[:200]} is no requirement of pip's; write NAME==VERSION"


def _is_requirement(text: str) -> bool:
    try:
        return bool(Requirement(text))
    except InvalidRequirement:
        return False
