# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every archive came through the proxy, from where the mirrors say, and nothing secret is left anywhere."""

from __future__ import annotations

import base64
import json
import os
import pathlib
import re
import subprocess
import sys

import pytest
import testinfra
import yaml

HERE = pathlib.Path(__file__).resolve().parent
PROJECT = HERE.parents[1]
VARS = yaml.safe_load((PROJECT / "build/bed/vars.yml").read_text(encoding="utf-8"))
SECRETS = {
    name: value
    for name, value in yaml.safe_load((HERE / "inventory/hosts.yml").read_text(encoding="utf-8"))["all"]["vars"].items()
    if name.startswith("secret_")
}


def connect(request, name):
    return testinfra.get_host(f"ansible://{name}", ansible_inventory=request.config.getoption("--ansible-inventory"))


@pytest.fixture(scope="module")
def client(request):
    return connect(request, "client01")


@pytest.fixture(scope="module")
def services(request):
    return connect(request, "services01")


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Return the folder in which Ansible keeps what is temporary on the controller."""
    return tmp_path_factory.mktemp("ansible")


@pytest.fixture(scope="module")
def attempts(home, tmp_path_factory):
    """Return what Ansible says, as loudly as it can, while things go wrong and right."""
    command = [str(pathlib.Path(sys.executable).parent / "ansible-playbook"), "-vvv", "--diff"]
    command += [f"--inventory={HERE / 'inventory'}", str(HERE / "attempts.yml")]
    results = tmp_path_factory.mktemp("results")  # of the scenario's callback, which is none of ours here
    environment = {**os.environ, "ANSIBLE_HOME": str(home), "ANSIBLE_LOCAL_TEMP": str(home / "tmp"), "SCENARIO_RESULTS": str(results)}
    return subprocess.run(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)


def test_each_attempt_ends_as_it_should(attempts):
    assert attempts.returncode == 0, [line[:1500] for line in attempts.stdout.splitlines() if "evaluated_to" in line or "ERROR" in line]
    assert "Traceback" not in attempts.stdout


@pytest.mark.parametrize("name", sorted(SECRETS))
def test_no_output_holds_a_secret(attempts, name):
    lines = [line for line in attempts.stdout.splitlines() if SECRETS[name] in line]
    assert not lines, lines[0][:2000]


def test_the_host_keeps_no_secret(client, attempts):
    assert attempts.stdout
    basic = base64.b64encode(f"fleet:{SECRETS['secret_basic']}".encode()).decode()[8:20]
    # Written so that the command, which sudo writes to the journal, does not match itself.
    patterns = " ".join(f"-e '{word[:-1]}[{word[-1]}]'" for word in ("Sesame-", basic))
    places = "/opt /root /home /tmp /var /etc /run /dev/shm /usr/local"
    found = client.run(f"find {places} -xdev -type f ! -path /etc/bed-netrc -print0 | xargs -0 grep -laE {patterns} 2>/dev/null")
    assert found.stdout == ""
    # The search does find what is there.
    assert client.run(f"grep -laE {patterns} /etc/bed-netrc").stdout.split() == ["/etc/bed-netrc"]
    assert client.run(f"journalctl --no-pager --output=export | grep -aE {patterns}").stdout == ""
    assert client.run("find /tmp /home /root /run/lockstep-jobs -name 'packages.json' -o -name 'ansible-tmp-*'").stdout == ""


def test_the_controller_keeps_no_secret(home, attempts):
    assert attempts.stdout and home.is_dir()
    assert not [path for path in home.rglob("*") if path.is_file() and b"Sesame" in path.read_bytes()]


def test_each_kind_of_download_came_through_the_proxy(services):
    log = services.run("cat /var/log/nginx/bed.log").stdout.splitlines()
    fetched = {tuple(line.split()[1:4]) for line in log}
    assert {line.split()[0] for line in log} == {"127.0.0.1"}  # where the proxy is
    expected = [
        ("basic.bed.test", "/installers/Miniconda3-.*\\.sh"),
        ("basic.bed.test", "/channel/noarch/bed-greeter-1.*\\.conda"),
        ("netrc.bed.test", "/wheels/einops-.*\\.whl"),
        ("bearer.bed.test", "/wheels/py_rattler-.*\\.whl"),
        ("bearer.bed.test", "/wheels/uv-.*\\.whl"),
        ("bearer.bed.test", "/channel/noarch/bed-greeter-2.*\\.conda"),
        ("token.bed.test", "/t/.*/channel/linux-64/python-3.*\\.conda"),
    ]
    for server, path in expected:
        assert any(one == server and status == "200" and re.fullmatch(path, what) for one, status, what in fetched), path
    tunnels = services.run("journalctl --no-pager --unit=tinyproxy").stdout
    for server in {server for server, _path in expected}:
        assert f"CONNECT {server}:443" in tunnels


@pytest.mark.parametrize("address", ["10.88.70.2:80", "10.88.70.12:443", "conda.bed.test:80"])
def test_nothing_is_reached_past_the_proxy(client, address):
    server, _colon, port = address.partition(":")
    program = f"import socket; socket.create_connection(('{server}', {port}), 3)"
    assert client.run(f'python3 -c "{program}"').rc != 0


def records(client, name):
    program = f"import glob, json; print(json.dumps([json.load(open(p)) for p in glob.glob('/opt/lockstep/envs/{name}/conda-meta/*.json')]))"
    return {record["name"]: record for record in json.loads(client.check_output(f'python3 -c "{program}"'))}


def sealed(client, name):
    return json.loads(client.check_output(f"cat $(readlink -f /opt/lockstep/envs/{name})/../../seal.json"))


def test_records_name_the_lock_s_own_address(client):
    for name, base in (("mirrored", "https://conda.example.invalid"), ("md5", "https://token.bed.test")):
        assert {record["url"].rpartition("/channel/")[0] for record in records(client, name).values()} == {base}
    assert records(client, "beside")["packaging"]["url"].startswith("file://controller/noarch/packaging-")
    assert "pypi.example.invalid" in json.dumps(sealed(client, "mirrored"))
    assert "basic.bed.test" not in json.dumps(sealed(client, "mirrored"))


def test_what_was_locked_by_md5_is_recorded_with_its_sha256(client):
    locked = yaml.safe_load((pathlib.Path(VARS["bed_locks"]) / "tiny/conda-lock.yml").read_text(encoding="utf-8"))
    wanted = {entry["name"]: entry["hash"]["sha256"] for entry in locked["package"]}
    assert {name: record["sha256"] for name, record in records(client, "md5").items()} == wanted
    text = json.dumps(sealed(client, "md5"))
    assert all(sha256 in text for sha256 in wanted.values())
