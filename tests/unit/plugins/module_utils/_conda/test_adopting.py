# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""A prefix is read without trust; what is wrong with it is named."""

from __future__ import annotations

import hashlib
import json
import os
import pathlib

import pytest
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda import adopting
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem

TEXT = b"print('hello')\n"


@pytest.fixture(name="prefix")
def prefix_(tmp_path: pathlib.Path) -> pathlib.Path:
    (tmp_path / "conda-meta").mkdir()
    (tmp_path / "lib/python3.11/site-packages").mkdir(parents=True)
    (tmp_path / "lib/python3.11/site-packages/tool.py").write_bytes(TEXT)
    record(tmp_path, "tool", files={"lib/python3.11/site-packages/tool.py": TEXT}, depends=["python >=3"])
    return tmp_path


def record(prefix: pathlib.Path, name: str, files: dict[str, bytes] | None = None, **more: object) -> None:
    said = {
        **{"name": name, "version": "1.0", "build": "0", "md5": "a" * 32, "depends": []},
        "url": f"https://conda.example/ch/noarch/{name}-1.0-0.conda",
        "files": list(files or {}),
        "paths_data": {
            "paths": [
                {
                    "_path": path.replace("lib/python3.11/site-packages/", "site-packages/"),
                    "path_type": "hardlink",
                    "sha256_in_prefix": hashlib.sha256(text).hexdigest(),
                }
                for path, text in (files or {}).items()
            ]
        },
        **more,
    }
    (prefix / f"conda-meta/{name}-1.0-0.json").write_text(json.dumps(said), encoding="utf-8")


def missing(prefix: pathlib.Path) -> dict[str, str]:
    return {one["what"]: one["why"] for one in adopting.read(str(prefix), verify=True)["not_reproduced"]}


def test_what_is_as_it_was_installed_is_all_there_is(prefix: pathlib.Path):
    (prefix / "conda-meta/history").write_text(
        "==> 2026 <==\n# update specs: ['tool=1', 'conda-forge::other']\n# remove specs: [\"other\"]\n", encoding="utf-8"
    )
    found = adopting.read(str(prefix), verify=True)
    assert found["not_reproduced"] == []
    assert found["requested"] == ["tool"]
    assert [one["name"] for one in found["conda"]] == ["tool"]
    assert found["channels"] == ["https://conda.example/ch"]


def test_edited_and_removed_files(prefix: pathlib.Path):
    record(prefix, "other", files={"share/gone": b""})
    (prefix / "lib/python3.11/site-packages/tool.py").write_bytes(TEXT + b"# mine\n")
    assert missing(prefix) == {
        "tool": "lib/python3.11/site-packages/tool.py was edited by hand",
        "other": "share/gone was removed by hand",
    }


def test_files_that_lead_elsewhere_are_not_followed(prefix: pathlib.Path):
    os.symlink("/", prefix / "root")
    os.symlink(prefix, prefix / "loop")
    record(prefix, "evil", files={"root/etc/passwd": b"", "../../etc/passwd": b""})
    os.mkfifo(prefix / "conda-meta/pipe-1-0.json")
    assert missing(prefix) == {"conda-meta/pipe-1-0.json": "the record is damaged"}


@pytest.mark.parametrize("text", ["", "[]", "{", '{"name": 1}', "null", "[" * 3000])
def test_damaged_records(prefix: pathlib.Path, text: str):
    (prefix / "conda-meta/bad-1-0.json").write_text(text, encoding="utf-8")
    (prefix / "conda-meta/history").write_text("# update specs: [[[\n# update specs: ['" + "(" * 3000, encoding="utf-8")
    (prefix / "conda-meta/state").write_text(text or "x", encoding="utf-8")
    assert missing(prefix)["conda-meta/bad-1-0.json"] == "the record is damaged"


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("", "its record does not say where it came from"),
        ("file:///srv/x-1.0-0.conda", "it came from this host's own disk"),
        ("https://u:Sesame@conda.example/ch/noarch/x-1.0-0.conda", "https://conda.example/ch/noarch/x-1.0-0.conda wants credentials"),
        ("https://conda.example/t/Sesame/ch/noarch/x-1.0-0.conda", "wants credentials"),
    ],
)
def test_where_packages_came_from(prefix: pathlib.Path, url: str, why: str):
    record(prefix, "x", url=url)
    found = adopting.read(str(prefix), verify=True)
    assert why in {one["what"]: one["why"] for one in found["not_reproduced"]}["x"]
    assert "Sesame" not in json.dumps(found)


@pytest.mark.parametrize(
    "said",
    [
        {"depends": 5},
        {"files": ["a\0b", "\ud800", 7]},
        {"paths_data": {"paths": [{"_path": "a\0b/c"}, {"_path": "\ud800/c"}, {"_path": 7}, 7]}},
        {"paths_data": {"paths": 7}},
        {"paths_data": 7},
    ],
)
def test_records_may_say_anything(prefix: pathlib.Path, said: dict[str, object]):
    record(prefix, "odd")
    path = prefix / "conda-meta/odd-1.0-0.json"
    path.write_text(json.dumps({**json.loads(path.read_text(encoding="utf-8")), **said}), encoding="utf-8")
    assert missing(prefix) == {}


def test_an_address_that_is_none_is_no_channel(prefix: pathlib.Path):
    record(prefix, "odd", url="http://[x/ch/noarch/odd-1.0-0.conda")
    assert missing(prefix) == {"odd": "its record does not say where it came from"}
    assert adopting.read(str(prefix), verify=True)["channels"] == ["https://conda.example/ch"]


def test_names_of_files_that_are_no_text(prefix: pathlib.Path):
    for name in (b"caf\xe9", b"two\nlines"):
        with open(os.fsencode(prefix) + b"/" + name, "wb"):
            pass
    assert missing(prefix) == {"files of no package": r"caf\udce9, two\nlines"}


def test_variables_with_credentials_stay_where_they_are(prefix: pathlib.Path):
    values = {"INDEX": "https://u:Sesame@pypi.example/simple", "PLACE": "https://pypi.example/simple", "GONE": "***unset***"}
    (prefix / "conda-meta/state").write_text(json.dumps({"env_vars": values}), encoding="utf-8")
    found = adopting.read(str(prefix), verify=True)
    assert found["variables"] == {"PLACE": "https://pypi.example/simple"}
    assert [one["what"] for one in found["not_reproduced"]] == ["the variable INDEX"]
    assert "Sesame" not in json.dumps(found)


def distribution(prefix: pathlib.Path, name: str, direct_url: str = "") -> None:
    folder = prefix / f"lib/python3.11/site-packages/{name}-2.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 2.0\n\nName: other\n", encoding="utf-8")
    if direct_url:
        (folder / "direct_url.json").write_text(direct_url, encoding="utf-8")


@pytest.mark.parametrize(
    ("direct_url", "why"),
    [
        ('{"url": "https://u:Sesame@git.example/x.git", "vcs_info": {"commit_id": "abc"}}', "a checkout of https://git.example/x.git at abc"),
        ('{"url": "file:///home/me/x", "dir_info": {"editable": true}}', "an editable checkout"),
        ('{"url": "file:///home/me/x", "dir_info": {}}', "built from a directory"),
        ('{"url": "file:///home/me/x-2.0-py3-none-any.whl", "archive_info": {}}', "it was installed from file:///home/me/x-2.0"),
        ("[", "its direct_url.json is damaged"),
        ("[]", "its direct_url.json is damaged"),
    ],
)
def test_what_pip_took_from_elsewhere(prefix: pathlib.Path, direct_url: str, why: str):
    distribution(prefix, "x", direct_url)
    found = adopting.read(str(prefix), verify=True)
    assert why in {one["what"]: one["why"] for one in found["not_reproduced"]}["x"]
    assert found["pip"] == []


def test_what_pip_has_put_over_condas(prefix: pathlib.Path):
    distribution(prefix, "tool")
    distribution(prefix, "Fresh_One")
    found = adopting.read(str(prefix), verify=True)
    assert found["pip"] == [{"name": "fresh-one", "version": "2.0", "url": ""}]
    assert missing(prefix)["tool"] == "pip has put 2.0 over conda's 1.0"


def test_no_environment_at_all(tmp_path: pathlib.Path):
    with pytest.raises(Problem, match="is no conda environment on this host"):
        adopting.read(str(tmp_path), verify=True)


def test_two_records_of_one_package(prefix: pathlib.Path):
    text = (prefix / "conda-meta/tool-1.0-0.json").read_text(encoding="utf-8")
    (prefix / "conda-meta/tool-2.0-0.json").write_text(text.replace('"1.0"', '"2.0"'), encoding="utf-8")
    found = adopting.read(str(prefix), verify=True)
    assert [one["name"] for one in found["conda"]] == ["tool"]
    assert [one["why"] for one in found["not_reproduced"]] == ["conda-meta has two records of it"]


def test_variables_that_are_secret_or_none_stay_on_the_host(prefix: pathlib.Path):
    said = {"GOOD": "yes", "HF_TOKEN": "Sesame", "1BAD": "x", "NUMBER": 5, "GONE": "***unset***"}
    (prefix / "conda-meta/state").write_text(json.dumps({"env_vars": said}), encoding="utf-8")
    found = adopting.read(str(prefix), verify=True)
    assert found["variables"] == {"GOOD": "yes"}
    assert {one["what"] for one in found["not_reproduced"]} == {"the variable 1BAD", "the variable HF_TOKEN", "the variable NUMBER"}
    assert "Sesame" not in json.dumps(found)
