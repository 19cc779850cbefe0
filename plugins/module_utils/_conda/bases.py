# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Bases: releases of Miniconda or Miniforge, each in its own directory behind one link.

::

    /opt/miniconda3 -> /opt/miniconda3.d/Miniconda3-py310_26.5.3-1       the active base
    /opt/miniconda3.d/Miniconda3-py310_26.5.3-1/.lockstep-base.json      the stamp: written last, synced
    /opt/miniconda3.d/.Miniconda3-py310_26.5.3-1.begun                   there while an installer is at work

A directory without a stamp is an interrupted installation if it has the mark of one that was begun, and somebody
else's otherwise. Observing reads files only: no conda is run, because even ``conda list`` changes things.

This module util is private to the collection.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
import typing as t

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda import condarc, shells
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.download import redact
from ansible_collections.lockstep.gpufleet.plugins.module_utils._files import read_or_none
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Plan, Problem, text_diff

STAMP = ".lockstep-base.json"

VENDORS = {
    "Miniconda3": "https://repo.anaconda.com/miniconda",
    "Miniforge3": "https://github.com/conda-forge/miniforge/releases/download/{release}",
}
"""Distribution -> address of the folder with its installers."""

NEEDED = ("bin/python", "bin/conda", "conda-meta/history")
"""A base without one of these is damaged."""

SHEBANG_LIMIT = 127
"""Bytes that Linux before 5.1 reads of a ``#!`` line, and that conda's installers keep to."""

_ARCHITECTURES = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "aarch64", "arm64": "aarch64"}
_RELEASE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclasses.dataclass(frozen=True)
class Wanted:
    """What the user asks for. ``settings``, ``hook``: the system condarc and the profile snippet; None, False: leave.

    ``installer``: name of a local file that replaces the download, for people.
    """

    distribution: str
    release: str
    prefix: str
    state: str = "present"
    sha256: str = ""
    url: str = ""
    installer: str | None = None
    settings: t.Mapping[str, t.Any] | None = None
    hook: bool = True

    @property
    def name(self) -> str:
        """Distribution and release, which is the name of the base's directory."""
        return "%s-%s" % (self.distribution, self.release)

    @property
    def store(self) -> str:
        """The directory that holds the bases."""
        return self.prefix + ".d"

    @property
    def directory(self) -> str:
        """The base's own directory."""
        return os.path.join(self.store, self.name)

    @property
    def stamp(self) -> str:
        """The file that says that the base is complete."""
        return os.path.join(self.directory, STAMP)

    @property
    def begun(self) -> str:
        """The mark of an installation at work; it becomes the stamp."""
        return os.path.join(self.store, ".%s.begun" % self.name)

    @property
    def work(self) -> str:
        """The directory for everything temporary."""
        return os.path.join(self.store, ".%s.work" % self.name)


def wanted(params: t.Mapping[str, t.Any], machine: str) -> Wanted:
    """Return what the module's options ask for on a host whose ``uname -m`` is ``machine``.

    Raises ``Problem`` for options that make no sense, and where no sha256 is known for the installer.
    """
    prefix = os.path.normpath(params["prefix"])
    if not os.path.isabs(prefix) or re.search(r"\s", prefix) or os.path.dirname(prefix) == prefix:
        raise Problem("prefix: %r is not an absolute path without white space." % params["prefix"])
    release = params["release"]
    if not _RELEASE.fullmatch(release):
        raise Problem("release: %r is not the name of a release, such as py310_26.5.3-1." % release)
    settings = None
    if params["system_condarc"]:
        settings = {name: params[name] for name in ("channels", "envs_dirs", "pkgs_dirs") if params[name]}
        settings.update(sorted((params["settings"] or {}).items()))
    asked = Wanted(
        distribution=params["distribution"],
        release=release,
        prefix=prefix,
        state=params["state"],
        installer=params["installer"],
        settings=settings,
        hook=params["profile"],
    )
    if len(asked.directory + "/bin/python") + 2 > SHEBANG_LIMIT:
        raise Problem(
            "prefix: %s is too long: scripts in %s could not name their interpreter (%d bytes at most)."
            % (prefix, asked.directory, SHEBANG_LIMIT - 2)
        )
    if asked.state == "absent":
        return asked
    architecture = _ARCHITECTURES.get(machine)
    if architecture is None:
        raise Problem("There is no %s for the architecture %s." % (asked.distribution, machine))
    file_name = "%s-Linux-%s.sh" % (asked.name, architecture)
    sha256 = (params["sha256"] or (params["known_sha256"] or {}).get(architecture) or "").lower()
    if not sha256:
        raise Problem(
            "No sha256 is known for %s, and nothing is installed without one: set sha256 (the role's miniconda_sha256) "
            "to the value that the vendor publishes, or choose a release that this collection knows." % file_name
        )
    if not _SHA256.fullmatch(sha256):
        raise Problem("sha256: %r is not a sha256 (64 hex digits)." % sha256)
    folder = params["mirror"] or VENDORS[asked.distribution].format(release=release)
    return dataclasses.replace(asked, sha256=sha256, url="%s/%s" % (folder.rstrip("/"), file_name))


@dataclasses.dataclass(frozen=True)
class Host:
    """What is there. ``link``: absolute target of the prefix, "" for something that is no link, None for nothing.

    ``stamp``: None where the base has none (or no directory). ``missing``: those of ``NEEDED`` that a stamped base
    lacks. ``begun``, ``working``: whether the mark and the temporary directory of an installation are there.
    ``records``: names of the base's conda records. ``condarc``, ``hook``: texts, None without a file. ``shells``: texts of the
    shells' own start-up files, by path.
    """

    link: str | None = None
    exists: bool = False
    begun: bool = False
    working: bool = False
    stamp: t.Mapping[str, t.Any] | None = None
    missing: tuple[str, ...] = ()
    records: frozenset[str] = frozenset()
    condarc: str | None = None
    hook: str | None = None
    shells: t.Mapping[str, str] = dataclasses.field(default_factory=dict)

    @property
    def complete(self) -> bool:
        """Whether the base was installed to the end and still has what it needs."""
        return self.stamp is not None and not self.missing


def observe(asked: Wanted) -> Host:
    """Return the state of the host; reads files, runs nothing."""
    link = None
    if os.path.islink(asked.prefix):
        link = os.path.normpath(os.path.join(os.path.dirname(asked.prefix), os.readlink(asked.prefix)))
    elif os.path.lexists(asked.prefix):
        link = ""
    stamp = None
    content = read_or_none(asked.stamp)
    if content is not None:
        try:
            stamp = json.loads(content)
        except ValueError:
            stamp = None
    records: frozenset[str] = frozenset()
    missing: tuple[str, ...] = ()
    if isinstance(stamp, dict):
        records = records_of(asked.directory)
        missing = tuple(name for name in NEEDED if not os.path.exists(os.path.join(asked.directory, name)))
    else:
        stamp = None
    return Host(
        link=link,
        exists=os.path.lexists(asked.directory),
        begun=os.path.lexists(asked.begun),
        working=os.path.lexists(asked.work),
        stamp=stamp,
        missing=missing,
        records=records,
        condarc=_text(condarc.CONDARC),
        hook=_text(condarc.HOOK),
        shells={path: text for path, text in ((path, shells.read(path)) for path in shells.FILES) if text is not None},
    )


def records_of(directory: str) -> frozenset[str]:
    """Return the names of the conda records in a base: its packages."""
    try:
        return frozenset(name[:-5] for name in os.listdir(directory + "/conda-meta") if name.endswith(".json"))
    except OSError:
        return frozenset()


def _text(path: str) -> str | None:
    content = read_or_none(path)
    return None if content is None else content.decode("utf-8", "replace")


@dataclasses.dataclass(frozen=True)
class RemoveBase:
    """Remove a base's directory, stamp first."""

    directory: str
    why: str

    def __str__(self) -> str:
        return "remove %s (%s)" % (self.directory, self.why)


@dataclasses.dataclass(frozen=True)
class Install:
    """Fetch the installer or take the local file, verify it, and run it."""

    source: str
    directory: str

    def __str__(self) -> str:
        return "install %s from %s" % (self.directory, self.source)


@dataclasses.dataclass(frozen=True)
class Link:
    """Make the prefix a link to the base, or remove it."""

    prefix: str
    directory: str | None

    def __str__(self) -> str:
        return "remove the link " + self.prefix if self.directory is None else "link %s to it" % self.prefix


@dataclasses.dataclass(frozen=True)
class EditFile:
    """Replace the text of a file that is not ours, of which a block is; owner and mode stay."""

    path: str
    text: str
    removed: bool = False

    def __str__(self) -> str:
        return "%s our block in %s" % ("remove" if self.removed else "write", self.path)


@dataclasses.dataclass(frozen=True)
class WriteFile:
    """Write or remove a system file of ours."""

    path: str
    text: str | None

    def __str__(self) -> str:
        return "%s %s" % ("remove" if self.text is None else "write", self.path)


def make_plan(asked: Wanted, host: Host) -> Plan:
    """Return what makes ``host`` as ``asked``; pure. Raises ``Problem`` where something is not ours to change."""
    if asked.state == "absent":
        return _plan_absence(asked, host)
    if host.link == "" or (host.link is not None and os.path.dirname(host.link) != asked.store):
        raise Problem(
            "%s %s and is not ours: it was left untouched. Either choose another prefix (the role's miniconda_prefix), "
            "or move it away when nobody needs it under this name: mv %s %s.old"
            % (
                asked.prefix,
                "is a link to %s" % host.link if host.link else "exists as a directory or file",
                asked.prefix,
                asked.prefix,
            )
        )
    _check_directory(asked, host)
    if host.stamp is not None and not host.missing and host.stamp.get("sha256") != asked.sha256:
        raise Problem(
            "%s was installed by an installer with sha256 %s, and now %s is asked for. A base that is in use is not "
            "replaced under its own name: restore the sha256, choose another release, or remove this one first with "
            "state: absent." % (asked.directory, host.stamp.get("sha256"), asked.sha256)
        )
    steps: list[t.Any] = []
    diff: list[dict[str, str]] = []
    warnings: list[str] = []
    source = asked.installer or redact(asked.url)
    if not host.complete:
        if host.missing:
            steps.append(RemoveBase(asked.directory, "damaged: without " + ", ".join(host.missing)))
        elif host.exists:
            steps.append(RemoveBase(asked.directory, "its installation was interrupted"))
        steps.append(Install(source, asked.directory))
    elif host.stamp is not None:
        warnings.extend(_drift(asked, host.records, frozenset(host.stamp.get("records") or ())))
    if host.link != asked.directory:
        steps.append(Link(asked.prefix, asked.directory))
    if steps:
        diff.append(text_diff(asked.prefix, _describe(asked, host), asked.directory + "\n"))
    if asked.settings:
        if host.condarc is not None and not condarc.is_ours(host.condarc):
            raise Problem(
                "%s was not written by us and was left untouched. Move its settings to the option settings (the role's "
                "miniconda_settings) or to a file in /etc/conda/condarc.d/ and remove it, or set system_condarc: false "
                "(the role's miniconda_system_condarc) to keep it." % condarc.CONDARC
            )
        _plan_file(steps, diff, condarc.CONDARC, host.condarc, condarc.render_condarc(asked.settings))
    if asked.hook:
        _plan_file(steps, diff, condarc.HOOK, host.hook, condarc.render_hook(asked.prefix))
        _plan_shells(steps, diff, host, condarc.HOOK)
    return Plan(tuple(steps), tuple(diff), tuple(warnings))


def _describe(asked: Wanted, host: Host) -> str | None:
    """Return what a diff shows of the active base as it is, None where there is none."""
    if not host.link:
        return None
    if host.link != asked.directory or host.complete:
        return host.link + "\n"
    if host.missing:
        return "%s, damaged: without %s\n" % (host.link, ", ".join(host.missing))
    return "%s, %s\n" % (host.link, "interrupted in its installation" if host.exists else "gone")


def _check_directory(asked: Wanted, host: Host) -> None:
    """Raise ``Problem`` if the base's directory holds something that we did not begin."""
    if host.exists and host.stamp is None and not host.begun:
        raise Problem(
            "%s exists, and it was not installed by us: it was left untouched. Move it away, or choose another prefix "
            "(the role's miniconda_prefix)." % asked.directory
        )


def _drift(asked: Wanted, records: frozenset[str], installed: frozenset[str]) -> t.Iterator[str]:
    """Yield a warning if packages of the base are not the ones that its installer laid down."""
    added, removed = sorted(records - installed), sorted(installed - records)
    if added or removed:
        yield (
            "The base %s was changed since it was installed (added: %s; removed: %s). It was left as it is; environments "
            "do not depend on it." % (asked.directory, ", ".join(added) or "-", ", ".join(removed) or "-")
        )


def _plan_file(
    steps: list[t.Any], diff: list[dict[str, str]], path: str, before: str | None, after: str | None
) -> None:
    """Add what makes the file at ``path`` hold ``after``."""
    if before != after:
        steps.append(WriteFile(path, after))
        diff.append(
            text_diff(path, None if before is None else redact(before), None if after is None else redact(after))
        )


def _plan_shells(steps: list[t.Any], diff: list[dict[str, str]], host: Host, hook: str | None) -> None:
    """Add what puts our block into the shells' start-up files, or with ``hook`` None what takes it out of them."""
    for path, text, before, after in shells.changes(host.shells, hook):
        steps.append(EditFile(path, text, removed=hook is None))
        diff.append(text_diff(path, before, after))


def _plan_absence(asked: Wanted, host: Host) -> Plan:
    """Return what removes the base, and when it is the active one the link and the system files too."""
    steps: list[t.Any] = []
    diff: list[dict[str, str]] = []
    if host.link == asked.directory:
        _plan_shells(steps, diff, host, None)
        for path, text in ((condarc.HOOK, host.hook), (condarc.CONDARC, host.condarc)):
            if condarc.is_ours(text):
                _plan_file(steps, diff, path, text, None)
        steps.append(Link(asked.prefix, None))
        diff.append(text_diff(asked.prefix, "%s\n" % asked.directory, None))
    if host.exists or host.begun or host.working:
        _check_directory(asked, host)
        steps.append(RemoveBase(asked.directory, "no longer wanted"))
    return Plan(tuple(steps), tuple(diff))
