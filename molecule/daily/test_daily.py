# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""What people without rights do, each over SSH with an account of their own. docs/daily.md says it in the same words."""

from __future__ import annotations

import json
import pathlib
import shlex
import subprocess

import pytest

BED = pathlib.Path(__file__).parents[2] / "build" / "bed"
ADDRESS = "10.88.87.11"
WHEELS = "--no-index --find-links http://10.88.87.2/wheels/ --trusted-host 10.88.87.2"
AI = "/opt/lockstep/envs/ai_env"
WHERE = "python -c 'import sys; print(sys.prefix)'"
CONTACT = "#ml-platform, or ml-platform@example.org"


def ssh(user, command, *options, said=""):
    """Run a command as sshd runs what somebody puts behind the host's name."""
    return subprocess.run(
        [
            *("ssh", "-i", str(BED / "id_ed25519"), "-o", f"UserKnownHostsFile={BED / 'known_hosts.d' / '87'}"),
            *("-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes", *options, f"{user}@{ADDRESS}", *([command] if command else [])),
        ],
        input=said,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def tell(user, command):
    """Return the last line of what a command says that has to succeed."""
    done = ssh(user, command)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.rstrip("\n").splitlines()[-1]


def execute(user, kernel, code):
    """Execute a cell as the user's notebook would, with a Jupyter of the environment."""
    return tell(user, f"printf %s {shlex.quote(code)} | {AI}/bin/jupyter run --kernel {kernel}")


@pytest.fixture(name="generation", scope="module")
def generation_fixture():
    return tell("mia", f"readlink -f {AI}")


# mia has bash and was there before the first run; noa has bash and zoe zsh, and both came afterwards.
SHELLS = {
    "ssh host, then typed": None,
    "ssh host 'bash -lc …'": "bash -lc {}",
    "ssh host '…'": "{plain}",
    "a terminal of VS Code": "env -i HOME=$HOME USER=$USER TERM=xterm bash -ic {}",
    "a terminal of VS Code, zsh": "env -i HOME=$HOME USER=$USER TERM=xterm zsh -ic {}",
    "a login shell, zsh": "env -i HOME=$HOME USER=$USER TERM=xterm zsh -lc {}",
    "a command, zsh": "zsh -c {}",
    "a login shell, sh": "sh -lc {}",
}


@pytest.mark.parametrize("user", ["mia", "noa", "zoe"])
@pytest.mark.parametrize("how", SHELLS.values(), ids=SHELLS.keys())
def test_conda_is_there_in_every_shell_of_everybody(user, how, generation):
    code = f"conda activate ai_env && {WHERE} && conda env list"
    if how is None:
        done = ssh(user, "", "-tt", said=f"{code}; exit\n")
    else:
        done = ssh(user, how.replace("{plain}", code).replace("{}", shlex.quote(code)))
    lines = [line.strip() for line in done.stdout.splitlines()]
    assert generation in lines, done.stdout + done.stderr
    listed = {line.split()[0] for line in lines if "/opt/lockstep/envs/" in line}
    assert {"ai_env", "team"} <= {pathlib.PurePath(name).name for name in listed}, done.stdout


@pytest.mark.parametrize("user", ["mia", "noa", "zoe"])
def test_nobodys_dotfiles_were_written(host, user):
    differing = f"cd /etc/skel && find . -type f -exec cmp {{}} /home/{user}/{{}} ';'"
    assert host.check_output(differing) == ""
    known = {"./.bash_logout", "./.bashrc", "./.profile"}
    if user == "zoe":
        assert host.file("/home/zoe/.zshrc").content_string == "# Mine.\n"
        known.add("./.zshrc")
    files = set(host.check_output(f"cd /home/{user} && find . -maxdepth 1 -type f").split())
    assert not {name for name in files - known if "rc" in name or "profile" in name or "env" in name}, files


def test_shells_are_as_quiet_as_before():
    for user in ("mia", "zoe"):
        done = ssh(user, "true")
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        done = ssh(user, "cat > copied && cat copied", said="bytes\n")  # as scp and rsync talk
        assert (done.stdout, done.stderr) == ("bytes\n", "")


def test_first_way_what_was_locked_and_provisioned_is_there_for_everybody():
    assert tell("noa", "conda activate team && bed-greeter") == "hello from bed-greeter 2.0"


def test_second_way_an_overlay_and_its_kernel(generation):
    overlay = "~/ai_env-and-mine"
    tell("noa", f"{AI}/bin/python -m venv --clear --system-site-packages {overlay} && echo done")
    tell("noa", f"{overlay}/bin/python -m pip install {WHEELS} uv")
    tell("noa", f"{overlay}/bin/python -m ipykernel install --user --name ai_env-and-mine --display-name Mine --env PYTHONNOUSERSITE 1")
    code = (
        "import json, sys, numpy, uv, site; "
        "print(json.dumps([sys.prefix, sys.base_prefix, numpy.__file__, uv.__file__, bool(site.ENABLE_USER_SITE)]))"
    )
    prefix, base, shared, own, user_site = json.loads(execute("noa", "ai_env-and-mine", code))
    assert (prefix, base, user_site) == ("/home/noa/ai_env-and-mine", generation, False)
    assert shared.startswith(generation + "/") and own.startswith(prefix + "/")
    seen = json.loads(ssh("noa", f"{AI}/bin/jupyter kernelspec list --json").stdout)["kernelspecs"]
    assert seen["ai_env-and-mine"]["spec"]["display_name"] == "Mine"
    assert "ai_env" in seen, "the shared kernel is there as before"
    assert "ai_env-and-mine" not in ssh("mia", f"{AI}/bin/jupyter kernelspec list").stdout, "it is nobody else's"


def test_third_way_an_environment_of_ones_own():
    done = ssh("noa", "conda create -y -n mine python==3.11.2 packaging==26.3 bed-greeter==1.0")
    assert done.returncode == 0, done.stdout + done.stderr
    assert tell("noa", f"conda activate mine && {WHERE}") == "/home/noa/.conda/envs/mine"
    assert tell("noa", "conda activate mine && bed-greeter") == "hello from bed-greeter 1.0"
    assert tell("noa", "ls -d ~/.conda/pkgs/bed-greeter-1.0*/info | wc -l") == "1"
    listed = ssh("noa", "conda env list").stdout
    assert "/home/noa/.conda/envs/mine" in listed and "/opt/lockstep/envs/ai_env" in listed
    assert tell("noa", "conda install -y -n mine bed-greeter==2.0 >/dev/null && conda activate mine && bed-greeter") == (
        "hello from bed-greeter 2.0"
    )


def test_third_way_a_copy_is_its_owners(generation):
    done = ssh("noa", f"conda create -y -n copy --clone $(readlink -f {AI})")
    assert done.returncode == 0, done.stdout + done.stderr
    copy = "/home/noa/.conda/envs/copy"
    code = "import json, os, sys, numpy, humanize; print(json.dumps([sys.prefix, numpy.__file__, humanize.__file__, os.environ['CONDA_PREFIX']]))"
    told = json.loads(tell("noa", f"conda activate copy && python -c {shlex.quote(code)}"))
    assert told[0] == told[3] == copy
    assert all(path.startswith(copy + "/") for path in told[1:3]), "neither of conda's nor of pip's packages is the shared one"
    assert tell("noa", "conda activate copy && command -v python") == copy + "/bin/python"
    assert tell("noa", f"head -1 {copy}/bin/tabulate") == f"#!{copy}/bin/python", "a console script that came by pip"
    tell("noa", f"conda activate copy && python -m pip install {WHEELS} uv")
    assert tell("noa", f"{copy}/bin/python -c 'import uv; print(uv.__file__)'").startswith(copy + "/")
    assert ssh("noa", f"{AI}/bin/python -c 'import uv'").returncode != 0, "the shared one is as before"
    assert tell("noa", f"readlink -f {AI}") == generation


def test_a_copy_by_name_stays_itself_too():
    """conda writes the copy's prefix over the link's there, not over the generation's."""
    done = ssh("mia", "conda create -y -n copy --clone team")
    assert done.returncode == 0, done.stdout + done.stderr
    copy = "/home/mia/.conda/envs/copy"
    assert tell("mia", f"conda activate copy && {WHERE} && command -v python") == f"{copy}/bin/python"
    assert tell("mia", f"conda activate copy && {WHERE}") == copy
    assert tell("mia", "conda activate team && conda activate copy && echo $CONDA_PREFIX") == copy


WAYS = (
    "The environment ai_env is managed by Ansible (lockstep.gpufleet.conda_env)",
    "added to its environment.yml, locked, and provisioned (lockstep.gpufleet.provision)",
    f"Whom to ask: {CONTACT}",
    f"{AI}/bin/python -m venv --system-site-packages ~/ai_env-and-mine",
    "~/ai_env-and-mine/bin/python -m ipykernel install --user --name ai_env-and-mine",
    "conda create -n mine, or",
    f"conda create -n mine --clone $(readlink -f {AI})",
)


def test_pip_refuses_and_names_the_ways():
    done = ssh("zoe", f"conda activate ai_env && python -m pip install {WHEELS} uv")
    assert done.returncode == 1
    assert [way for way in WAYS if way not in done.stderr] == [], done.stderr


def test_conda_refuses_and_newer_ones_are_told_the_ways(host, generation):
    done = ssh("zoe", "conda install -y -n ai_env bed-greeter==2.0")
    assert done.returncode == 1
    assert "EnvironmentNotWritableError" in done.stderr  # conda 24.7.1; CEP 22 came later
    message = json.loads(host.file(f"{generation}/conda-meta/frozen").content_string)["message"]
    assert [way for way in WAYS if way not in message] == []


def test_presets_reach_the_shared_kernel(generation):
    code = "import json, os, sys; print(json.dumps([sys.prefix, os.environ['CUDA_DEVICE_ORDER'], os.environ['OMP_NUM_THREADS']]))"
    assert json.loads(execute("zoe", "ai_env", code)) == [generation, "PCI_BUS_ID", "8"]
