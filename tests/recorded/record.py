# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes a channel's index of the records that locks of others hold: real records of conda-forge, where conda-forge is not.

usage: record.py GOAL LOCK...        (conda-lock.yml or pixi.lock, of which all environments and platforms count)
"""

from __future__ import annotations

import json
import pathlib
import sys
import typing as t

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "build/collections"))

from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locks import documents, pixi  # noqa: E402
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locks.document import Entry  # noqa: E402

CHANNEL = "https://conda.anaconda.org/conda-forge/"
SUBDIRS = ("linux-64", "linux-aarch64", "noarch")


def entries(path: pathlib.Path) -> t.Iterator[Entry]:
    """Yield what a lock says of every conda package."""
    data = yaml.load(path.read_bytes(), Loader=yaml.BaseLoader)
    environments: list[str | None] = [None]
    if pixi.is_pixi(data):
        environments = list(data["environments"])
        # What pip brings does not matter here, and may be what this collection refuses.
        data["packages"] = [one for one in data["packages"] if "conda" in one]
        for environment in data["environments"].values():
            environment["packages"] = {
                platform: [one for one in those if "conda" in one] for platform, those in environment["packages"].items()
            }
    else:
        data["package"] = [one for one in data["package"] if one["manager"] == "conda"]
    content = yaml.dump(data, Dumper=yaml.CSafeDumper).encode()
    for name in environments:
        for those in documents.parse(content, str(path), environment=name).platforms.values():
            yield from those


def record(entry: Entry) -> dict[str, t.Any]:
    """Return the entry as an index has it; what the lock does not say is left out."""
    package = entry.package
    number = package.build.rpartition("_")[2]
    said = {
        "name": package.name,
        "version": package.version,
        "build": package.build,
        "build_number": entry.build_number if entry.build_number is not None else int(number) if number.isdigit() else 0,
        "subdir": package.subdir,
        "depends": list(package.depends),
        "constrains": list(entry.constrains),
        "sha256": package.sha256,
        "md5": entry.md5,
        "size": entry.size,
        "timestamp": entry.timestamp,
        "license": entry.license,
        "license_family": entry.license_family,
        "noarch": entry.noarch or ("python" if package.subdir == "noarch" and package.build.startswith("py") else ""),
        "track_features": " ".join(entry.track_features),
        "purls": list(entry.purls),
        "python_site_packages_path": entry.python_site_packages_path,
    }
    return {key: value for key, value in said.items() if value not in ("", None, []) or key == "depends"}


def main() -> None:
    """Write the index."""
    goal = pathlib.Path(sys.argv[1])
    index: dict[str, dict[str, dict[str, t.Any]]] = {subdir: {} for subdir in SUBDIRS}
    for path in map(pathlib.Path, sys.argv[2:]):
        for entry in entries(path):
            package = entry.package
            if package.manager == "conda" and package.url.startswith(CHANNEL) and package.subdir in index:
                index[package.subdir].setdefault(package.file_name, record(entry))
    for subdir, records in index.items():
        folder = goal / subdir
        folder.mkdir(parents=True, exist_ok=True)
        old = {name: one for name, one in sorted(records.items()) if name.endswith(".tar.bz2")}
        new = {name: one for name, one in sorted(records.items()) if name.endswith(".conda")}
        data = {"info": {"subdir": subdir}, "packages": old, "packages.conda": new, "repodata_version": 1}
        (folder / "repodata.json").write_text(json.dumps(data, indent=0, sort_keys=True) + "\n", encoding="utf-8")
        print(subdir, len(records))


if __name__ == "__main__":
    main()
