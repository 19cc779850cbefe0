# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a conda environment that somebody made by hand consists of, and what of it no lock can say. Reads files only.

Nothing here trusts the prefix: records may be damaged, links may lead anywhere, files may be huge.

This module util is private to the collection.
"""

from __future__ import annotations

import ast
import json
import os
import re
import stat
import typing as t

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda import records, user_sites, variables
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.ordering import canonical
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.packages import Package
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.prefix_files import python_libraries
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.urls import channel_of, hidden, public_url
from ansible_collections.lockstep.gpufleet.plugins.module_utils._files import file_sha256
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem

#: Bytes of a record, or of another file that is read as a whole.
_LARGEST = 64 * 1024 * 1024

#: Paths that are named of one kind; the others are counted.
_NAMED = 20

_SPECS = re.compile(r"^# (update|install|remove|neutered) specs: (.*)$", re.MULTILINE)
_NAME = re.compile(r"(?:[^:\s]+::)?([A-Za-z0-9_][A-Za-z0-9_.-]*)")
#: Names, versions and builds of conda packages (CEP 26 and what versions have beyond it).
_PLAIN = re.compile(r"[A-Za-z0-9_.!+*-]+")
#: Names of variables whose values are not for files that people commit.
_SECRET = re.compile(r"token|secret|passw|credential|api_?key", re.IGNORECASE)

_HEADER = re.compile(r"^(Name|Version): *(.+?)\s*$", re.MULTILINE)


class Missing(t.NamedTuple):
    """What of the environment no lock can bring back. ``what``: a name; ``why`` and ``remedy``: clauses."""

    what: str
    why: str
    remedy: str


def read(prefix: str, verify: bool) -> dict[str, t.Any]:
    """Return what the environment at ``prefix`` has, as data. ``verify``: compare files with the records' hashes.

    Raises Problem if there is no conda environment.
    """
    meta = f"{prefix}/conda-meta"
    if not os.path.isdir(meta):
        raise Problem(f"prefix: {prefix} is no conda environment on this host: it has no conda-meta.")
    missing: list[Missing] = []
    found = _records(meta, missing)
    owned = {path for record in found for path in record["files"]}
    pip = _distributions(prefix, owned, found, missing)
    if verify:
        _compare(prefix, found, missing)
    _look_around(prefix, owned, pip, missing)
    for record in found:
        scripts = [path for path in record["files"] if re.fullmatch(r"bin/\..*-post-link\.sh", path)]
        if scripts:
            missing.append(
                Missing(record["name"], "what its post-link script did is not repeated", "try whether the environment needs it")
            )
    for one in user_sites.shadowing([Package("conda", record["name"], record["version"], "", "", "", "") for record in found]):
        what = f"{', '.join(one['packages'])} in {one['path']}"
        missing.append(Missing(what, f"{one['user']} imports it instead of the environment's own", "ask whether it was meant"))
    return {
        "conda": [{key: record[key] for key in ("name", "version", "build", "url", "md5", "sha256", "depends")} for record in found],
        "requested": _requested(f"{meta}/history"),
        "channels": list(dict.fromkeys(channel_of(record["url"]) for record in found if record["url"])),
        "pip": [{key: one[key] for key in ("name", "version", "url")} for one in pip],
        "variables": _variables(f"{meta}/state", missing),
        "not_reproduced": [{key: _shown(text) for key, text in one._asdict().items()} for one in missing],
    }


def _content(path: str) -> bytes | None:
    """Return what a regular file holds, or None for anything else."""
    try:
        if not stat.S_ISREG(os.lstat(path).st_mode):
            return None
        with open(path, "rb") as file:
            return file.read(_LARGEST)
    except OSError:
        return None


def _records(meta: str, missing: list[Missing]) -> list[dict[str, t.Any]]:
    """Return conda's records with what is needed of each, by name."""
    result = []
    for name in sorted(os.listdir(meta)):
        if not name.endswith(".json"):
            continue
        try:
            record = json.loads(_content(f"{meta}/{name}") or b"")
            wanted = {key: record[key] for key in ("name", "version", "build")}
            if not all(isinstance(value, str) and _PLAIN.fullmatch(value) for value in wanted.values()):
                raise ValueError
        except (ValueError, KeyError, TypeError, RecursionError):
            missing.append(Missing(f"conda-meta/{name}", "the record is damaged", "install the package again, and adopt again"))
            continue
        url = record.get("url") if isinstance(record.get("url"), str) and "://" in public_url(record["url"]) else ""
        paths = record.get("paths_data")
        listed = paths.get("paths") if isinstance(paths, dict) and isinstance(paths.get("paths"), list) else []
        files = record.get("files") if isinstance(record.get("files"), list) else []
        depends = record.get("depends") if isinstance(record.get("depends"), list) else []
        result.append(
            {
                **wanted,
                "url": public_url(url) if url else "",
                "md5": _hex(record.get("md5"), 32),
                "sha256": _hex(record.get("sha256"), 64),
                "depends": [need for need in depends if isinstance(need, str)],
                "files": [path for path in files if _is_path(path)],
                "paths": [path for path in listed if isinstance(path, dict) and _is_path(path.get("_path"))],
            }
        )
        if hidden(url):
            missing.append(Missing(wanted["name"], f"{public_url(url)} wants credentials", "give them when it is locked and provisioned"))
        if not url:
            missing.append(Missing(wanted["name"], "its record does not say where it came from", "ask for it in environment.yml"))
        elif url.startswith("file:"):
            missing.append(
                Missing(wanted["name"], f"it came from this host's own disk ({public_url(url)})", "put its archive into a channel")
            )
    by_name: dict[str, dict[str, t.Any]] = {}
    for record in sorted(result, key=lambda record: record["name"]):
        if record["name"] in by_name:
            missing.append(
                Missing(record["name"], "conda-meta has two records of it", "one of both is locked: compare it with what is imported")
            )
        by_name[record["name"]] = record
    return list(by_name.values())


def _is_path(value: t.Any) -> bool:
    """Tell whether ``value`` can be the path of a file at all: JSON can say NUL and halves of characters."""
    try:
        return isinstance(value, str) and "\0" not in value and bool(os.fsencode(value))
    except UnicodeEncodeError:
        return False


def _hex(value: t.Any, digits: int) -> str:
    return value if isinstance(value, str) and re.fullmatch(f"[0-9a-f]{{{digits}}}", value) else ""


def _requested(history: str) -> list[str]:
    """Return the names of packages that somebody asked conda for, as its history tells, without those removed again."""
    wanted: dict[str, None] = {}
    for kind, text in _SPECS.findall((_content(history) or b"").decode("utf-8", "replace")):
        try:
            specs = ast.literal_eval(text)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            specs = text.strip("[]").split(",")
        for spec in specs if isinstance(specs, (list, tuple)) else []:
            match = _NAME.match(str(spec).strip().strip("'\""))
            if not match:
                continue
            if kind == "remove":
                wanted.pop(match[1].lower(), None)
            else:
                wanted[match[1].lower()] = None
    return list(wanted)


def _distributions(
    prefix: str, owned: set[str], conda: t.Sequence[t.Mapping[str, t.Any]], missing: list[Missing]
) -> list[dict[str, t.Any]]:
    """Return the Python distributions that no record of conda's has, by name, with the paths that each says are its own."""
    result = []
    brought = {canonical(record["name"]): record for record in conda}
    for library in python_libraries(prefix):
        site = f"{library}/site-packages"
        for name in sorted(os.listdir(site)) if os.path.isdir(site) else []:
            relative = os.path.relpath(f"{site}/{name}", prefix)
            if name.endswith(".egg-link"):
                missing.append(Missing(name[:-9], "it is an editable checkout", "build a wheel of it and serve that"))
            if not name.endswith(".dist-info") or any(f"{relative}/{part}" in owned for part in ("METADATA", "RECORD", "INSTALLER")):
                continue
            header = dict(_HEADER.findall((_content(f"{site}/{name}/METADATA") or b"").decode("utf-8", "replace").partition("\n\n")[0]))
            if not header.get("Name") or not header.get("Version"):
                missing.append(Missing(relative, "its METADATA is damaged", "install it again, and adopt again"))
                continue
            distribution = {"name": canonical(header["Name"]), "version": header["Version"], "url": "", "files": set()}
            for line in (_content(f"{site}/{name}/RECORD") or b"").decode("utf-8", "replace").splitlines():
                path = line.rsplit(",", 2)[0].strip('"')
                distribution["files"].add(os.path.relpath(os.path.join(site, path), prefix))
            if distribution["name"] in brought:
                missing.append(
                    Missing(
                        distribution["name"],
                        f"pip has put {distribution['version']} over conda's {brought[distribution['name']]['version']}",
                        "conda's is locked; choose one of both in environment.yml",
                    )
                )
            elif why := _origin(f"{site}/{name}/direct_url.json", distribution):
                missing.append(Missing(distribution["name"], why, "build a wheel of it, serve that, and name it by its URL"))
            else:
                result.append(distribution)
    return result


def _origin(path: str, distribution: dict[str, t.Any]) -> str:
    """Return why a distribution that was not taken from an index cannot be had again; notes the URL of a wheel (PEP 610)."""
    content = _content(path)
    if content is None:
        return ""
    try:
        said = json.loads(content)
        url = public_url(said["url"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return "its direct_url.json is damaged"
    vcs = said.get("vcs_info")
    if isinstance(vcs, dict):
        return f"it is a checkout of {url} at {vcs.get('commit_id') or 'an unknown commit'}"
    if isinstance(said.get("dir_info"), dict):
        return f"it is {'an editable checkout' if said['dir_info'].get('editable') else 'built from a directory'} ({url})"
    if url.startswith(("http://", "https://")) and url.endswith(".whl"):
        distribution["url"] = url
        return ""
    return f"it was installed from {url}"


def _compare(prefix: str, conda: t.Sequence[t.Mapping[str, t.Any]], missing: list[Missing]) -> None:
    """Find files of conda's packages that are gone or are not what was installed."""
    library = next(iter(python_libraries(prefix)), "")
    inside = os.path.realpath(prefix)
    for record in conda:
        edited, gone = [], []
        for path in record["paths"]:
            if path.get("path_type") not in ("hardlink", None):
                continue
            expected = _hex(path.get("sha256_in_prefix") or path.get("sha256"), 64)
            relative = _where(path["_path"], os.path.relpath(library, prefix))
            whole = os.path.join(prefix, relative)
            if os.path.commonpath([os.path.realpath(os.path.dirname(whole)), inside]) != inside:
                continue
            if not os.path.lexists(whole):
                gone.append(relative)
            elif expected and not relative.endswith(".pyc") and _sha256(whole) not in ("", expected):
                edited.append(relative)
        for what, those in (("edited", edited), ("removed", gone)):
            if those:
                why = f"{_listed(those)} {'was' if len(those) == 1 else 'were'} {what} by hand"
                missing.append(Missing(record["name"], why, "keep such changes in a package of your own"))


def _where(path: str, library: str) -> str:
    """Return where a path of a record lies in the prefix: those of noarch packages for Python are as in the archive (CEP 20)."""
    for beginning, place in (("site-packages/", f"{library}/site-packages/"), ("python-scripts/", "bin/")):
        if path.startswith(beginning):
            return place + path[len(beginning) :]
    return path


def _sha256(path: str) -> str:
    """Return the sha256 of a file, or nothing where it is none or cannot be read."""
    try:
        return file_sha256(path) if stat.S_ISREG(os.lstat(path).st_mode) else ""
    except OSError:
        return ""


def _look_around(prefix: str, owned: set[str], pip: t.Sequence[t.Mapping[str, t.Any]], missing: list[Missing]) -> None:
    """Find files that no package has, bytecode apart. Links to directories are not followed."""
    known = owned.union(*(one["files"] for one in pip)) if pip else owned
    strays, paths = [], []
    for folder, folders, files in os.walk(prefix):
        relative = os.path.relpath(folder, prefix)
        folders[:] = sorted(
            name for name in folders if name != "__pycache__" and not (relative == "." and name in ("conda-meta", "pkgs", "envs"))
        )
        for name in sorted(files):
            path = os.path.normpath(os.path.join(relative, name))
            if path in known or name.endswith(".pyc") or records.is_record(path) or ".dist-info/" in path:
                continue
            (paths if name.endswith(".pth") else strays).append(path)
    if strays:
        missing.append(Missing("files of no package", _listed(strays), "keep what matters elsewhere, or in a package of your own"))
    for path in paths:
        missing.append(Missing(path, "it leads Python to other directories", "what lies there is not adopted"))


def _variables(state: str, missing: list[Missing]) -> dict[str, str]:
    content = _content(state)
    if content is None:
        return {}
    try:
        found = json.loads(content).get("env_vars") or {}
        values = {name: value for name, value in sorted(found.items()) if value != "***unset***"}
    except (ValueError, AttributeError, RecursionError):
        missing.append(Missing("conda-meta/state", "the file of variables is damaged", "write them into environment.yml"))
        return {}
    kept = {}
    for name, value in values.items():
        try:
            variables.check({name: value})
        except ValueError:
            missing.append(Missing(f"the variable {_shown(name)}", "it is none that can be set", "look into conda-meta/state"))
            continue
        if _SECRET.search(name) or ("://" in value and hidden(value)):
            missing.append(Missing(f"the variable {name}", "it seems to be a secret", "give it to users in another way"))
            continue
        kept[name] = value
    return kept


def _shown(text: str) -> str:
    """Return ``text`` fit for a line of a report: names of files may be no UTF-8, and may hold line ends."""
    text = text.encode("utf-8", "backslashreplace").decode()
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


def _listed(paths: t.Sequence[str]) -> str:
    more = len(paths) - _NAMED
    return ", ".join(paths[:_NAMED]) + (f" and {more} more" if more > 0 else "")
