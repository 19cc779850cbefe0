# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""make demo: three bare Debian hosts become hardened conda and Jupyter servers, over SSH, by one playbook.

Everything is real: hosts with systemd and sshd, a conda channel served over HTTP, a real Miniconda-style installer. All of it comes
from the test bed on this machine; the playbook, its roles and the inventory in examples/ are what users have.
"""

from __future__ import annotations

import concurrent.futures
import hashlib
import os
import pathlib
import shlex
import shutil
import subprocess
import sys
import time
import typing as t

import yaml

HERE = pathlib.Path(__file__).resolve().parent
PROJECT = HERE.parent.parent
sys.path[0] = str(HERE.parent)

from demo.playbook import Outcome, run_playbook  # noqa: E402
from demo.proofs import CLOSED_PORT, Ssh, count_packages, execute_cell, offered_methods, port_answers  # noqa: E402
from demo.showing import DemoError, Show  # noqa: E402

INVENTORY = HERE / "inventory.yml"
FOLDER = PROJECT / "build" / "demo"
BED = PROJECT / "build" / "bed"
BED_COMMAND = [sys.executable, str(PROJECT / "tests" / "testbed" / "bed.py")]
PLAYBOOK = "lockstep.gpufleet.provision"
NOTEBOOK_USER = "mia"
# What the bed gives every host: an account that logs in by password, and the login account's first password.
PASSWORD_USER, PASSWORD = "legacy", "legacy-password"
FIRST_PASSWORD = "ops-first-contact"


def main() -> int:
    """Run the demo; return the exit status."""
    show = Show()
    try:
        run_demo(show)
    except DemoError as error:
        show.error(str(error))
        show.plain("\nThe hosts are left as they are: make shell HOST=gpu01 looks at one, make demo-clean takes them down.")
        return 1
    except KeyboardInterrupt:
        show.error("Interrupted. make demo goes on from here; make demo-clean takes the hosts down.")
        return 130
    finally:
        show.rest()
    return 0


def run_demo(show: Show) -> None:
    """The demo, chapter by chapter."""
    started = time.monotonic()
    hosts = read_hosts()
    show.chapter("The bed", "a conda channel, an installer, and hosts; built once, then reused")
    bed(show, "build")
    bed(show, "up", str(INVENTORY))
    ssh = write_files(hosts)

    show.working("looking at the hosts from outside")
    keyed = on_all(hosts, lambda host, address: logs_in_by_key(ssh, host))
    by_password = [host for host in hosts if not keyed[host]]
    before = on_all(hosts, lambda host, address: look_at(ssh, host, address))
    show.chapter("The hosts")
    show.table(
        ["host", "address", "system", "login as ops", "a password", f"port {CLOSED_PORT}"],
        [
            [
                host, address, image, "by password only" if host in by_password else "by key",
                "accepted" if before[host]["password"] else "refused", before[host]["port"],
            ]
            for host, (address, image) in hosts.items()
        ],
    )  # fmt: skip

    first = provision(show, "The playbook", 1, bool(by_password))
    again = None
    if first.total:
        again = provision(show, "The playbook, again", 2, False)
        if again.total:
            raise DemoError(f"A second run should find nothing to do, and changed {again.changed}. See {FOLDER}/provision-2.log")
    show.done(f"changed=0 on {len(hosts)} hosts" + ("" if again else ": they are as the inventory describes them"))

    show.chapter("Does it work?", f"cells run as {NOTEBOOK_USER}, who has no sudo; passwords are tried as {PASSWORD_USER}, who has one")
    show.working("a cell in the kernel of each host")
    rows = on_all(hosts, lambda host, address: prove(ssh, host, address, (again or first).kernels.get(host, [])))
    for host, (row, lines) in rows.items():
        for line in lines:
            show.done(f"{host}: {line}")

    show.chapter("Your fleet", f"{time.monotonic() - started:.0f} s in all")
    show.table(["host", "environment", "generation", "kernel", "SSH", "firewall"], [row for row, _lines in rows.values()])
    show.plain()
    if again:
        show.note(f"From bare hosts to this: {first.seconds:.0f} s. A run with nothing to do: {again.seconds:.0f} s.")
    else:
        show.note(f"A run with nothing to do: {first.seconds:.0f} s.")
    folder = FOLDER.relative_to(PROJECT)
    show.note(f"The inventory, group_vars and locks are in {folder}/, and what Ansible said in {folder}/provision-1.log.")
    show.chapter("What to type next")
    show.command("make shell HOST=gpu01", "then: conda activate ai_env")
    show.command("make demo", "again: in seconds, and nothing changes")
    show.command(f"cd {folder} && . ./activate", "and then, as on a fleet of your own:")
    show.command(f"ansible-playbook {PLAYBOOK} --check --diff", "the drift report")
    show.command("make demo-clean", "in the repository: takes the hosts down")


def on_all(hosts: t.Mapping[str, tuple[str, str]], ask: t.Callable[[str, str], t.Any]) -> dict[str, t.Any]:
    """Return host -> ``ask(host, address)``, asked of all hosts at the same time; the first error is raised."""
    with concurrent.futures.ThreadPoolExecutor(len(hosts)) as pool:
        answers = {host: pool.submit(ask, host, address) for host, (address, _image) in hosts.items()}
        return {host: answer.result() for host, answer in answers.items()}


def read_hosts() -> dict[str, tuple[str, str]]:
    """Return host -> (address, image) of the demo's inventory."""
    groups = yaml.safe_load(INVENTORY.read_text(encoding="utf-8"))["all"]["children"]
    found = {}
    for group in groups.values():
        for host, variables in group["hosts"].items():
            found[host] = (variables["ansible_host"], variables.get("bed_image", "debian12"))
    return found


def bed(show: Show, *arguments: str) -> None:
    """Run one command of the test bed, showing its lines."""
    show.working("bed.py " + shlex.join(arguments[:1]))
    started = time.monotonic()
    with subprocess.Popen(
        [*BED_COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=PROJECT
    ) as process:
        last = ""
        for line in process.stdout or ():
            last = line.rstrip()
            show.note(last)
            show.working("bed.py " + shlex.join(arguments[:1]))
    if process.returncode:
        raise DemoError(f"The test bed could not {arguments[0]}: {last}")
    show.done({"build": "channel and installer are ready", "up": "the hosts are up"}[arguments[0]], time.monotonic() - started)


def write_files(hosts: t.Mapping[str, tuple[str, str]]) -> Ssh:
    """Write build/demo: the folder examples/ with the bed's addresses, hashes and key, and how to reach the hosts."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    shutil.copytree(PROJECT / "examples", FOLDER, dirs_exist_ok=True)
    shutil.copyfile(INVENTORY, FOLDER / "inventory.yml")
    told = yaml.safe_load((BED / "vars.yml").read_text(encoding="utf-8"))
    for name in ("environment.yml", "conda-lock.yml"):
        shutil.copyfile(pathlib.Path(told["bed_locks"]) / "ai_env" / name, FOLDER / "environments" / "ai_env" / name)
    for person in ("ops", NOTEBOOK_USER):
        shutil.copyfile(BED / "id_ed25519.pub", FOLDER / "keys" / f"{person}.pub")
    variables = {
        "miniconda_mirror": told["bed_installers"],
        "miniconda_release": told["bed_miniconda_release"],
        "miniconda_sha256": told["bed_miniconda_sha256"],
        "miniconda_channels": [told["bed_channel"]],
        "conda_env_engine_mirror": told["bed_wheels"],
    }
    write(
        FOLDER / "group_vars" / "gpu_servers" / "zz-bed.yml",
        "# Where this machine's test bed serves what the internet serves elsewhere. Nothing else of it is in this folder.\n"
        + yaml.safe_dump(variables, sort_keys=True, explicit_start=True),
    )
    incarnation = hashlib.sha256((BED / "known_hosts.d" / "60").read_bytes()).hexdigest()[:8]
    write(
        FOLDER / "ansible.cfg",
        "[defaults]\ninventory = inventory.yml\n"
        f"collections_path = {PROJECT / 'build' / 'collections'}\n"
        "forks = 20\ninterpreter_python = auto_silent\nnocows = true\n"
        # Named after the hosts' keys: a connection that Ansible keeps open is not offered to a host that took its place.
        f"[ssh_connection]\npipelining = true\ncontrol_path = %(directory)s/%%h-%%r-{incarnation}\n",
    )
    write(
        FOLDER / "ssh_config",
        "".join(f"Host {host}\n  HostName {address}\n" for host, (address, _image) in hosts.items())
        + f"Host {' '.join(hosts)}\n  User ops\n  IdentityFile {BED / 'id_ed25519'}\n  IdentitiesOnly yes\n"
        f"  UserKnownHostsFile {BED / 'known_hosts.d' / '60'}\n  StrictHostKeyChecking yes\n  LogLevel ERROR\n"
        "  ConnectTimeout 10\n",
    )
    write(
        FOLDER / "activate",
        f"export ANSIBLE_CONFIG={shlex.quote(str(FOLDER / 'ansible.cfg'))}\n"
        f"export PATH={shlex.quote(str(PROJECT / 'build' / 'venv' / 'bin'))}:\"$PATH\"\n",
    )
    write(FOLDER / "first-password", FIRST_PASSWORD + "\n", mode=0o600)
    return Ssh(FOLDER / "ssh_config")


def write(path: pathlib.Path, text: str, mode: int = 0o644) -> None:
    """Write a file of the demo with exactly this mode."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    path.chmod(mode)


def logs_in_by_key(ssh: Ssh, host: str) -> bool:
    """Say whether the login account gets in, and becomes root, without any password."""
    return ssh.run(host, "sudo -n true").returncode == 0


def look_at(ssh: Ssh, host: str, address: str) -> dict[str, t.Any]:
    """Return whether a password opens the host, what it says to that, and how it answers a connection to a closed port."""
    accepted, said = ssh.password_login(host, PASSWORD_USER, PASSWORD)
    return {"password": accepted, "methods": offered_methods(said), "said": said, "port": port_answers(address, CLOSED_PORT)}


def provision(show: Show, title: str, number: int, by_password: bool) -> Outcome:
    """Run the playbook once. With ``by_password`` Ansible gets the password that -k and -K would ask for."""
    show.chapter(title)
    show.command(f"ansible-playbook {PLAYBOOK} -i inventory.yml" + (" -k -K" if by_password else ""))
    argv = [str(pathlib.Path(sys.executable).parent / "ansible-playbook"), PLAYBOOK, "-i", "inventory.yml"]
    if by_password:
        argv += ["--connection-password-file", "first-password", "--become-password-file", "first-password"]
    outcome = run_playbook(argv, FOLDER, FOLDER / f"provision-{number}.log", HERE / "callback", show)
    changes = ", ".join(f"{host} {count}" for host, count in outcome.changed.items())
    show.done(f"all hosts done; tasks that changed something: {changes}", outcome.seconds)
    return outcome


def prove(ssh: Ssh, host: str, address: str, kernels: t.Sequence[t.Mapping[str, t.Any]]) -> tuple[list[str], list[str]]:
    """Try that a host does what it is for, and nothing else. Return its row of the summary, and what was seen."""
    kernel = next((kernel for kernel in kernels if kernel["environment"] == "ai_env"), None)
    if kernel is None:
        raise DemoError(f"{host}: the playbook registered no kernel for ai_env.")
    answer = execute_cell(ssh, host, NOTEBOOK_USER, kernel["name"], kernel["prefix"])
    seen = look_at(ssh, host, address)
    if seen["password"] or seen["methods"] != "publickey":
        raise DemoError(f"{host}: a login by password should be refused, and ssh said: {seen['said'] or 'welcome'}")
    if seen["port"] != "silent":
        raise DemoError(f"{host}: port {CLOSED_PORT} should not answer from outside, and it is {seen['port']}.")
    packages = count_packages(ssh, host, kernel["prefix"])
    generation = pathlib.PurePath(kernel["prefix"]).parts[-3]
    lines = [
        f"a cell in the kernel {kernel['name']}: Python {answer['python']}, numpy {answer['numpy']}, in generation {generation}",
        f"a login by password is refused: {seen['said'].rsplit(': ', 1)[-1].rstrip('.')}",
    ]
    return [host, f"ai_env, {packages}", generation, f"{kernel['display_name']}", "keys only", "SSH, else silent"], lines


if __name__ == "__main__":
    sys.exit(main())
