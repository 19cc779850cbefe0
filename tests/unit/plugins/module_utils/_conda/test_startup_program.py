# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""The start-up module, in generations made of this machine's own Python, with a link that is switched under them."""

from __future__ import annotations

import json
import os
import pathlib
import shutil
import subprocess
import sys

import pytest

from ansible_collections.lockstep.gpufleet.plugins.module_utils._conda import startup, startup_program

PYTHON = "python%d.%d" % sys.version_info[:2]
CLEAN = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1"}

SHOW = """
import json, sys, encodings
print(json.dumps({
    "prefixes": sorted({sys.prefix, sys.exec_prefix, sys.base_prefix, sys.base_exec_prefix}),
    "executable": sys.executable, "base": sys._base_executable,
    "path": [entry for entry in sys.path if entry], "encodings": list(encodings.__path__),
    "files": sorted(m.__file__ for m in list(sys.modules.values()) if getattr(m, "__file__", None)),
}))
"""


def make_generation(root: pathlib.Path, number: int, name: str = "ai") -> pathlib.Path:
    """Make an environment of this Python's program and library, with a module that tells its generation."""
    prefix = root / "generations" / f"{number:016x}" / "envs" / name
    (prefix / "bin").mkdir(parents=True)
    shutil.copy(os.path.realpath(sys.executable), prefix / "bin" / PYTHON)
    (prefix / "bin" / "python").symlink_to(PYTHON)
    library = pathlib.Path(os.__file__).parent
    (prefix / "lib" / PYTHON / "site-packages").mkdir(parents=True)
    for path in [*library.parent.glob("libpython*"), *library.iterdir()]:
        if path.name not in ("site-packages", "sitecustomize.py", "__pycache__"):
            (prefix / path.relative_to(library.parent.parent)).symlink_to(path)
    asked = run(prefix, "import json, site; print(json.dumps(site.getsitepackages()))", options=["-S"])
    written = startup.add(str(prefix), str(root / "envs" / name), user_site=False)
    for folder in map(pathlib.Path, asked):  # Debian's Python knows other names for site-packages
        folder.mkdir(parents=True, exist_ok=True)
        for path in written:
            if "site-packages/" in path and not (folder / pathlib.Path(path).name).exists():
                shutil.copy(prefix / path, folder)
    (folder / "late.py").write_text(f"NUMBER = {number}\n")
    (folder / "middle.pth").write_text("more\n")
    (folder / "more").mkdir()
    (folder / "more" / "later.py").write_text(f"NUMBER = {number}\n")
    return prefix


@pytest.fixture
def store(tmp_path):
    root = tmp_path.resolve() / "store"
    (root / "envs").mkdir(parents=True)
    one, two = make_generation(root, 1), make_generation(root, 2)
    (root / "envs" / "ai").symlink_to(one)
    return root, one, two


def run(prefix, code, options=(), variables=None, program="bin/python", argv0=None):
    """Return what ``code`` prints in JSON; ``prefix``: by which path the Python is started."""
    started = str(pathlib.Path(prefix, program))
    answer = subprocess.run(
        [argv0 or started, *options, "-c", code],
        executable=started,
        env=CLEAN | (variables or {}),
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )
    assert (answer.returncode, answer.stderr) == (0, ""), answer.stderr
    return json.loads(answer.stdout)


def all_paths(shown):
    return [*shown["prefixes"], shown["executable"], *shown["path"], *shown["encodings"], *shown["files"]]


@pytest.mark.parametrize("options", [[], ["-I"], ["-E"], ["-s"], ["-B", "-u"]], ids=str)
def test_through_the_link_everything_is_the_generation(store, options):
    root, one, _two = store
    shown = run(root / "envs" / "ai", SHOW, options)
    assert shown["prefixes"] == [str(one)]
    assert shown["executable"] == f"{one}/bin/python"
    assert [path for path in all_paths(shown) if path.startswith(f"{root}/envs/")] == []
    assert any(path.endswith("/more") for path in shown["path"])
    assert len(shown["path"]) == len(set(shown["path"]))
    assert shown["base"] == f"{one}/bin/python"


LATE = """
import json, os, subprocess, sys
os.unlink({link!r}); os.symlink({other!r}, {link!r})
import late, later, sqlite3, encodings.cp037
child = [sys.executable, "-c", "import late; print(late.NUMBER)"]
print(json.dumps([late.NUMBER, later.NUMBER, int(subprocess.check_output(child)), sqlite3.__file__]))
"""


def test_what_is_imported_after_the_switch_comes_from_the_generation_of_the_start(store):
    root, one, two = store
    link = str(root / "envs" / "ai")
    *numbers, library = run(link, LATE.format(link=link, other=str(two)))
    assert numbers == [1, 1, 1]
    assert library.startswith(f"{one}/")
    assert run(link, "import late; print(late.NUMBER)") == 2


def test_without_site_nothing_can_be_done(store):
    """What the documentation says is not covered."""
    root, _one, _two = store
    assert run(root / "envs" / "ai", SHOW, ["-S"])["prefixes"] == [str(root / "envs" / "ai")]


def test_by_the_generations_own_path_nothing_changes(store):
    _root, one, _two = store
    shown = run(one, SHOW)
    assert shown["prefixes"] == [str(one)] and shown["executable"] == f"{one}/bin/python"


def test_switched_between_start_and_site_the_program_decides(store):
    """The program is of the first generation while the link already leads to the second."""
    root, one, two = store
    link = root / "envs" / "ai"
    link.unlink()
    link.symlink_to(two)
    shown = run(one, SHOW, argv0=f"{link}/bin/python")
    assert shown["prefixes"] == [str(one)] and shown["executable"] == f"{one}/bin/python"
    assert shown["base"] == f"{one}/bin/python"


def test_other_links_to_the_environment(store, tmp_path):
    root, one, _two = store
    (tmp_path / "mine").symlink_to(root / "envs" / "ai")
    (tmp_path / "mypython").symlink_to(root / "envs" / "ai" / "bin" / "python")
    (tmp_path / "opt").symlink_to(root)
    shown = run(tmp_path / "mine", SHOW)
    assert (shown["prefixes"], shown["executable"]) == ([str(one)], f"{one}/bin/python")
    shown = run(tmp_path, SHOW, program="mypython")
    assert (shown["prefixes"], shown["executable"]) == ([str(one)], f"{one}/bin/{PYTHON}")
    shown = run(tmp_path / "opt" / "envs" / "ai", SHOW)
    assert shown["prefixes"] == [str(one)]


def test_a_store_whose_root_is_a_link_keeps_the_name_it_was_built_under(tmp_path):
    real = tmp_path.resolve() / "disk"
    real.mkdir()
    root = tmp_path.resolve() / "store"
    root.symlink_to(real)
    one = make_generation(root, 1)
    (root / "envs").mkdir()
    (root / "envs" / "ai").symlink_to(one)
    assert run(root / "envs" / "ai", SHOW)["prefixes"] == [str(one)]
    assert run(one, SHOW)["prefixes"] == [str(one)]


@pytest.mark.parametrize("more", [[], ["--system-site-packages"]], ids=str)
def test_a_virtual_environment_on_top_stays_what_it_is(store, tmp_path, more):
    root, one, two = store
    link = root / "envs" / "ai"
    run(link, f"import json, venv; venv.main({[*more, '--without-pip', str(tmp_path / 'mine')]!r}); print(json.dumps(0))")
    assert f"home = {one}/bin" in (tmp_path / "mine" / "pyvenv.cfg").read_text()
    shown = run(tmp_path / "mine", SHOW)
    assert shown["prefixes"] == sorted([str(one), str(tmp_path / "mine")])
    assert shown["executable"] == str(tmp_path / "mine" / "bin" / "python")
    assert any(path.endswith("/more") for path in shown["path"]) == bool(more)
    if more:
        *numbers, library = run(tmp_path / "mine", LATE.format(link=str(link), other=str(two)))
        assert numbers == [1, 1, 1] and library.startswith(f"{one}/")


def test_a_virtual_environment_that_names_the_link_is_in_the_generation_as_long_as_it_runs(store, tmp_path):
    """Made without our module, by hand or with -S: its base is pinned, what it has of its own is not touched."""
    root, one, two = store
    link = root / "envs" / "ai"
    (tmp_path / "mine" / "bin").mkdir(parents=True)
    (tmp_path / "mine" / "bin" / "python").symlink_to(link / "bin" / "python")
    (tmp_path / "mine" / "pyvenv.cfg").write_text(f"home = {link}/bin\ninclude-system-site-packages = true\n")
    shown = run(tmp_path / "mine", SHOW)
    assert shown["prefixes"] == sorted([str(one), str(tmp_path / "mine")])
    assert shown["executable"] == str(tmp_path / "mine" / "bin" / "python")
    code = LATE.format(link=str(link), other=str(two)).replace("[sys.executable,", "['/bin/sh', '-c', 'echo 7',")
    *numbers, library = run(tmp_path / "mine", code)
    assert numbers == [1, 1, 7] and library.startswith(f"{one}/")


def test_processes_that_python_starts_are_in_the_generation(store, tmp_path):
    root, one, two = store
    script = tmp_path / "script.py"
    script.write_text(
        "import json, multiprocessing, os\n"
        "def number(_): import late; return late.NUMBER, os.readlink('/proc/self/exe')\n"
        "if __name__ == '__main__':\n"
        f"    os.unlink({str(root / 'envs' / 'ai')!r}); os.symlink({str(two)!r}, {str(root / 'envs' / 'ai')!r})\n"
        "    for how in ('spawn', 'forkserver'):\n"
        "        with multiprocessing.get_context(how).Pool(1) as pool: print(json.dumps(pool.map(number, [0])[0]))\n"
    )
    answer = subprocess.run([root / "envs" / "ai" / "bin" / "python", script], env=CLEAN, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
    assert [json.loads(line) for line in answer.stdout.splitlines()] == [[1, f"{one}/bin/{PYTHON}"]] * 2


def test_a_home_elsewhere_is_left_alone(store):
    root, _one, _two = store
    elsewhere = make_generation(root, 3, "other")
    shown = run(root / "envs" / "ai", SHOW, variables={"PYTHONHOME": str(elsewhere)})
    assert shown["prefixes"] == [str(elsewhere)]
    shown = run(root / "envs" / "ai", SHOW, variables={"PYTHONHOME": sys.base_prefix})
    assert shown["prefixes"] == [sys.base_prefix]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/opt/lockstep/generations/0123456789abcdef/envs/ai/bin/python3.11", ("/opt/lockstep", "0123456789abcdef", "ai")),
        ("/generations/0123456789abcdef-12/envs/envs/x", ("", "0123456789abcdef-12", "envs")),
        ("/generations/x/generations/0123456789abcdef/envs/generations/bin/p", ("/generations/x", "0123456789abcdef", "generations")),
        ("/opt/lockstep/generations/0123456789abcdef/envs/ai", None),
        ("/opt/lockstep/generations/0123456789abcde/envs/ai/bin/python", None),
        ("/opt/lockstep/generations/0123456789abcdefg/envs/ai/bin/python", None),
        ("/opt/lockstep/envs/ai/bin/python", None),
        ("/usr/bin/python3.11", None),
        ("", None),
    ],
)
def test_paths_of_generations(path, expected):
    assert startup_program._split(path) == expected


def test_outside_of_a_generation_nothing_happens():
    before = (sys.prefix, sys.executable, list(sys.path))
    startup_program.stay()
    assert (sys.prefix, sys.executable, list(sys.path)) == before


def test_whatever_is_wrong_python_starts(monkeypatch):
    monkeypatch.setattr(startup_program.os, "readlink", lambda path: 1 / 0)
    startup_program.stay()
