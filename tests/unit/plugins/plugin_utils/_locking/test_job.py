# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""From inputs of every kind to files, on channels on disk."""

from __future__ import annotations

import pathlib
import typing as t

import pytest
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.network import Network
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locking import hosts, job, outputs, planning
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locks import documents
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._solving import tools
from ansible_collections.lockstep.gpufleet.plugins.plugin_utils._solving.model import Settings

from .._solving.channel import write_channel


@pytest.fixture(name="channel")
def channel_(tmp_path: pathlib.Path) -> str:
    write_channel(
        tmp_path / "channel",
        ("python", "3.10.14", []),
        ("tool", "1.0", ["library", "python"]),
        ("library", "1.0", []),
        ("library", "2.0", []),
        ("other", "1.0", []),
        ("other", "2.0", []),
    )
    return (tmp_path / "channel").as_uri()


def written(tmp_path: pathlib.Path, name: str, text: str) -> pathlib.Path:
    file = tmp_path / name
    file.write_text(text, encoding="utf-8")
    return file


def run(file: pathlib.Path, lock: str = "conda-lock.yml", reader: job.Input = job.Input(), **options: t.Any) -> job.Outcome:
    asked = hosts.Asked(str(file), str(file.parent / lock))
    chosen = planning.Options(**options)
    settings = Settings(tools.find(None, None), Network(), str(file.parent / "cache"))
    outcome = job.make(job.observe(asked, reader, chosen), chosen, settings)
    outputs.write(job.to_write([outcome]))
    return outcome


def versions(outcome: job.Outcome) -> dict[str, str]:
    return {entry.package.name: entry.package.version for entry in outcome.document.platforms["linux-64"]}


ENVIRONMENT = "channels: ['{channel}']\ndependencies:\n  - python==3.10.14\n  - tool==1.0\n"


def test_a_second_run_changes_nothing_and_asks_nobody(tmp_path: pathlib.Path, channel: str, monkeypatch: pytest.MonkeyPatch):
    file = written(tmp_path, "environment.yml", ENVIRONMENT.format(channel=channel))
    formats = ("explicit", "explicit_md5", "requirements", "pixi")
    first = run(file, formats=formats)
    assert [pathlib.Path(path).name for path in first.texts] == [
        *("explicit-linux-64.txt", "explicit-md5-linux-64.txt", "requirements-linux-64.txt", "pixi.lock", "conda-lock.yml")
    ]
    monkeypatch.setattr("ansible_collections.lockstep.gpufleet.plugins.plugin_utils._solving.rattler.call", None)
    assert not run(file, formats=formats).texts
    (tmp_path / "explicit-linux-64.txt").write_text("edited", encoding="utf-8")
    assert list(run(file, formats=formats).texts) == [str(tmp_path / "explicit-linux-64.txt")]


def test_a_list_without_hashes_is_locked_as_it_is(tmp_path: pathlib.Path, channel: str):
    lines = [f"{channel}/linux-64/{name}-h0_0.conda" for name in ("library-1.0", "python-3.10.14", "tool-1.0")]
    file = written(tmp_path, "spec-file.txt", "\n".join(["# platform: linux-64", "@EXPLICIT", *lines, ""]))
    outcome = run(file, formats=("explicit",))
    assert versions(outcome) == {"library": "1.0", "python": "3.10.14", "tool": "1.0"}
    assert documents.read(str(tmp_path / "explicit-linux-64.txt")).platforms.keys() == {"linux-64"}
    assert not run(file, formats=("explicit",)).texts


def test_a_lock_is_written_in_other_formats_and_stays_as_it_is(tmp_path: pathlib.Path, channel: str):
    lock = pathlib.Path(run(written(tmp_path, "environment.yml", ENVIRONMENT.format(channel=channel))).job.asked.lock)
    before = lock.read_bytes()
    outcome = run(lock, formats=("pixi",))
    assert list(outcome.texts) == [str(tmp_path / "pixi.lock")]
    assert lock.read_bytes() == before
    back = run(tmp_path / "pixi.lock", lock="from-pixi.yml")
    assert versions(back) == versions(outcome)
    assert not run(tmp_path / "pixi.lock", lock="from-pixi.yml").texts


def test_only_what_may_change_does(tmp_path: pathlib.Path, channel: str):
    loose = f"channels: ['{channel}']\ndependencies: [python, library, other]\n"
    file = written(tmp_path, "environment.yml", loose.replace("library", "library==1.0").replace("other", "other==1.0"))
    run(file, policy="off")
    file.write_text(loose, encoding="utf-8")
    assert versions(run(file, policy="off", update=())) == {"python": "3.10.14", "library": "1.0", "other": "1.0"}
    outcome = run(file, policy="off", update=("other",))
    assert versions(outcome) == {"python": "3.10.14", "library": "1.0", "other": "2.0"}
    assert [change.after.label for change in outcome.changes["linux-64"] if change.after] == ["other 2.0 h0_0"]
    assert versions(run(file, policy="warn")) == {"python": "3.10.14", "library": "2.0", "other": "2.0"}
    assert not run(file, policy="warn", update=("elsewhere",)).texts  # a package of another lock


@pytest.mark.parametrize("policy", ["warn", "off"])
def test_pins_are_written_also_where_a_loose_file_is_locked_already_and_that_once(
    tmp_path: pathlib.Path, channel: str, monkeypatch: pytest.MonkeyPatch, policy: str
):
    text = f"channels: ['{channel}']\ndependencies:\n  - python\n  - other  # why\n"
    file = written(tmp_path, "environment.yml", text)
    run(file, policy=policy)
    assert run(file, policy=policy, pin=True).job.why == "its pins were not written yet"
    pinned = text.replace("- python", "- python==3.10.14").replace("- other ", "- other==2.0 ")
    assert file.read_text(encoding="utf-8") == pinned
    monkeypatch.setattr("ansible_collections.lockstep.gpufleet.plugins.plugin_utils._solving.rattler.call", None)
    for options in ({"policy": policy, "pin": True}, {"policy": policy}, {}):
        assert not run(file, **options).texts


def test_what_is_pinned_need_not_be_examined_again_more_strictly(tmp_path: pathlib.Path, channel: str):
    file = written(tmp_path, "environment.yml", ENVIRONMENT.format(channel=channel))
    before = run(file, policy="warn").texts
    assert run(file).job.why is None
    (tmp_path / "conda-lock.yml").unlink()
    assert run(file).texts == before


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({}, None),
        ({"platforms": ("linux-64", "linux-aarch64")}, "it is for linux-64"),
        ({"exclude_newer": "2026-11-25"}, "exclude_newer has changed since"),
        ({"virtual_packages": {"linux-64": {"__cuda": "12.4"}}}, "what the hosts of linux-64 have has changed since (__cuda 12.4, not none)"),
        ({"update": ("tool",)}, "tool may change"),
    ],
)
def test_why_there_has_to_be_another_lock(tmp_path: pathlib.Path, channel: str, options: dict[str, t.Any], why: str | None):
    file = written(tmp_path, "environment.yml", ENVIRONMENT.format(channel=channel))
    run(file)
    asked = hosts.Asked(str(file), str(tmp_path / "conda-lock.yml"))
    assert job.observe(asked, job.Input(), planning.Options(**options)).why == why


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("25.11.2026", "neither a date"),
        ("2026-11-25T12:00:00", "nor a moment with its time zone"),
        ("2026-02-30", "neither a date"),
        ("9999-12-31", "neither a date"),
        ("0001-01-01T00:00:00+14:00", "neither a date"),
    ],
)
def test_a_date_that_is_none(text: str, says: str):
    with pytest.raises(Problem, match=says):
        planning.moment(text)


def test_a_date_is_its_end():
    end = planning.moment("2026-11-25")
    assert end is not None and end.isoformat() == "2026-11-26T00:00:00+00:00"


def test_a_lock_with_md5_only_gets_its_sha256(tmp_path: pathlib.Path, channel: str):
    lock = pathlib.Path(run(written(tmp_path, "environment.yml", ENVIRONMENT.format(channel=channel))).job.asked.lock)
    strong = lock.read_text(encoding="utf-8")
    weak = "".join(one for one in strong.splitlines(True) if "sha256:" not in one and "lockstep.packages" not in one)
    lock.write_text(weak, encoding="utf-8")
    run(lock)
    found = documents.read(str(lock)).platforms["linux-64"]
    assert [(one.package.name, bool(one.package.sha256), bool(one.md5)) for one in found] == [
        ("library", True, True),
        ("python", True, True),
        ("tool", True, True),
    ]
    assert lock.read_text(encoding="utf-8") == strong


@pytest.mark.parametrize(
    ("lock", "formats", "says"),
    [
        ("environment.yml", (), "environment.yml would be overwritten, but it is what is read"),
        ("cache", (), "cache cannot be written: it is a directory"),
        ("environment.yml/conda-lock.yml", (), "environment.yml is no directory"),
        ("explicit-linux-64.txt", ("explicit",), "explicit-linux-64.txt would be written twice"),
        ("pixi.lock", ("pixi",), "pixi.lock would be written twice"),
    ],
)
def test_outputs_that_are_in_the_way_are_told_before_anything_is_asked(
    tmp_path: pathlib.Path, channel: str, monkeypatch: pytest.MonkeyPatch, lock: str, formats: tuple[str, ...], says: str
):
    (tmp_path / "cache").mkdir()
    file = written(tmp_path, "environment.yml", ENVIRONMENT.format(channel=channel))
    monkeypatch.setattr("ansible_collections.lockstep.gpufleet.plugins.plugin_utils._solving.rattler.call", None)
    with pytest.raises(Problem, match=says):
        run(file, lock=lock, formats=formats)
    assert file.read_text(encoding="utf-8") == ENVIRONMENT.format(channel=channel)


def test_a_list_is_not_overwritten_by_what_is_made_of_it(tmp_path: pathlib.Path, channel: str):
    file = written(tmp_path, "explicit-linux-64.txt", f"@EXPLICIT\n{channel}/linux-64/other-1.0-h0_0.conda\n")
    with pytest.raises(Problem, match="explicit-linux-64.txt would be overwritten, but it is what is read"):
        run(file, formats=("explicit",))
    with pytest.raises(Problem, match="explicit-linux-64.txt would be overwritten, but it is what is read"):
        run(file, lock=file.name)


def test_a_file_that_is_referred_to_is_not_overwritten(tmp_path: pathlib.Path, channel: str):
    written(tmp_path, "requirements-linux-64.txt", "six==1.16.0\n")
    text = ENVIRONMENT.format(channel=channel) + "  - pip:\n    - -r requirements-linux-64.txt\n"
    with pytest.raises(Problem, match="requirements-linux-64.txt would be overwritten, but it is what is read"):
        run(written(tmp_path, "environment.yml", text), formats=("requirements",))


def test_a_pixi_lock_that_is_converted_stays(tmp_path: pathlib.Path, channel: str):
    run(written(tmp_path, "environment.yml", ENVIRONMENT.format(channel=channel)), formats=("pixi",))
    before = (tmp_path / "pixi.lock").read_bytes()
    for options in ({"lock": "pixi.lock"}, {"formats": ("pixi",)}):
        with pytest.raises(Problem, match="pixi.lock would be overwritten, but it is what is read"):
            run(tmp_path / "pixi.lock", **options)
    assert (tmp_path / "pixi.lock").read_bytes() == before


def test_a_pixi_lock_of_other_packages_is_written_again(tmp_path: pathlib.Path, channel: str):
    text = ENVIRONMENT.format(channel=channel)
    file = written(tmp_path, "environment.yml", text)
    run(file, formats=("pixi",))
    file.write_text(text + "  - other==1.0\n", encoding="utf-8")
    run(file)
    outcome = run(file, formats=("pixi",))
    assert list(outcome.texts) == [str(tmp_path / "pixi.lock")]
    found = documents.read(str(tmp_path / "pixi.lock")).platforms["linux-64"]
    assert "other" in [entry.package.name for entry in found]
    assert not run(file, formats=("pixi",)).texts


def test_two_locks_whose_files_are_the_same_are_refused(tmp_path: pathlib.Path, channel: str):
    files = [written(tmp_path, f"{name}.yml", ENVIRONMENT.format(channel=channel)) for name in ("a", "b")]
    options = planning.Options(formats=("explicit",))
    settings = Settings(tools.find(None, None), Network(), str(tmp_path / "cache"))
    outcomes = [
        job.make(job.observe(hosts.Asked(str(file), f"{file}.lock"), job.Input(), options), options, settings) for file in files
    ]
    with pytest.raises(Problem, match=r"explicit-linux-64.txt would be written for .*a.yml.lock and for .*b.yml.lock"):
        job.to_write(outcomes)
    assert list(job.to_write(outcomes[:1]))[-1] == f"{files[0]}.lock"


def test_an_input_that_changes_meanwhile_is_told(tmp_path: pathlib.Path, channel: str):
    file = written(tmp_path, "environment.yml", ENVIRONMENT.format(channel=channel))
    options = planning.Options()
    observed = job.observe(hosts.Asked(str(file), str(tmp_path / "conda-lock.yml")), job.Input(), options)
    outcome = job.make(observed, options, Settings(tools.find(None, None), Network(), str(tmp_path / "cache")))
    file.write_text(ENVIRONMENT.format(channel=channel) + "  - other==1.0\n", encoding="utf-8")
    with pytest.raises(Problem, match="environment.yml was changed while it was being locked. Lock it again."):
        job.to_write([outcome])


def test_an_input_without_channels_is_told(tmp_path: pathlib.Path):
    file = written(tmp_path, "environment.yml", "dependencies: [python==3.10.14]\n")
    with pytest.raises(Problem, match="environment.yml names no channels, and the option channels is empty: name one in either"):
        run(file)


def test_code_that_is_nowhere_is_told_before_anything_is_solved(tmp_path: pathlib.Path, channel: str):
    file = written(tmp_path, "environment.yml", ENVIRONMENT.format(channel=channel))
    run(file)
    with pytest.raises(Problem, match="code: .*/nowhere is not a directory on the controller"):
        run(file, code=str(tmp_path / "nowhere"))


@pytest.mark.parametrize("policy", ["warn", "enforce"])
def test_the_diff_tells_of_each_file_what_changes_and_no_secret(tmp_path: pathlib.Path, channel: str, policy: str):
    text = f"channels: ['{channel}']\ndependencies:\n  - python\n  - tool==1.0\n# https://me:Sesame-7@files.example.org/x\n"
    file = written(tmp_path, "environment.yml", text + "variables: {KEY: Sesame-8}\n")
    pins, lock = run(file, pin=True, policy=policy).diff()
    assert pins["before_header"] == pins["after_header"] == str(file)
    assert (pins["before"], pins["after"]) == ("  - python\n", "  - python==3.10.14\n")
    assert lock["before_header"] == f"{tmp_path}/conda-lock.yml (absent)" and not lock["before"]
    assert "linux-64: tool 1.0 h0_0\n" in lock["after"] and "variable KEY\n" in lock["after"]
    assert "Sesame" not in str([pins, lock])
    assert run(file).diff() == []


@pytest.mark.parametrize(
    ("old", "new", "before", "after"),
    [
        ("KEY: a", "KEY: b", ["variable KEY"], ["variable KEY, with another value"]),
        ("KEY: a", "OTHER: a", ["variable KEY"], ["variable OTHER"]),
        ("dependencies:", "platforms: [linux-64]\ndependencies:", [], []),
    ],
)
def test_what_changes_without_a_package_is_in_the_diff(
    tmp_path: pathlib.Path, channel: str, old: str, new: str, before: list[str], after: list[str]
):
    text = ENVIRONMENT.format(channel=channel) + "variables: {KEY: a}\n"
    file = written(tmp_path, "environment.yml", text)
    run(file)
    file.write_text(text.replace(old, new), encoding="utf-8")
    (diff,) = run(file).diff()
    for side, expected in (("before", before), ("after", after)):
        wanted, *facts = diff[side].splitlines()
        assert wanted.startswith("what is wanted: ") and facts == expected


def test_variables_that_were_edited_in_the_lock_are_those_of_the_input_again(tmp_path: pathlib.Path, channel: str):
    file = written(tmp_path, "environment.yml", ENVIRONMENT.format(channel=channel) + "variables: {KEY: a}\n")
    before = run(file).texts
    lock = tmp_path / "conda-lock.yml"
    lock.write_text(lock.read_text(encoding="utf-8").replace('{"KEY": "a"}', '{"KEY": "b"}'), encoding="utf-8")
    outcome = run(file)
    assert outcome.job.why == "its variables are not those of the input" and outcome.texts == before


def test_a_lock_whose_input_is_a_lock_is_told_in_full(tmp_path: pathlib.Path, channel: str):
    run(written(tmp_path, "environment.yml", ENVIRONMENT.format(channel=channel)), formats=("pixi",))
    outcome = run(tmp_path / "pixi.lock", lock="from-pixi.yml")
    assert [one.after.label for one in outcome.changes["linux-64"] if one.after] == [
        *("library 2.0 h0_0", "python 3.10.14 h0_0", "tool 1.0 h0_0")
    ]
    assert [diff["before_header"] for diff in outcome.diff()] == [f"{tmp_path}/from-pixi.yml (absent)"]
    written(tmp_path, "notes.txt", "what I have to buy\n")
    with pytest.raises(Problem, match="notes.txt"):
        run(tmp_path / "pixi.lock", lock="notes.txt")


def test_a_large_lock_that_is_as_wanted_is_not_written_out_again(
    tmp_path: pathlib.Path, channel: str, monkeypatch: pytest.MonkeyPatch
):
    file = written(tmp_path, "environment.yml", ENVIRONMENT.format(channel=channel))
    run(file)
    monkeypatch.setattr("ansible_collections.lockstep.gpufleet.plugins.plugin_utils._locks.conda_lock_text.text", None)
    assert not run(file, formats=("requirements",)).job.why


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("[python, other, tool==1.0]", "[python==3.10.14, other==2.0, tool==1.0]"),
        ("[ 'python' , \"other>1\" ] # why", "[ 'python==3.10.14' , \"other==2.0\" ] # why"),
        ("\r\n- python # a\r\n- other=1.*\r\n- tool 1.0", "\r\n- python==3.10.14 # a\r\n- other==1.0\r\n- tool 1.0"),
    ],
)
def test_pins_are_written_wherever_dependencies_stand(tmp_path: pathlib.Path, channel: str, before: str, after: str):
    text = f"channels: ['{channel}']\ndependencies: "
    file = tmp_path / "environment.yml"
    file.write_bytes((text + before).encode())
    assert not [one for one in run(file, pin=True).findings if one.kind == "loose"]
    assert file.read_bytes() == (text + after).encode()
    assert run(file).job.why is None


def test_a_lock_that_cannot_be_read_says_what_to_do(tmp_path: pathlib.Path, channel: str):
    file = written(tmp_path, "environment.yml", ENVIRONMENT.format(channel=channel))
    run(file)
    lock = tmp_path / "conda-lock.yml"
    text = lock.read_text(encoding="utf-8")
    for conflict in (f"<<<<<<< HEAD\n{text}", text.replace("package:\n", "package:\n<<<<<<< HEAD\n")):
        lock.write_text(conflict, encoding="utf-8")
        number = conflict[: conflict.index("<<<")].count("\n") + 1
        with pytest.raises(Problem, match=f"conda-lock.yml, line {number}: a conflict of git stands here.* remove it, if nobody needs it"):
            run(file)


def test_an_input_that_asks_for_nothing(tmp_path: pathlib.Path, channel: str):
    file = written(tmp_path, "environment.yml", f"channels: ['{channel}']\ndependencies: []\n")
    with pytest.raises(Problem, match="environment.yml asks for no packages: nothing stands in its dependencies"):
        run(file)


def test_environments_of_a_pixi_lock_that_are_left_out_are_named(tmp_path: pathlib.Path, channel: str):
    run(written(tmp_path, "environment.yml", ENVIRONMENT.format(channel=channel)), formats=("pixi",))
    pixi = tmp_path / "pixi.lock"
    text = pixi.read_text(encoding="utf-8")
    assert not run(pixi, lock="from-pixi.yml").notes
    environments, packages = text.split("\npackages:\n")
    tools = environments.partition("  default:\n")[2]
    pixi.write_text(f"{environments}\n  tools:\n{tools}\npackages:\n{packages}", encoding="utf-8")
    assert run(pixi, lock="from-pixi.yml").notes == (
        f"{pixi}: of its environments only the default one is written; left out: tools.",
    )


def test_code_is_looked_at_also_where_the_input_has_not_changed(tmp_path: pathlib.Path, channel: str):
    file = written(tmp_path, "environment.yml", ENVIRONMENT.format(channel=channel))
    run(file)
    (tmp_path / "code").mkdir()
    written(tmp_path / "code", "main.py", "import something\n")
    outcome = run(file, code=str(tmp_path / "code"))
    assert outcome.job.why is None
    assert sorted(one.kind for one in outcome.findings) == ["not_asked_for", "not_imported"]


def test_every_loose_dependency_is_listed(tmp_path: pathlib.Path):
    names = [f"package{number}" for number in range(30)]
    write_channel(tmp_path / "channel", *((name, "1.0", []) for name in names))
    lines = "".join(f"  - {name}\n" for name in names)
    file = written(tmp_path, "environment.yml", f"channels: ['{(tmp_path / 'channel').as_uri()}']\ndependencies:\n{lines}")
    with pytest.raises(Problem) as caught:
        run(file)
    assert all(f"line {number}: {name} is not pinned; {name}==1.0" in str(caught.value) for number, name in enumerate(names, 3))
