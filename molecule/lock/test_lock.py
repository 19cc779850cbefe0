# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts have what the environment.yml asks for, and the controller's part behaves, by the playbook that people type."""

from __future__ import annotations

import json
import os
import pathlib
import shutil
import subprocess
import sys
import typing as t

import pytest
import yaml

HERE = pathlib.Path(__file__).resolve().parent
PROJECT = HERE.parents[1]
WORK = PROJECT / "build/molecule/lock/work"
PASSWORD = "bed-private"
WRONG = "wrong-Sesame-7"
WEB = "http://10.88.80.2"
# The bed's Python needs Debian 12's C library.
GLIBC = ("-e", '{"conda_lock_virtual_packages": {"linux-64": {"__glibc": "2.36"}}}')


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> pathlib.Path:
    return tmp_path_factory.mktemp("ansible")


@pytest.fixture
def play(home, tmp_path) -> t.Callable[..., subprocess.CompletedProcess[str]]:
    """Return what runs a playbook of the collection as people do."""

    def run(playbook: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(**command(home, tmp_path, playbook, *arguments), check=False)

    return run


def command(home: pathlib.Path, results: pathlib.Path, playbook: str, *arguments: str) -> dict[str, t.Any]:
    program = str(pathlib.Path(sys.executable).parent / "ansible-playbook")
    environment = {
        **os.environ,
        "ANSIBLE_FORCE_COLOR": "0",
        "ANSIBLE_HOME": str(home),
        "ANSIBLE_LOCAL_TEMP": str(home / "tmp"),
        "SCENARIO_RESULTS": str(results),  # of the scenario's callback, which is none of ours here
        "XDG_CACHE_HOME": str(home / "cache"),
    }
    argv = [program, "-vvv", "--diff", f"--inventory={HERE / 'inventory'}", playbook, *arguments]
    return {"args": argv, "env": environment, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}


def message(answer: subprocess.CompletedProcess[str]) -> str:
    """Return what a failed run said, in one line; it is an error and no crash."""
    assert answer.returncode != 0, answer.stdout[-3000:]
    assert "Traceback" not in answer.stdout
    return " ".join(answer.stdout.split())


@pytest.fixture
def inputs(tmp_path) -> pathlib.Path:
    """Return a copy of what people wrote, with its lock."""
    return pathlib.Path(shutil.copytree(WORK / "ai", tmp_path / "ai"))


def requests() -> int:
    """Return how many requests the web server has had."""
    program = [sys.executable, str(PROJECT / "tests/testbed/bed.py"), "exec", str(HERE / "inventory/hosts.yml"), "web", "--"]
    return int(subprocess.run([*program, "sh", "-c", "wc -l < /var/log/nginx/access.log"], capture_output=True, check=True).stdout)


def change(file: pathlib.Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")


def test_the_environment_has_what_was_asked_for(host):
    wanted = yaml.safe_load((WORK / "ai/environment.yml").read_text(encoding="utf-8"))["dependencies"]
    version = next(spec for spec in wanted if str(spec).startswith("bed-greeter==")).partition("==")[2]
    assert host.run("/opt/lockstep/envs/ai/bin/bed-greeter").stdout == f"hello from bed-greeter {version}\n"
    assert host.run("/opt/lockstep/envs/ai/bin/python -c 'import einops; print(einops.__version__)'").stdout == "0.8.2\n"


def test_its_variables_are_set_where_it_is_activated(host):
    activated = "bash -lc 'conda activate /opt/lockstep/envs/ai && printf %s \"$BED_GREETING\"'"
    assert host.run(activated).stdout == "good morning"
    assert host.run("/opt/miniconda3/bin/conda run -p /opt/lockstep/envs/ai printenv BED_GREETING").stdout.strip() == "good morning"


def test_an_input_that_has_not_changed_is_locked_without_network(play):
    before = (WORK / "ai/conda-lock.yml").read_bytes()
    asked = requests()
    answer = play("lockstep.gpufleet.lock")
    assert answer.returncode == 0, answer.stdout[-3000:]
    assert "changed=1" not in answer.stdout
    assert requests() == asked
    assert (WORK / "ai/conda-lock.yml").read_bytes() == before


def environments(inputs: pathlib.Path) -> tuple[str, str]:
    """Return the arguments that make ``inputs`` what all hosts use."""
    return "-e", f'{{"conda_env_environments": [{{"name": "ai", "file": "{inputs}/environment.yml"}}]}}'


@pytest.fixture
def gone(tmp_path) -> str:
    """Return the argument that adds a host that nobody reaches."""
    inventory = tmp_path / "gone.yml"
    inventory.write_text("fleet: {hosts: {gone01: {ansible_host: 10.88.80.99, ansible_ssh_timeout: 2}}}\n", encoding="utf-8")
    return f"--inventory={inventory}"


def test_a_lock_stays_where_only_some_hosts_are_asked(play, inputs, gone):
    (inputs / "conda-lock.yml").unlink()
    assert play("lockstep.gpufleet.lock", *environments(inputs)).returncode == 0
    before = (inputs / "conda-lock.yml").read_bytes()
    for arguments in (["--limit=lock02"], [gone], ["-e", f"file={inputs}/environment.yml"]):
        answer = play("lockstep.gpufleet.lock", *environments(inputs), *arguments)
        assert answer.returncode == 0, answer.stdout[-3000:]
        assert "changed=1" not in answer.stdout and (inputs / "conda-lock.yml").read_bytes() == before
    version = "1.0" if b"bed-greeter-1.0" in before else "2.0"
    change(inputs / "environment.yml", f"bed-greeter=={version}", f"bed-greeter=={'2.0' if version == '1.0' else '1.0'}")
    answer = play("lockstep.gpufleet.lock", *environments(inputs), gone)
    assert answer.returncode == 0, answer.stdout[-3000:]
    said = " ".join(answer.stdout.split())
    assert "of the hosts that use it, gone01 (unreachable) did not tell what it has: the lock stays for what it was made for" in said


def test_a_first_lock_is_not_made_without_hosts_that_use_it(play, inputs, gone):
    (inputs / "conda-lock.yml").unlink()
    said = message(play("lockstep.gpufleet.lock", *environments(inputs), "--limit=lock02"))
    assert "lock01 (not asked) did not tell what it has, and there is no lock yet" in said
    said = message(play("lockstep.gpufleet.lock", *environments(inputs), gone))
    assert "gone01 (unreachable) did not tell what it has, and there is no lock yet" in said
    assert not (inputs / "conda-lock.yml").exists()


def test_the_same_input_gives_the_same_bytes(play, inputs):
    (inputs / "conda-lock.yml").unlink()
    arguments = ("-e", f"file={inputs}/environment.yml", *GLIBC)
    assert play("lockstep.gpufleet.lock", *arguments).returncode == 0
    first = (inputs / "conda-lock.yml").read_bytes()
    (inputs / "conda-lock.yml").unlink()
    assert play("lockstep.gpufleet.lock", *arguments).returncode == 0
    assert (inputs / "conda-lock.yml").read_bytes() == first


def test_check_mode_names_the_packages_and_writes_nothing(play, inputs):
    (inputs / "conda-lock.yml").unlink()
    arguments = ("-e", f"file={inputs}/environment.yml", *GLIBC)
    assert play("lockstep.gpufleet.lock", *arguments).returncode == 0
    before = (inputs / "conda-lock.yml").read_bytes()
    version = "1.0" if "bed-greeter==1.0" in (inputs / "environment.yml").read_text(encoding="utf-8") else "2.0"
    other = {"1.0": "2.0", "2.0": "1.0"}[version]
    change(inputs / "environment.yml", f"bed-greeter=={version}", f"bed-greeter=={other}")
    answer = play("lockstep.gpufleet.lock", *arguments, "--check")
    assert answer.returncode == 0, answer.stdout[-3000:]
    lines = [line for line in answer.stdout.splitlines() if line.startswith(("-linux-64", "+linux-64"))]
    assert lines == [f"-linux-64: bed-greeter {version} pyhbed_0", f"+linux-64: bed-greeter {other} pyhbed_0"]
    assert (inputs / "conda-lock.yml").read_bytes() == before


def test_a_lock_that_was_edited_by_hand_is_refused(play, inputs):
    change(inputs / "conda-lock.yml", "version: 0.8.2", "version: 0.8.1")
    change(inputs / "conda-lock.yml", "einops-0.8.2-", "einops-0.8.1-")
    assert "conda-lock.yml was edited by hand" in message(play("lockstep.gpufleet.lock", "-e", f"file={inputs}/environment.yml"))


def test_hosts_are_not_touched_with_a_lock_that_is_older_than_its_input(play, inputs):
    change(inputs / "environment.yml", "packaging==26.3", "packaging")
    environments = f'{{"conda_env_environments": [{{"name": "ai", "file": "{inputs}/environment.yml"}}]}}'
    said = message(play("lockstep.gpufleet.provision", "--tags=conda_env", "-e", environments))
    assert f"conda-lock.yml was made before {inputs}/environment.yml was changed. Lock it: ansible-playbook" in said
    (inputs / "conda-lock.yml").unlink()
    said = message(play("lockstep.gpufleet.provision", "--tags=conda_env", "-e", environments))
    assert "environment.yml is not locked yet" in said


def test_two_runs_at_once_make_one_lock(home, tmp_path, inputs):
    (inputs / "conda-lock.yml").unlink()
    runs = []
    for number in range(2):
        results = tmp_path / str(number)
        results.mkdir()
        arguments = command(home / str(number), results, "lockstep.gpufleet.lock", "-e", f"file={inputs}/environment.yml", *GLIBC)
        arguments["env"]["XDG_CACHE_HOME"] = str(home / "cache")
        runs.append(subprocess.Popen(**arguments))
    said = [run.communicate()[0] for run in runs]
    assert [run.returncode for run in runs] == [0, 0], said
    assert sorted("what is wanted has not changed" in text for text in said) == [False, True]
    assert [file.name for file in inputs.iterdir() if "environment" not in file.name] == ["conda-lock.yml"]


@pytest.mark.parametrize(
    ("channel", "says"),
    [
        ("http://10.88.80.2/nowhere", "10.88.80.2/nowhere"),
        ("http://10.88.80.99/channel", "10.88.80.99/channel"),
        (f"{WEB}/private/channel", "401"),
        (f"http://fleet:{WRONG}@10.88.80.2/private/channel", "401"),
    ],
)
def test_a_channel_that_cannot_be_asked_is_one_clear_error(play, inputs, channel, says):
    change(inputs / "environment.yml", "http://10.88.80.2/channel", channel)
    answer = play("lockstep.gpufleet.lock", "-e", f"file={inputs}/environment.yml", "-e", "conda_lock_timeout=3")
    said = message(answer)
    assert says in said and "environment.yml" in said
    assert WRONG not in answer.stdout


def test_a_private_channel_is_asked_with_credentials_that_are_nowhere(play, inputs):
    change(inputs / "environment.yml", "http://10.88.80.2/channel", f"{WEB}/private/channel")
    change(inputs / "environment.yml", f"{WEB}/wheels/", f"{WEB}/private/wheels/")
    credentials = f'{{"conda_lock_credentials": {{"10.88.80.2": {{"username": "fleet", "password": "{PASSWORD}"}}}}}}'
    (inputs / "credentials.json").write_text(credentials, encoding="utf-8")
    answer = play("lockstep.gpufleet.lock", "-e", f"file={inputs}/environment.yml", "-e", f"@{inputs}/credentials.json", *GLIBC)
    assert answer.returncode == 0, answer.stdout[-3000:]
    assert PASSWORD not in answer.stdout
    text = (inputs / "conda-lock.yml").read_text(encoding="utf-8")
    assert f"{WEB}/private/channel/noarch/bed-greeter" in text and f"{WEB}/private/wheels/einops" in text
    assert PASSWORD not in text


def test_without_py_rattler_the_error_says_what_to_install(play, inputs):
    change(inputs / "environment.yml", "packaging==26.3", "packaging==26.*")
    arguments = ("-e", f"file={inputs}/environment.yml", "-e", "conda_lock_controller_python=/usr/bin/python3")
    assert "/usr/bin/python3 -m pip install py-rattler==0.28.0 uv" in message(play("lockstep.gpufleet.lock", *arguments))


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("torch_conda", {"linux-64": {"__glibc": "2.36", "__cuda": "12.9"}}),
        ("torch_pypi", {platform: {"__glibc": "2.36", "__cuda": "13.0"} for platform in ("linux-64", "linux-aarch64")}),
    ],
)
def test_the_examples_are_locked_as_they_say(play, tmp_path, name, options):
    folder = pathlib.Path(shutil.copytree(PROJECT / "examples/environments" / name, tmp_path / name))
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    variables = {"conda_lock_platforms": list(options), "conda_lock_virtual_packages": options}
    arguments = ("-e", f"file={folder}/environment.yml", "-e", json.dumps(variables))
    answer = play("lockstep.gpufleet.lock", *arguments, "-e", "conda_lock_proxy=http://127.0.0.1:9")  # nothing can be asked
    assert answer.returncode == 0, answer.stdout[-3000:]
    assert "what is wanted has not changed" in answer.stdout
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before


def test_rollback_wants_to_know_which_environment(play):
    assert "Say which environment: -e env=NAME." in message(play("lockstep.gpufleet.rollback"))
