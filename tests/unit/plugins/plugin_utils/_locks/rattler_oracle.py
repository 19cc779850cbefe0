# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""py-rattler's ``LockFile`` as the judge of what a ``pixi.lock`` says."""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys

from packaging.version import Version

from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locks import documents, virtual_packages


def read(*paths):
    """Return what py-rattler says of the locks, see ``lock_file_child.py``."""
    command = [sys.executable, str(pathlib.Path(__file__).with_name("lock_file_child.py")), *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def as_we_say(entry):
    """Return the entry in the form of ``lock_file_child.py``."""
    package = entry.package
    said = {
        **{"manager": package.manager, "name": package.name, "sha256": package.sha256, "md5": package.md5 or entry.md5},
        "location": (package.source or package.url).removeprefix("file://"),
    }
    if package.manager == "pip":
        requires = bool(entry.requires_python)
        version = str(Version(package.version))  # as py-rattler has it: normalised (PEP 440)
        return {**said, "version": version, "depends": len(package.depends), "requires_python": requires}
    fields = ("build_number", "size", "timestamp", "noarch", "license", "license_family", "python_site_packages_path")
    lists = {"depends": package.depends, "constrains": entry.constrains, "track_features": entry.track_features}
    return {
        **said,
        **{"build": package.build, "subdir": package.subdir},
        **{field: getattr(entry, field) for field in fields},
        **{name: list(items) for name, items in lists.items()},
    }


def compare(*paths):
    """Compare all environments of the locks, and return how many packages were compared."""
    return sum(_compare(path, environments) for path, environments in zip(paths, read(*paths)))


def _compare(path, environments):
    count = 0
    for name, platforms in environments.items():
        document = documents.parse(path.read_bytes(), str(path), environment=name)
        assert set(document.platforms) == set(platforms)
        for platform, theirs in platforms.items():
            assert document.subdirs.get(platform, platform) == theirs["subdir"]
            assert [virtual_packages.spec_of(one) for one in theirs["virtual"]] == list(
                document.virtual_packages.get(platform, ())
            )
            assert list(document.channels) == theirs["channels"]
            ours = sorted(map(as_we_say, document.platforms[platform]), key=lambda one: one["location"])
            for mine, other in zip(ours, sorted(theirs["packages"], key=lambda one: one["location"]), strict=True):
                assert {key: (mine[key], other[key]) for key in mine if mine[key] != other[key]} == {}, mine
            count += len(ours)
    return count
