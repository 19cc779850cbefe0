# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is read from a host's store, from real directories and links."""

from __future__ import annotations

import multiprocessing
import os
import pathlib
import time

import pytest

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda import generations, holds, locking, processes, seal
from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda.store import Store
from ansible_collections.lockstep.gpufleet.plugins.module_utils._plan import Problem

ONE, TWO = "1" * 16, "2" * 16


@pytest.fixture
def store(tmp_path):
    made = Store(str(tmp_path / "store"))
    for folder in (made.environments, made.generations, made.temporary):
        os.makedirs(folder)
    return made


def make(store, generation, name="e", sealed=True):
    prefix = pathlib.Path(store.prefix(generation, name))
    prefix.mkdir(parents=True)
    (prefix / "file").write_text("text")
    if sealed:
        found = seal.walk(str(prefix))
        written = seal.Seal(generation, name, "linux-64", "l", {}, {}, (), "", 0)
        seal.write(store.generation(generation), written, seal.make_tree(str(prefix), found, {}), found)
    return prefix


def observe(store, name="e", check=(), **options):
    return generations.observe(store, [name], lambda _environment: check, **options)[name]


def test_a_bare_host(tmp_path):
    found = observe(Store(str(tmp_path / "nothing")))
    assert (found.link, found.active, found.sealed, found.unsealed) == ("absent", None, {}, ())


def test_links(store):
    make(store, ONE)
    link = pathlib.Path(store.link("e"))
    for target, expected in (
        (store.prefix(ONE, "e"), ("generation", ONE)),
        (f"../generations/{ONE}/envs/e", ("generation", ONE)),
        (store.prefix(TWO, "e"), ("generation", TWO)),
        (store.prefix(ONE, "other"), ("foreign", None)),
        ("/somewhere/else", ("foreign", None)),
    ):
        link.symlink_to(target)
        found = observe(store)
        assert (found.link, found.active) == expected
        link.unlink()
    link.write_text("")
    assert observe(store).link == "foreign"
    link.unlink()
    link.mkdir()
    assert observe(store).link == "directory"


def test_generations_belong_to_their_environments(store):
    make(store, ONE)
    make(store, TWO, name="other")
    make(store, ONE + "-2", sealed=False)
    os.makedirs(f"{store.generations}/not-a-generation/envs/e")
    found = observe(store)
    assert (list(found.sealed), found.unsealed) == ([ONE], (ONE + "-2",))
    assert found.builds_of(ONE) == [ONE] and found.builds_of(TWO) == []


def test_a_seal_that_was_copied_from_another_generation_is_none(store):
    make(store, ONE)
    os.rename(store.generation(ONE), store.generation(TWO))
    assert (observe(store).sealed, observe(store).unsealed) == ({}, (TWO,))


def test_drift_is_looked_for_where_it_matters(store):
    prefix = make(store, ONE)
    (prefix / "file").write_text("other")
    assert observe(store).drift == {}
    assert [str(one) for one in observe(store, check=[ONE]).drift[ONE]] == ["modified file"]


def hold_lock(path, begun):
    with locking.exclusive(path, 5, prepare=lambda: None):
        begun.set()
        time.sleep(60)


def test_while_another_run_builds_nothing_is_left_behind(store):
    make(store, ONE, sealed=False)
    assert observe(store).unsealed == (ONE,)
    context = multiprocessing.get_context("fork")
    begun = context.Event()
    other = context.Process(target=hold_lock, args=(store.lock_file, begun))
    other.start()
    try:
        assert begun.wait(10)
        assert observe(store).unsealed == ()
        assert observe(store, locked=True).unsealed == (ONE,)
        with pytest.raises(Problem, match="Another run on this host"), locking.exclusive(store.lock_file, 0.3, lambda: None):
            pass
    finally:
        other.kill()
        other.join()
    assert observe(store).unsealed == (ONE,)
    with locking.exclusive(store.lock_file, 0, lambda: None):
        pass


def test_the_holder_may_remove_the_lock(store):
    with locking.exclusive(store.lock_file, 1, lambda: None):
        os.unlink(store.lock_file)
    with locking.exclusive(store.lock_file, 1, lambda: None):
        assert os.path.exists(store.lock_file)


def test_users_are_processes_with_program_folder_or_map_in_it(store, tmp_path):
    make(store, ONE)
    make(store, ONE + "-2")
    proc = tmp_path / "proc"
    for number, (exe, cwd, maps) in enumerate(
        [
            (store.prefix(ONE, "e") + "/bin/python", "/", ""),
            ("/bin/sh", store.prefix(ONE + "-2", "e"), ""),
            ("/bin/sh", "/", f"7f00-7f01 r-xp 0 0 0 {store.prefix(ONE, 'e')}/lib/x.so\n"),
            ("/bin/sh", "/", f"7f00-7f01 r-xp 0 0 0 {store.generation(ONE)}0/lib/x.so\n"),
        ],
        100,
    ):
        folder = proc / str(number)
        folder.mkdir(parents=True)
        (folder / "exe").symlink_to(exe)
        (folder / "cwd").symlink_to(cwd)
        (folder / "maps").write_text(maps)
    (proc / "self").mkdir()
    paths = [store.generation(ONE), store.generation(ONE + "-2"), store.generation(TWO)]
    assert processes.users_of(paths, str(proc)) == {paths[0]: [100, 102], paths[1]: [101]}
    # A root that is a link: the kernel knows the real path.
    (tmp_path / "link").symlink_to(store.root)
    linked = Store(str(tmp_path / "link"))
    assert processes.users_of([linked.generation(ONE)], str(proc)) == {linked.generation(ONE): [100, 102]}
    (proc / "100" / "comm").write_text("python\n")
    assert [processes.describe(one, str(proc)) for one in (100, 999)] == ["process 100 (python)", "process 999"]


@pytest.mark.parametrize(
    ("history", "expected"),
    [
        pytest.param([], {}, id="none"),
        pytest.param([("a", 1.0)], {"a": None}, id="still active"),
        pytest.param([("a", 1.0), ("b", 2.0)], {"a": 2.0, "b": None}, id="until the next"),
        pytest.param([("a", 1.0), ("b", 2.0), ("a", 3.0), ("c", 4.0)], {"a": 4.0, "b": 3.0, "c": None}, id="twice"),
        pytest.param([("a", 1.0), ("b", None), ("c", 5.0)], {"a": 5.0, "b": 5.0, "c": None}, id="a time is missing"),
        pytest.param([("a", 9.0), ("b", 2.0), ("c", 9.5)], {"a": 9.5, "b": 9.5, "c": None}, id="the clock was behind"),
        pytest.param([("a", 99.0), ("b", 2.0), ("c", 3.0)], {"a": None, "b": None, "c": None}, id="it had been ahead"),
    ],
)
def test_until_when_generations_were_active(history, expected):
    assert holds.last_active([holds.Activation(*entry) for entry in history]) == expected


def test_a_generation_that_never_was_active_counts_from_its_seal(store):
    make(store, ONE)
    make(store, TWO)
    assert observe(store).last_active == {}
    holds.add_history(store, "e", {"generation": ONE, "since": "2020-01-01T00:00:00+00:00", "why": "lock"})
    sealed_at = os.stat(f"{store.generation(TWO)}/seal.json").st_mtime
    assert observe(store).last_active == {ONE: None, TWO: sealed_at}
    # Sealed before the history begins: it may have been active, nobody knows until when.
    os.utime(f"{store.generation(TWO)}/seal.json", (1.0, 1.0))
    assert observe(store).last_active == {ONE: None}


def test_what_is_found_may_ask_for_more(store):
    prefix = make(store, ONE)
    make(store, TWO)
    (prefix / "file").write_text("other")
    asked = []

    def check(environment):
        asked.append(sorted(environment.drift))
        return [ONE, TWO] if environment.drift.get(ONE) else [ONE]

    found = generations.observe(store, ["e"], check)["e"]
    assert asked == [[], [ONE], [ONE, TWO]] and found.drift[TWO] == []


def test_holds_and_history(store):
    assert holds.read_hold(store, "e") is None and holds.read_history(store, "e") == []
    hold = holds.Hold("lock", ONE, "2026-01-01", "ann")
    holds.write_hold(store, "e", hold)
    for generation, since in ((ONE, "2026-01-01T00:00:00+00:00"), (TWO, "now")):
        holds.add_history(store, "e", {"generation": generation, "since": since, "why": "lock"})
    history = [holds.Activation(ONE, 1767225600.0), holds.Activation(TWO, None)]
    assert holds.read_hold(store, "e") == hold and holds.read_history(store, "e") == history
    with open(store.history("e"), "a", encoding="ascii") as file:
        file.write('{"generation": "cut o')
    assert holds.read_history(store, "e") == history
    pathlib.Path(store.hold("e")).write_text("damaged")
    assert holds.read_hold(store, "e") == holds.Hold("", "", "", "")
    holds.forget(store, "e")
    assert holds.read_hold(store, "e") is None and holds.read_history(store, "e") == []
