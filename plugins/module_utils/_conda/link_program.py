# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The program that links conda packages into a prefix: it runs alone, in a child process, by the base's Python.

Its source is handed to ``python -I -B -c``; it imports the engine (py-rattler), never anything of the collection.
It reads one JSON request from standard input, writes one JSON answer to standard output and leaves with ``os._exit``:
the engine has threads and was seen to crash in Python's orderly exit.

This module util is private to the collection.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys


def main() -> None:
    """Read the request, link, answer; the exit status is 0 whenever there is an answer."""
    request = json.load(sys.stdin)
    sys.path.insert(0, request["engine"])
    try:
        answer = asyncio.run(link(request))
    except Exception as error:  # whatever the engine raises becomes text for the parent
        answer = {"error": str(error) or type(error).__name__}
    sys.stdout.write(json.dumps(answer))
    sys.stdout.flush()
    os._exit(0)


async def link(request: dict) -> dict:
    """Link ``request["packages"]`` into ``request["prefix"]`` and make the records say where packages come from.

    The answer holds ``hashes`` and ``post_link``, see ``_set_origins``, or ``error``.

    A package that the cache of unpacked packages lacks is given by the path of its verified archive. For the others
    the engine compares every file with the package's own hashes; if one fails, the answer is an error, since nothing
    here can reach a network.
    """
    from pathlib import Path

    from rattler import PackageRecord, RepoDataRecord, install
    from rattler.networking import Client
    from rattler.package_cache import PackageCache, ValidationMode

    cache = request["cache"]
    records = []
    wrong = []
    originals = {}
    for package in request["packages"]:
        unpacked = os.path.join(cache, package["stem"])
        if not package["again"] and _unpacked_from(unpacked, package["sha256"]):
            known = PackageRecord.from_index_json(
                Path(unpacked, "info", "index.json"), package["size"], package["sha256"], None
            )
            record = RepoDataRecord(known, package["file_name"], package["url"], package["channel"])
        else:
            record = await RepoDataRecord.from_package_archive(Path(package["archive"]))
            if record.sha256 is None or record.sha256.hex() != package["sha256"]:
                return {"error": "%s was altered while it was being used" % package["archive"]}
            record.file_name = package["file_name"]
        found = (record.name.normalized, str(record.version), str(record.build))
        if found != (package["name"], package["version"], package["build"]):
            wrong.append("%s holds %s" % (package["file_name"], " ".join(found)))
        elif record.subdir not in (request["platform"], "noarch"):
            wrong.append("%s is made for %s" % (package["file_name"], record.subdir))
        originals["-".join(found)] = package
        records.append(record)
    if wrong:
        return {"error": "the lock and its archives disagree: " + "; ".join(wrong)}
    await install(
        records,
        request["prefix"],
        package_cache=PackageCache.new_layered([Path(cache)], validation_mode=ValidationMode.full()),
        execute_link_scripts=False,
        show_progress=False,
        client=Client(),
    )
    hashes, post_link = _set_origins(request["prefix"], originals)
    return {"hashes": hashes, "post_link": post_link}


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


def _set_origins(prefix: str, originals: dict) -> tuple:
    """Write the true origin into each record; return the sha256 of all files that are as their package has them, by
    path, and the names of packages with a post-link script.

    Those are the files that were linked, not patched or made: the engine has just compared them with these hashes.
    Records hold no credentials.
    """
    directory = os.path.join(prefix, "conda-meta")
    hashes = {}
    post_link = []
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
        if "bin/.%s-post-link.sh" % record["name"] in record["files"]:
            post_link.append(record["name"])
        for entry in record["paths_data"]["paths"]:
            if entry["path_type"] == "hardlink" and "prefix_placeholder" not in entry and "sha256" in entry:
                if entry.get("sha256_in_prefix", entry["sha256"]) == entry["sha256"]:
                    hashes[entry["_path"]] = entry["sha256"]
        with open(path, "w", encoding="utf-8") as file:
            # Without indentation: with it Python's fast encoder is not used, which costs a second per environment.
            file.write(json.dumps(record, sort_keys=True) + "\n")
    return hashes, sorted(post_link)


if __name__ == "__main__":
    main()
