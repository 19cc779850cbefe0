# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Lines for pip: requirements (PEP 508), the options that may stand among them, and the files that they refer to.

The format is pip's (https://pip.pypa.io/en/stable/reference/requirements-file-format/).

This plugin util is private to the collection.
"""

from __future__ import annotations

import os
import re
import shlex
import typing as t
from urllib.parse import unquote, urldefrag, urlsplit

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.ordering import canonical
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locks import normal_form
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._specification import pip_requirements, sources
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._specification.mistakes import Mistakes
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._specification.model import (
    CondaSpec,
    PipOptions,
    PipRequirement,
    Where,
)

_COMMENT = re.compile(r"(^|\s+)#.*$")
_OPTIONS = re.compile(r"(^|\s)-")
_VARIABLE = re.compile(r"\$\{([A-Z0-9_]+)\}")

#: What begins the end of a URL that is a hash, but not one that is compared.
_ALGORITHMS = ("md5=", "sha1=", "sha224=", "sha384=", "sha512=")

#: Levels of files that refer to others.
_DEEPEST = 20

#: Option -> what it is called here, for those that have a value.
_VALUED = {
    **{name: "index" for name in ("-i", "--index-url", "--pypi-url")},
    **{name: "extra" for name in ("--extra-index-url",)},
    **{name: "links" for name in ("-f", "--find-links")},
    **{name: "file" for name in ("-r", "--requirement")},
    **{name: "constraint" for name in ("-c", "--constraint")},
    **{name: "editable" for name in ("-e", "--editable")},
    **{name: "hash" for name in ("--hash",)},
    **{name: "ignored" for name in ("--trusted-host", "--no-binary", "--use-feature", "--config-settings", "--global-option")},
    **{name: "nothing" for name in ("--only-binary",)},
}
_FLAGS = {
    "--no-index": "no_index",
    "--pre": "pre",
    "--require-hashes": "nothing",
    "--no-require-hashes": "nothing",
    "--prefer-binary": "nothing",
}

_WHY_IGNORED = {
    "--trusted-host": "certificates are always checked (ca_bundle names those to trust)",
    "--no-binary": "only wheels are locked",
}


def logical_lines(text: str) -> t.Iterator[tuple[int, str]]:
    """Return the lines of ``text`` without comments and blank ones, those that end in a backslash joined, with their number."""
    begun, number = "", 0
    for here, line in enumerate([*text.splitlines(), ""], 1):
        number = number if begun else here
        comment = line.lstrip().startswith("#")
        if line.endswith("\\") and not comment:
            begun += line[:-1]
            continue
        whole = _COMMENT.sub("", begun if comment else begun + line).strip()
        begun = ""
        if whole:
            yield number, whole


class Reader:
    """Takes lines one by one. ``conda``: packages that lines say were built by conda. Everything grows on the way."""

    def __init__(self, mistakes: Mistakes, pypi_names: t.Mapping[str, str]) -> None:
        self.mistakes = mistakes
        self.pypi_names = pypi_names
        self.notes: list[str] = []
        self.conda: list[CondaSpec] = []
        self.requirements: list[PipRequirement] = []
        self._constraints: list[PipRequirement] = []
        self._index = ""
        self._extra: list[str] = []
        self._links: list[str] = []
        self._set: set[str] = set()
        self._hashes: list[Where] = []
        self._files: list[str] = []
        self._done: set[tuple[str, bool]] = set()

    def finish(self) -> PipOptions:
        """Return what the options among the lines said, after the last one."""
        if self._hashes:
            also = f" and {len(self._hashes) - 1} more" if len(self._hashes) > 1 else ""
            self.notes.append(f"{self._hashes[0]}{also}: the hash is not compared, since it is no sha256.")
        return PipOptions(
            index_url=self._index,
            extra_index_urls=tuple(dict.fromkeys(self._extra)),
            find_links=tuple(dict.fromkeys(self._links)),
            no_index="no_index" in self._set,
            pre="pre" in self._set,
            constraints=tuple(self._constraints),
        )

    def text(self, text: str, path: str, constraint: bool = False) -> None:
        """Take all lines of a requirements file that holds ``text``."""
        self._files.append(os.path.realpath(path))
        self._done.add((self._files[-1], constraint))
        for number, line in logical_lines(text):
            self.line(line, Where(path, number), constraint)
        self._files.pop()

    def line(self, line: str, where: Where, constraint: bool = False) -> None:
        """Take one line: a requirement, options, or one followed by the others. ``constraint``: it only limits versions."""
        begin = _OPTIONS.search(line)
        requirement, options = (line[: begin.start()].strip(), line[begin.start() :]) if begin else (line, "")
        try:
            given = list(_options(options))
            hashes = [value for name, value in given if name == "hash"]
            for name, value in given:
                if name != "hash":
                    self._option(name, value, where, constraint)
            if requirement:
                self._requirement(requirement, hashes, where, constraint)
            elif hashes:
                raise ValueError("--hash follows no requirement")
        except pip_requirements.NoWheelError as error:
            self.mistakes.add(where, str(error), pip_requirements.REMEDY)
        except ValueError as error:
            self.mistakes.add(where, str(error))

    def _requirement(self, text: str, hashes: t.Sequence[str], where: Where, constraint: bool) -> None:
        built = pip_requirements.built_by_conda(text, self.pypi_names)
        if built and constraint:
            self.notes.append(f"{where}: {built.written} was built by conda, so it limits nothing for pip.")
            return
        if built:
            self.conda.append(CondaSpec(built.spec, built.name, where))
            self.notes.append(f"{where}: {built.written} was built by conda; conda's package {built.spec} provides it.")
            return
        read = pip_requirements.read(text, _expand)
        if canonical(read.name) == "python" and not constraint:
            raise ValueError(f"{text}: pip installs no Python; conda does, so write it among the dependencies for conda")
        compared = pip_requirements.sha256(hashes)
        end = urldefrag(read.url)[1]
        if end.startswith("sha256="):
            pip_requirements.sha256([end.replace("=", ":", 1)])
        elif end.startswith(_ALGORITHMS) or (hashes and not compared):
            self._hashes.append(where)
        elif read.url and not end and len(compared) == 1:
            read, compared = read.with_hash(min(compared)), frozenset()
        found = PipRequirement(read.text, canonical(read.name), where, compared)
        (self._constraints if constraint else self.requirements).append(found)

    def _option(self, name: str, value: str, where: Where, constraint: bool) -> None:
        if name == "editable":
            raise pip_requirements.NoWheelError(f"-e {value} is a checkout")
        if name in ("file", "constraint"):
            self._file(value, where, constraint or name == "constraint")
        elif name == "index":
            self._index = _url(value)
        elif name == "extra":
            self._extra.append(_url(value))
        elif name == "links":
            self._links.append(_links(value, where))
        elif name in ("no_index", "pre"):
            self._set.add(name)
        elif name == "ignored":
            why = _WHY_IGNORED.get(value, "it says how pip works")
            self.notes.append(f"{where}: {value} is ignored; {why}.")

    def _file(self, written: str, where: Where, constraint: bool) -> None:
        name = _expand(written)
        if "://" in name:
            raise ValueError("a requirements file on a server is not read; fetch it and name the file")
        path = os.path.normpath(os.path.join(os.path.dirname(where.path), name))
        real = os.path.realpath(path)
        if real in self._files:
            through = self._files[self._files.index(real) + 1 :]
            raise ValueError(f"{path} refers to itself{', through ' if through else ''}{' and '.join(through)}")
        if len(self._files) > _DEEPEST:
            raise ValueError(f"requirements files refer to each other over more than {_DEEPEST} levels")
        if (real, constraint) in self._done:
            return
        try:
            text = sources.text(sources.content(path), path)
        except Problem as problem:
            shown = str(problem) if name == written else str(problem).replace(path, written)
            raise ValueError(shown.rstrip(".")) from None
        self.text(text, path, constraint)


def _options(text: str) -> t.Iterator[tuple[str, str]]:
    """Return names, as ``_VALUED`` and ``_FLAGS`` call them, and values; raises ValueError."""
    try:
        words = shlex.split(text)
    except ValueError:
        raise ValueError("a quotation mark is never closed") from None
    while words:
        word = words.pop(0)
        option, equals, value = word.partition("=")
        if not word.startswith("--") and len(word) > 2:
            option, equals, value = word[:2], "=", word[2:].removeprefix("=")
        if option in _FLAGS and not equals:
            yield _FLAGS[option], ""
        elif option in _VALUED:
            value = value if equals or not words else words.pop(0)
            if not value.strip():
                raise ValueError(f"{option} lacks its value")
            yield _VALUED[option], option if _VALUED[option] == "ignored" else value
        elif word.startswith("-"):
            raise ValueError(f"{option} is no option that a requirements file may have")
        else:
            raise ValueError("something that is no option follows an option; write requirements on lines of their own")


def _expand(text: str) -> str:
    """Return ``text`` with its ``${NAME}``, which are the controller's environment variables, as pip has it."""
    for name in _VARIABLE.findall(text):
        if name not in os.environ:
            raise ValueError(f"the environment variable {name} is not set on the controller")
    return _VARIABLE.sub(lambda match: os.environ[match[1]], text)


def _url(text: str) -> str:
    found = _expand(text)
    if not normal_form.is_url(found):
        raise ValueError(f"{text} is no address of an index; https://, http:// and file:/// are")
    return found


def _links(text: str, where: Where) -> str:
    """Return the URL, or the absolute path, of a folder or page with archives; a path is meant from the file's directory."""
    found = _url(text) if "://" in text else _expand(text)
    if "://" in found and not found.startswith("file:"):
        return found
    path = unquote(urlsplit(found).path) if "://" in found else os.path.abspath(os.path.join(os.path.dirname(where.path), found))
    if not os.path.exists(path):
        raise ValueError(f"{path if _expand(text) == text else text} does not exist on the controller")
    return found if "://" in found else path
