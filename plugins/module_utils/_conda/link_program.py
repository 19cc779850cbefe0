# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The program that links conda packages into a prefix: it runs alone, in a child process, by the base's Python.

Its source is handed to ``python -I -B -c``; it imports the engine (py-rattler), never anything of the collection.
It talks with its parent in lines of JSON (``dialogue.py`` is the other side): it reads the request, says what the packages
ask of a host, waits for leave, links, tells how far it is, says that it is done or what went wrong, and leaves with
``os._exit``: the engine has threads and was seen to crash in Python's orderly exit. When its standard input ends, before
or after leave was given, its parent is gone or does not want it any more, and it leaves at once.

This module util is private to the collection.
"""

from __future__ import annotations

import json
import os
import stat
import sys
import threading
import time

#: Seconds between two reports of how far linking is.
_REPORT_EVERY = 0.2

_BLOCK = 4096

#: Scripts that packages may bring, by conda's name of the moment; none of them is ever run.
_SCRIPTS = ("pre-link", "post-link", "pre-unlink")


class Talk:
    """The child's side of the dialogue.

    Standard output is kept for it alone: whatever a library prints goes to standard error.
    """

    def __init__(self) -> None:
        self._out = os.fdopen(os.dup(1), "w", encoding="utf-8")
        os.dup2(2, 1)
        self._lock = threading.Lock()

    def say(self, event: str, **content: object) -> None:
        """Send one line."""
        line = json.dumps(dict(content, event=event)) + "\n"
        with self._lock:
            self._out.write(line)
            self._out.flush()

    def hear(self) -> dict:
        """Return the parent's next line; leaves if there will be none."""
        line = sys.stdin.readline()
        if not line:
            os._exit(0)
        return json.loads(line)

    def leave_with_parent(self) -> None:
        """From now on, leave as soon as standard input ends, whatever is going on."""

        def watch() -> None:
            while os.read(0, 4096):
                pass
            os._exit(1)

        threading.Thread(target=watch, daemon=True).start()


class Progress:
    """Counts linked packages for the parent; the engine calls it (``rattler.install.InstallerReporter``)."""

    def __init__(self, talk: Talk, sizes: dict) -> None:
        self._talk = talk
        self._sizes = sizes
        self._names: list = []
        self._done = 0
        self._bytes = 0
        self._last = 0.0

    def on_link_start(self, operation: int, package_name: str) -> int:
        self._names.append(package_name)
        return len(self._names) - 1

    def on_link_complete(self, index: int) -> None:
        self._done += 1
        self._bytes += self._sizes.get(self._names[index], 0)
        now = time.monotonic()
        if self._done == len(self._sizes) or now - self._last >= _REPORT_EVERY:
            self._last = now
            self._talk.say("progress", done=self._done, total=len(self._sizes), bytes=self._bytes)


def main() -> None:
    """Have the dialogue; the exit status is 0 whenever its last line was said."""
    import asyncio  # not above: the collection imports this file for its text alone

    talk = Talk()
    try:
        request = talk.hear()
        sys.path.insert(0, request["engine"])
        talk.say(**asyncio.run(link(request, talk)))
    except Exception as error:  # whatever the engine raises becomes text for the parent
        talk.say("error", error=str(error) or type(error).__name__)
    os._exit(0)


async def link(request: dict, talk: Talk) -> dict:
    """Link ``request["packages"]`` into ``request["prefix"]`` and make the records say where packages come from.

    Returns the last thing to say: the event ``done`` with ``hashes`` (see ``_set_origins``) and ``executables`` (see
    ``_executables``), or ``error``. Before the
    prefix is touched, the event ``needs`` tells of each package what ``_describe`` found, and the parent has to
    give leave with any line.

    A package that the cache of unpacked packages lacks is given by the path of its verified archive. For the others
    the engine compares every file with the package's own hashes; if one fails, the answer is an error, since nothing
    here can reach a network.
    """
    from pathlib import Path

    from rattler import PackageRecord, RepoDataRecord, install
    from rattler.install import InstallerReporter
    from rattler.networking import Client
    from rattler.package_cache import PackageCache, ValidationMode

    class Reporter(Progress, InstallerReporter):
        pass

    cache = request["cache"]
    records = []
    wrong = []
    originals = {}
    described = []
    for package in request["packages"]:
        unpacked = os.path.join(cache, package["stem"])
        if not package["again"] and _unpacked_from(unpacked, package["sha256"]):
            known = PackageRecord.from_index_json(
                Path(unpacked, "info", "index.json"), package["size"], package["sha256"], None
            )
            record = RepoDataRecord(known, package["file_name"], package["url"], package["channel"])
        else:
            unpacked = None
            record = await RepoDataRecord.from_package_archive(Path(package["archive"]))
            if record.sha256 is None or record.sha256.hex() != package["sha256"]:
                return {"event": "error", "error": "%s was altered while it was being used" % package["archive"]}
            record.file_name = package["file_name"]
        found = (record.name.normalized, str(record.version), str(record.build))
        if found != (package["name"], package["version"], package["build"]):
            wrong.append("%s holds %s" % (package["file_name"], " ".join(found)))
        elif record.subdir not in (request["platform"], "noarch"):
            wrong.append("%s is made for %s" % (package["file_name"], record.subdir))
        originals["-".join(found)] = package
        records.append(record)
        described.append(_describe(package, record, unpacked, request["bytecode"]))
    if wrong:
        return {"event": "error", "error": "the lock and its archives disagree: " + "; ".join(wrong)}
    talk.say("needs", packages=described)
    talk.hear()
    talk.leave_with_parent()
    await install(
        records,
        request["prefix"],
        package_cache=PackageCache.new_layered([Path(cache)], validation_mode=ValidationMode.full()),
        execute_link_scripts=False,
        show_progress=False,
        client=Client(),
        reporter=Reporter(talk, {package["name"]: package["size"] for package in request["packages"]}),
    )
    hashes = _set_origins(request["prefix"], originals)
    return {"event": "done", "hashes": hashes, "executables": _executables(cache, request["packages"])}


def _unpacked_from(directory: str, sha256: str) -> bool:
    """Tell whether the engine's cache says that ``directory`` was unpacked from the archive with this sha256.

    The engine's own note beside it: a revision of 8 bytes, then the 32 bytes of the digest (py-rattler 0.28).
    """
    try:
        with open(directory + ".lock", "rb") as file:
            note = file.read()
    except OSError:
        return False
    return note[8:].hex() == sha256 and os.path.isfile(os.path.join(directory, "info", "index.json"))


def _describe(package: dict, record: object, unpacked: str, bytecode: bool) -> dict:
    """Return what the parent wants to know of a package before it is linked.

    ``depends`` and ``constrains``: match specs of virtual packages. ``scripts``: which of ``_SCRIPTS`` it has.
    ``bytes`` and ``inodes``: what it will take on disk, about; next to nothing for one that is unpacked already (its
    files are links), None for an archive that does not say (packages of 2017 and before).
    """
    entry = {
        "name": package["name"],
        "version": package["version"],
        "build": package["build"],
        "depends": [spec for spec in record.depends if spec.startswith("__")],
        "constrains": [spec for spec in record.constrains if spec.startswith("__")],
    }
    scripts = {moment: "bin/.%s-%s.sh" % (package["name"], moment) for moment in _SCRIPTS}
    if unpacked:
        present = {path for path in scripts.values() if os.path.lexists(os.path.join(unpacked, path))}
        entry.update(bytes=_BLOCK, inodes=1)
    else:
        present, sizes = _contents(package["archive"], set(scripts.values()), bytecode)
        entry.update(sizes)
    entry["scripts"] = [moment for moment, path in scripts.items() if path in present]
    return entry


def _contents(archive: str, wanted: set, bytecode: bool) -> tuple:
    """Return which of the paths ``wanted`` an archive holds, and the bytes and inodes that it will take.

    Counted are its files in the cache, the patched ones once more in the prefix, the bytecode of its sources (about
    as large as they are), its directories in both places, and its metadata.
    """
    from pathlib import Path

    from rattler.package import PathsJson

    try:
        paths = PathsJson.from_package_archive(Path(archive)).paths
    except Exception:  # the engine has one exception for "no such file" and all else; linking will tell
        return set(), {"bytes": None, "inodes": None}
    present = set()
    directories = set()
    blocks = inodes = 0
    for entry in paths:
        path = str(entry.relative_path)
        if path in wanted:
            present.add(path)
        directories.add(os.path.dirname(path))
        copies = 1 + (entry.prefix_placeholder is not None) + (bytecode and path.endswith(".py"))
        inodes += copies
        blocks += copies * -(-(entry.size_in_bytes or 1) // _BLOCK)
    metadata = 8 + len(paths) // 8
    inodes += 2 * len(directories) + 8
    return present, {"bytes": (blocks + 2 * len(directories) + metadata) * _BLOCK, "inodes": inodes}


def _set_origins(prefix: str, originals: dict) -> dict:
    """Write the true origin into each record; return the sha256 of all files that are as their package has them, by path.

    Those are the files that were linked, not patched or made: the engine has just compared them with these hashes.
    Records hold no credentials.
    """
    directory = os.path.join(prefix, "conda-meta")
    hashes = {}
    for name in os.listdir(directory):
        if not name.endswith(".json"):
            continue
        path = os.path.join(directory, name)
        with open(path, encoding="utf-8") as file:
            record = json.load(file)
        package = originals["%s-%s-%s" % (record["name"], record["version"], record["build"])]
        record["url"] = package["url"]
        record["channel"] = package["channel"]
        record["fn"] = package["file_name"]
        for entry in record["paths_data"]["paths"]:
            if entry["path_type"] == "hardlink" and "prefix_placeholder" not in entry and "sha256" in entry:
                if entry.get("sha256_in_prefix", entry["sha256"]) == entry["sha256"]:
                    hashes[entry["_path"]] = entry["sha256"]
        with open(path, "w", encoding="utf-8") as file:
            # Without indentation: with it Python's fast encoder is not used, which costs a second per environment.
            file.write(json.dumps(record, sort_keys=True) + "\n")
    return hashes


def _executables(cache: str, packages: list) -> list:
    """Return the paths, relative to the prefix, of the files that the packages bring as executables.

    The modes of what was unpacked earlier are not to be trusted: its files are hard links into environments, where somebody may
    have changed them. So each package has a note of it, made when it was just unpacked.
    """
    versions = [package["version"].split(".") for package in packages if package["name"] == "python"]
    library = "lib/python" + ".".join(versions[0][:2]) + "/" if versions else ""
    result = []
    for package in packages:
        for path in _noted_executables(os.path.join(cache, package["stem"])):
            if path.startswith("site-packages/"):  # of a noarch package
                path = library + path
            elif path.startswith("python-scripts/"):
                path = "bin/" + path[len("python-scripts/") :]
            result.append(path)
    return result


def _noted_executables(directory: str) -> list:
    note = os.path.join(directory, "info", "lockstep-executables.json")
    try:
        with open(note, encoding="utf-8") as file:
            return json.load(file)
    except (OSError, ValueError):
        pass
    found = []
    for parent, _folders, names in os.walk(directory):
        for name in names:
            path = os.path.join(parent, name)
            mode = os.lstat(path).st_mode
            if stat.S_ISREG(mode) and mode & 0o111:
                found.append(path[len(directory) + 1 :])
    with open(note + ".new", "w", encoding="utf-8") as file:
        json.dump(sorted(found), file)
    os.rename(note + ".new", note)
    return sorted(found)


if __name__ == "__main__":
    main()
