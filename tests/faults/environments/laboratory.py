# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host with an environment, a user's job in it, a server with moods, and the judgement that follows each fault."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import re
import ssl
import subprocess
import typing as t
import urllib.request

import yaml

from faults.hosts import PROJECT, Host, Run

HERE = pathlib.Path(__file__).resolve().parent
ON_HOST = (HERE / "on_host.py").read_text(encoding="utf-8")
VARS = yaml.safe_load((PROJECT / "build/bed/vars.yml").read_text(encoding="utf-8"))
#: Nothing secret is said to the server of the test.
UNVERIFIED = ssl._create_unverified_context()

#: Past nginx, so that a reset is one.
SERVER = "http://conda.bed.test:8081/fault/mood"

PLAYBOOK = """\
- name: Attack
  hosts: all
  gather_facts: false
  tasks:
%s
"""
TASK = """\
    - name: Run %d
      lockstep.gpufleet.conda_env: %s
      register: run_%d
      ignore_errors: %s
    - name: Say how run %d ended
      ansible.builtin.debug:
        msg: "ENDED {{ run_%d | to_json }} ."
"""

#: A user's job: it imports late, and ends with an error if it sees a file of its environment change.
JOB = """
import glob, importlib, os, sys, time
def files():
    found = {}
    for folder, _folders, names in os.walk(os.getcwd()):
        for name in names:
            status = os.lstat(os.path.join(folder, name))
            found[os.path.join(folder, name)] = (status.st_ino, status.st_size, status.st_mtime_ns)
    return found
begun = files()
late = sorted(os.path.basename(path)[:-3] for path in glob.glob(os.path.join(os.path.dirname(os.__file__), "c*.py")))
while True:
    for name in late:
        importlib.import_module(name)
        time.sleep(0.3)
        if files() != begun:
            sys.exit("a file has changed")
    for name in late:
        sys.modules.pop(name, None)
"""


@dataclasses.dataclass
class Lab(Host):
    """The host under attack. ``root``: its store. ``server``: where the program that makes the faults is told what to do."""

    root: str = "/opt/lockstep"
    server: str = "http://%s.2:8081/%s"

    # What runs do

    def options(self, name: str, lock: pathlib.Path, **options: t.Any) -> dict[str, t.Any]:
        """Return the module's options that give the environment ``name`` the lock ``lock``."""
        chosen = {"environments": [{"name": name, "lock": str(lock)}], "base": "/usr", "root": self.root}
        return {**chosen, "engine_mirror": VARS["bed_wheels"], "timeout": 3, "retries": 1, **options}

    def begin(self, *runs: dict[str, t.Any], check: bool = False, python: str = "/usr/bin/python3", again: str = "") -> Run:
        """Start one playbook that runs the module with each of these options, whatever becomes of the one before."""
        tasks = [
            TASK % (number, json.dumps(options), number, "true", number, number) for number, options in enumerate(runs, 1)
        ]
        if again:
            self.scratch = self.scratch.parent / f"{self.scratch.name}{again}"
            self.scratch.mkdir()
        flags = ["--check"] if check else []
        return self.start_playbook(PLAYBOOK % "".join(tasks), *flags, ansible_python_interpreter=python)

    def apply(self, *runs: dict[str, t.Any], **how: t.Any) -> list[dict[str, t.Any]]:
        """Run the module with each of these options, one after the other; return the results."""
        run = self.begin(*runs, **how)
        run.wait(300)
        return results(run)

    # What lies there

    def program(self, *arguments: str) -> subprocess.Popen[str]:
        """Start ``on_host.py`` on the host's console."""
        argv, environment = self.on_console("python3", "-", *arguments)
        process = subprocess.Popen(
            argv, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert process.stdin is not None
        process.stdin.write(ON_HOST)
        process.stdin.close()
        process.stdin = None
        return process

    def observe(self, name: str) -> dict[str, t.Any]:
        """Return what ``on_host.observe`` says of the environment ``name``."""
        said, wrong = self.program("observe", self.root, name).communicate(timeout=120)
        assert said, wrong
        return json.loads(said)

    def strike(self, **plan: t.Any) -> Strike:
        """Lie in wait for the next run: returns as soon as the program on the host watches."""
        process = self.program("strike", self.root, json.dumps(plan))
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n", process.communicate()
        return Strike(process)

    # The server

    def mood(self, *lines: str) -> None:
        """Have the server treat files as ``lines`` say (``KIND PART-OF-PATH``), and forget what it was asked for."""
        self.ask_server("mood", "\n".join(lines).encode())

    def fetched(self) -> list[str]:
        """Return the files that hosts asked for since the last ``mood``."""
        return self.ask_server("asked").splitlines()

    def ask_server(self, what: str, content: bytes | None = None) -> str:
        """Talk with the program that makes the faults."""
        network = self.address.rpartition(".")[0]
        with urllib.request.urlopen(self.server % (network, what), content, 20, context=UNVERIFIED) as answer:
            return answer.read().decode()


@dataclasses.dataclass
class Strike:
    """A program that lies in wait on the host."""

    process: subprocess.Popen[str]

    def result(self) -> dict[str, t.Any]:
        """Return what was struck and when: see ``on_host.strike``."""
        said, wrong = self.process.communicate(timeout=150)
        assert said, wrong
        return json.loads(said)


def results(run: Run) -> list[dict[str, t.Any]]:
    """Return the module's results out of what ansible-playbook printed."""
    found = re.findall(r'"msg": "ENDED (.*) \."', run.output)
    return [json.loads(json.loads(f'"{text}"')) for text in found]


def write_lock(
    path: pathlib.Path, lock: str, wheels: t.Sequence[str] = (), only: t.Sequence[str] = (), server: str = SERVER
) -> pathlib.Path:
    """Write an explicit list of the packages of the bed's lock ``lock``, to be fetched from ``server``.

    ``wheels``: names of pip packages of the bed's large lock, to come along. ``only``: these conda packages and no others.
    """
    locks = pathlib.Path(VARS["bed_locks"])
    lines = ["# platform: linux-64", "@EXPLICIT"]
    for line in (locks / lock / "explicit.txt").read_text().splitlines():
        name = line.rsplit("/", 1)[-1].rsplit("-", 2)[0]
        if line.startswith("http") and (not only or name in only):
            lines.append(line)
    for entry in yaml.safe_load((locks / "ai_env" / "conda-lock.yml").read_text())["package"]:
        if entry["manager"] == "pip" and entry["platform"] == "linux-64" and entry["name"] in wheels:
            lines.append(f"# pip {entry['name']} @ {entry['url']}#sha256={entry['hash']['sha256']}")
    path.write_text("\n".join(lines).replace("http://conda.bed.test/", f"{server}/") + "\n")
    return path


def archives_of(lock: pathlib.Path) -> dict[str, str]:
    """Return the sha256 of every archive of an explicit list by its path on the server."""
    found = re.findall(r"(?:^|@ )\S+?/fault/mood/(\S+?)#(?:sha256=)?([0-9a-f]{64})", lock.read_text(), re.MULTILINE)
    return dict(found)
