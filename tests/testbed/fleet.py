# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fleets: make the containers as an inventory wants them, and take them away again."""

from __future__ import annotations

import concurrent.futures
import json
import pathlib
import subprocess
import time
import typing as t

from testbed import cache, identity, images, runtime, web
from testbed.inventory import Fleet, Host, WEB_NAME
from testbed.runtime import OWNER_LABEL, BedError, Podman

_SPECIFICATION = "lockstep.gpufleet.specification"
_HOST_KEYS = "lockstep.gpufleet.host-keys"
_BOOT_SECONDS = 90.0
_AT_ONCE = 4


def up(fleet: Fleet, state: pathlib.Path, fresh: bool, say: t.Callable[[str], None]) -> None:
    """Make the fleet run. What already runs as wanted stays; what differs, or all with ``fresh``, is made anew.

    ``state`` is the directory with the tests' login key; ``known_hosts.d/N`` is written there. Raises ``BedError``.
    """
    public_key = identity.login_key(state)
    wanted_images = images.ensure_all([WEB_NAME, *(host.image for host in fleet.hosts)], say)
    podman = runtime.find_podman(wanted_images[fleet.hosts[0].image])
    with cache.locked(f"network-{fleet.number}"):
        if fresh:
            _remove(podman, fleet.network)
        _ensure_network(podman, fleet)
        present = _containers(podman, fleet.network)
        wanted = {fleet.container(host.name) for host in fleet.hosts} | {fleet.container(WEB_NAME)}
        for name in sorted(set(present) - wanted):
            podman.run("rm", "--force", "--time=0", "--volumes", name)
        _ensure_web(podman, fleet, wanted_images[WEB_NAME], present)
        with concurrent.futures.ThreadPoolExecutor(_AT_ONCE) as pool:
            jobs = [
                pool.submit(_ensure_host, podman, fleet, host, wanted_images[host.image], public_key, present)
                for host in fleet.hosts
            ]
            started = [job.result() for job in jobs]
        present = _containers(podman, fleet.network)
        pinned = {host: _pinned_keys(present[fleet.container(host.name)]) for host in fleet.hosts}
        lines = "".join(identity.known_hosts(host, keys) for host, keys in pinned.items())
        cache.write_atomically(state / "known_hosts.d" / str(fleet.number), lines)
        with concurrent.futures.ThreadPoolExecutor(len(fleet.hosts)) as pool:
            list(pool.map(lambda host: _wait_for_host(podman, fleet, host, pinned[host], _BOOT_SECONDS), fleet.hosts))
    say(f"{fleet.network}: {len(fleet.hosts)} up, of them {sum(started)} started now; web server at {fleet.web_address}")


def down(fleet: Fleet) -> None:
    """Remove all containers of the fleet and its network; what is absent is no error."""
    with cache.locked(f"network-{fleet.number}"):
        _remove(runtime.plain_podman(), fleet.network)


def clean() -> list[str]:
    """Remove every container and network that the bed owns; return their names."""
    podman = runtime.plain_podman()
    owned = podman.run("ps", "--all", "--filter", f"label={OWNER_LABEL}", "--format={{.Names}}").stdout.split()
    for name in owned:
        podman.run("rm", "--force", "--time=0", "--volumes", "--ignore", name)
    networks = podman.run("network", "ls", "--filter", f"label={OWNER_LABEL}", "--format={{.Name}}").stdout.split()
    for name in networks:
        podman.run("network", "rm", "--force", name)
    return owned + networks


def listing() -> str:
    """Return podman's table of what the bed owns."""
    columns = "table {{.Names}}\t{{.Status}}\t{{.Networks}}\t{{.Image}}"
    return runtime.plain_podman().run("ps", "--all", "--filter", f"label={OWNER_LABEL}", "--format", columns).stdout


def execute(fleet: Fleet, name: str, command: list[str], interactive: bool) -> int:
    """Run a command on a host through podman, past its network and sshd; return its exit status."""
    podman = _podman_of(fleet)
    options = ["--interactive", "--tty"] if interactive else ["--interactive"]
    argv = ["podman", "exec", *options, fleet.container(name), *command]
    return subprocess.run(argv, env=podman.environment(), check=False).returncode


def kill(fleet: Fleet, name: str) -> None:
    """Cut the power of a host: nothing on it gets to write another byte."""
    _podman_of(fleet).run("kill", "--signal=KILL", fleet.container(name))


def restart(fleet: Fleet, name: str) -> None:
    """Cut the power of a host, if it has any, and start it again; return when it has booted, whatever its sshd does."""
    podman = _podman_of(fleet)
    container = fleet.container(name)
    podman.run("kill", "--signal=KILL", container, check=False)
    podman.run("wait", container, timeout=30)
    podman.run("start", container)
    if name == WEB_NAME:
        return
    boot_state = podman.wait_for_boot(container, _BOOT_SECONDS)
    if boot_state not in ("running", "degraded"):
        raise BedError(f"{name} did not boot within {_BOOT_SECONDS:.0f} s (systemd says: {boot_state})")


def _podman_of(fleet: Fleet) -> Podman:
    return runtime.known_podman() or runtime.find_podman(images.ensure(fleet.hosts[0].image))


def _containers(podman: Podman, network: str) -> dict[str, dict[str, t.Any]]:
    """Return what podman knows of the containers of a network, by name."""
    output = podman.run("ps", "--all", "--filter", f"label={OWNER_LABEL}={network}", "--format=json").stdout
    return {entry["Names"][0]: entry for entry in json.loads(output or "[]")}


def _remove(podman: Podman, network: str) -> None:
    names = sorted(_containers(podman, network))
    if names:
        podman.run("rm", "--force", "--time=0", "--volumes", "--ignore", *names)
    if podman.run("network", "exists", network, check=False).returncode == 0:
        podman.run("network", "rm", "--force", network)


def _ensure_network(podman: Podman, fleet: Fleet) -> None:
    if podman.run("network", "exists", fleet.network, check=False).returncode:
        prefix = f"10.88.{fleet.number}"
        podman.for_networks().run(
            "network", "create", "--disable-dns", f"--subnet={prefix}.0/24", f"--gateway={prefix}.1",
            f"--label={OWNER_LABEL}={fleet.network}", fleet.network,
        )


def _attachment(fleet: Fleet, address: str) -> str:
    """Return podman's network option. The hardware address follows from the IP address, so it survives a power cycle;
    with a new one after each, neighbours would talk to the old one for up to a minute."""
    hardware = ":".join(f"{byte:02x}" for byte in (2, 0, *map(int, address.split("."))))
    return f"{fleet.network}:ip={address},mac={hardware}"


def _keep(podman: Podman, container: str, specification: str, present: dict[str, dict[str, t.Any]]) -> bool | None:
    """Keep a container of this specification: True when it ran, False when it was started. None: it must be made.

    One that never ran is not kept: it may lack its files, because its making was cut short.
    """
    known = present.get(container)
    if known and known["State"] != "created" and known["Labels"].get(_SPECIFICATION) == specification:
        if known["State"] == "running":
            return True
        podman.run("start", container)
        return False
    podman.run("rm", "--force", "--time=0", "--volumes", "--ignore", container)
    return None


def _ensure_web(podman: Podman, fleet: Fleet, image: str, present: dict[str, dict[str, t.Any]]) -> None:
    container = fleet.container(WEB_NAME)
    specification = cache.content_key(image, web.specification(), _attachment(fleet, fleet.web_address))
    web.root()
    if _keep(podman, container, specification, present) is None:
        podman.run(
            "run", "--detach", "--name", container, "--hostname", WEB_NAME,
            "--network", _attachment(fleet, fleet.web_address), "--label", f"{OWNER_LABEL}={fleet.network}",
            "--label", f"{_SPECIFICATION}={specification}", *web.run_arguments(), image, *web.COMMAND,
        )


def _ensure_host(
    podman: Podman, fleet: Fleet, host: Host, image: str, public_key: str, present: dict[str, dict[str, t.Any]]
) -> bool:
    """Make one host run; return whether it was started by this call."""
    container = fleet.container(host.name)
    attachment = _attachment(fleet, host.address)
    specification = cache.content_key(image, repr(host), attachment, public_key, pathlib.Path(identity.__file__))
    kept = _keep(podman, container, specification, present)
    if kept is not None:
        return not kept
    keys = identity.new_host_keys(f"root@{host.name}")
    podman.run(
        "create", "--name", container, "--hostname", host.name, "--systemd=always",
        f"--cap-add={','.join(runtime.HOST_CAPABILITIES)}", "--network", attachment,
        "--no-hosts",  # /etc/hosts is a file of the host's own, not a mount that nobody can replace
        "--label", f"{OWNER_LABEL}={fleet.network}", "--label", f"{_SPECIFICATION}={specification}",
        "--label", f"{_HOST_KEYS}={json.dumps([public for private, public in keys.values()])}",
        image, "/sbin/init",
    )
    try:
        root = pathlib.Path(podman.run("mount", container).stdout.strip())
        try:
            identity.place(root, identity.files_of(host, public_key, keys, fleet.web_address))
        finally:
            podman.run("umount", container)
        podman.run("start", container)
    except BaseException:
        # A host that is only half made must not pass for a finished one in the next call.
        podman.run("rm", "--force", "--time=0", "--volumes", "--ignore", container, check=False)
        raise
    return True


def _pinned_keys(entry: dict[str, t.Any]) -> list[str]:
    """Return the public host keys that a container was made with."""
    return json.loads(entry["Labels"][_HOST_KEYS])


def _wait_for_host(podman: Podman, fleet: Fleet, host: Host, pinned: list[str], seconds: float) -> None:
    """Wait until the host has booted and its sshd proves, by a key exchange, that it holds a pinned key."""
    deadline = time.monotonic() + seconds
    container = fleet.container(host.name)
    boot_state = podman.wait_for_boot(container, seconds)
    wanted = {" ".join(key.split()[:2]) for key in pinned}
    offered: set[str] = set()
    while time.monotonic() < deadline:
        scan = subprocess.run(
            ["ssh-keyscan", "-T", "2", "-t", "ed25519,ecdsa,rsa", host.address],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
        )
        offered = {" ".join(line.split()[1:3]) for line in scan.stdout.splitlines() if not line.startswith("#")}
        if offered & wanted:
            return
        time.sleep(0.3)
    if offered:
        raise BedError(f"{host.name} shows other host keys than the bed gave it; make it anew with `up --fresh`")
    log = podman.run("exec", container, "journalctl", "--no-pager", "--lines=20", check=False).stdout
    log += podman.run("logs", "--tail=20", container, check=False).stdout
    raise BedError(f"no sshd at {host.address} ({host.name}) within {seconds:.0f} s; systemd says: {boot_state}\n{log}")
