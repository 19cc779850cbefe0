# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compiled Python: all of it, the same everywhere, shared where it may be, and left out where that is asked for."""

from __future__ import annotations

import json

import pytest

SITE = "lib/python3.11/site-packages"
VERSION = f"{SITE}/packaging/__pycache__/version.cpython-311.pyc"
PATCHED = f"{SITE}/__pycache__/bed_prefix_py.cpython-311.pyc"
STARTUP = f"{SITE}/__pycache__/_lockstep_generation.cpython-311.pyc"
SHIPPED = f"{SITE}/__pycache__/bed_timestamp_pyc.cpython-311.pyc"

# Says of every compiled file below a prefix: flags of its header, number of links, and, of those that a package ships, whether
# the content is the package's.
LOOK = """
import glob, hashlib, json, os, sys
prefix = os.path.realpath(sys.argv[1])
shipped = {}
for path in glob.glob(prefix + "/conda-meta/*.json"):
    for entry in json.load(open(path))["paths_data"]["paths"]:
        shipped[entry["_path"]] = entry.get("sha256")
found = {}
for parent, _folders, names in os.walk(prefix):
    for name in names:
        if name.endswith(".pyc"):
            path = os.path.join(parent, name)
            content = open(path, "rb").read()
            relative = os.path.relpath(path, prefix)
            same = hashlib.sha256(content).hexdigest() == shipped.get(relative)
            found[relative] = [content[4], os.lstat(path).st_nlink, same]
sources = [os.path.relpath(os.path.join(parent, name), prefix) for parent, _folders, names in os.walk(prefix + "/lib/python3.11")
           for name in names if name.endswith(".py")]
json.dump([found, sources], sys.stdout)
"""


@pytest.fixture
def look(host):
    def answer(name):
        result = host.run("python3 -c %s /opt/lockstep/envs/%s", LOOK, name)
        assert result.rc == 0, result.stderr
        return json.loads(result.stdout)

    return answer


def prefix_of(host, name):
    return host.run("readlink -f /opt/lockstep/envs/%s", name).stdout.strip()


def compiled_of(source):
    folder, _slash, name = source.rpartition("/")
    return f"{folder}/__pycache__/{name[:-3]}.cpython-311.pyc"


def test_every_source_is_compiled(look):
    found, sources = look("tiny")
    assert len(sources) > 500
    assert [source for source in sources if compiled_of(source) not in found] == []


def test_what_we_compile_is_never_compared_with_the_time_of_its_source(look):
    found, _sources = look("tiny")
    assert {path for path, (flags, _links, _same) in found.items() if flags != 1} == {SHIPPED}


def test_what_the_package_compiled_of_the_same_source_stays(look):
    found, _sources = look("tiny")
    assert found[SHIPPED][2] is True


def test_environments_share_what_is_the_same(host):
    inodes = {host.run("stat -c %%i %s/%s", prefix_of(host, name), VERSION).stdout for name in ("tiny", "twin")}
    assert len(inodes) == 1


def test_what_holds_the_prefix_is_compiled_for_one_environment(host, look):
    for name in ("tiny", "twin"):
        found, _sources = look(name)
        assert found[PATCHED][:2] == [1, 1]
        answer = host.run(
            "cd / && sudo -u legacy /opt/lockstep/envs/%s/bin/python -c 'import bed_prefix_py; print(bed_prefix_py.PREFIX)'", name
        )
        assert answer.stdout.strip() == prefix_of(host, name), answer.stderr
    assert host.run("grep -rl /opt/lockstep/generations /opt/lockstep/cache/bytecode").stdout == ""
    assert host.run("ls /opt/lockstep/cache/bytecode").stdout.startswith("cpython-311-")


def test_left_out_it_is_only_what_packages_bring(look):
    found, _sources = look("plain")
    assert SHIPPED in found and VERSION not in found and PATCHED not in found
    # Our start-up module is compiled: or every Python that root starts would leave something behind.
    assert {path for path, (_flags, _links, same) in found.items() if not same} == {STARTUP}


def test_without_it_an_environment_works_for_its_users(host):
    answer = host.run(
        "cd / && sudo -u legacy /opt/lockstep/envs/plain/bin/python -c "
        "'import packaging.version, bed_prefix_py, bed_timestamp_pyc, json; print(bed_prefix_py.PREFIX)'"
    )
    assert answer.stdout.strip() == prefix_of(host, "plain"), answer.stderr
    greeting = host.run("cd / && sudo -u legacy /opt/lockstep/envs/plain/bin/bed-greeter")
    assert greeting.stdout == "hello from bed-greeter 1.0\n"
